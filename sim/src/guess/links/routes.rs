//! Who leads on: peers that carry addresses which are not on their link are gateways.
//!
//! The one that carries most addresses gets the default route; the others get a route for each /24
//! that they carry. Of a router that was recorded on one side only, the other side is made up.

use super::{Attached, Network, own_addresses, subnets};
use crate::guess::many;
use crate::guess::observe::{Observed, of};
use dataplane::Mac;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Routes by one gateway.
const ROUTES: usize = 64;

/// A route.
#[derive(Debug)]
pub(in crate::guess) struct Route {
    pub(in crate::guess) to: Ipv4Net,
    pub(in crate::guess) via: Ipv4Addr,
    /// Index of its device; nothing: the port that was not recorded.
    pub(in crate::guess) device: Option<usize>,
    pub(in crate::guess) why: String,
}

/// The port of a router that was not recorded.
#[derive(Debug)]
pub(in crate::guess) struct Far {
    /// Packets that must have left by it.
    pub(in crate::guess) packets: u64,
    /// Addresses that they were for.
    pub(in crate::guess) destinations: usize,
    /// A made-up address for it, with its subnet.
    pub(in crate::guess) address: Ipv4Net,
    /// A made-up gateway there.
    pub(in crate::guess) gateway: Ipv4Addr,
}

/// A peer that carries what is not its own.
struct Gateway {
    device: usize,
    mac: Mac,
    /// Its own address on the link, if it is known.
    via: Option<Ipv4Addr>,
    foreign: BTreeMap<Ipv4Addr, u64>,
}

/// Finds all routes.
pub(super) fn find(network: &mut Network, observed: &Observed, between: bool) {
    let mut gateways = gateways(&network.devices);
    gateways.sort_by_key(|g| std::cmp::Reverse((g.foreign.len(), g.foreign.values().sum::<u64>())));
    let far = if between { None } else { unrecorded(network, observed, &gateways) };
    if let Some(Far { packets, destinations, gateway, .. }) = &far {
        let packets = many(*packets, "packet", "packets");
        let destinations = many(*destinations as u64, "address", "addresses");
        let why = format!("{packets} to the device for {destinations} that no station here has");
        let to = Ipv4Net::default();
        network.routes.push(Route { to, via: *gateway, device: None, why });
    }
    let mut default = far.is_none();
    network.far = far;
    let own = own_addresses(&network.devices);
    for gateway in gateways {
        let via = address(&mut network.devices[gateway.device], &gateway, &own);
        let Some(via) = via else { continue };
        let packets = many(gateway.foreign.values().sum(), "packet", "packets");
        let addresses = many(gateway.foreign.len() as u64, "address", "addresses");
        let why = match between {
            true => format!("{} has {addresses}, in {packets}", gateway.mac),
            false => format!("{} carries {addresses} of others, in {packets}", gateway.mac),
        };
        let prefixes = match (std::mem::take(&mut default), between) {
            (true, _) => BTreeSet::from([Ipv4Net::default()]),
            (false, true) => gateway.foreign.keys().map(|ip| Ipv4Net::from(*ip)).collect(),
            (false, false) => prefixes(&gateway.foreign, &network.devices),
        };
        for to in prefixes.into_iter().take(ROUTES) {
            let device = Some(gateway.device);
            let twice = network.routes.iter().any(|r| (r.to, r.device) == (to, device));
            if !twice {
                network.routes.push(Route { to, via, device, why: why.clone() });
            }
        }
    }
}

fn gateways(devices: &[Attached]) -> Vec<Gateway> {
    let mut gateways = Vec::new();
    for (index, device) in devices.iter().enumerate() {
        for peer in &device.peers {
            let foreign: BTreeMap<Ipv4Addr, u64> = peer
                .carried
                .iter()
                .filter(|(ip, _)| !devices.iter().any(|d| d.on_link(**ip) || d.has(**ip)))
                .map(|(ip, n)| (*ip, *n))
                .collect();
            if foreign.is_empty() {
                continue;
            }
            let met =
                |ip: &Ipv4Addr| device.neighbours.get(ip).is_some_and(|(m, _)| *m == peer.mac);
            let mine = peer.own.iter().filter(|(ip, _)| met(ip));
            let via = mine.max_by_key(|(_, n)| **n).map(|(ip, _)| *ip);
            gateways.push(Gateway { device: index, mac: peer.mac, via, foreign });
        }
    }
    gateways
}

/// The gateway's address on the link; a made-up one, as a neighbour, if none is known.
fn address(device: &mut Attached, gateway: &Gateway, own: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
    if gateway.via.is_some() {
        return gateway.via;
    }
    let (net, _) = device.addresses.iter().find(|(net, _)| net.prefix_len() <= 30)?;
    let ip = subnets::free(&net.trunc(), device, own)?;
    let why = "made up: a gateway that never told its own address".to_owned();
    device.neighbours.insert(ip, (gateway.mac, why));
    Some(ip)
}

/// The /24s of addresses; single addresses where a /24 would touch a link of ours.
fn prefixes(foreign: &BTreeMap<Ipv4Addr, u64>, devices: &[Attached]) -> BTreeSet<Ipv4Net> {
    let ours = |net: &Ipv4Net| {
        let nets = || devices.iter().flat_map(|d| d.addresses.iter()).map(|(n, _)| n.trunc());
        nets().any(|other| other.contains(net) || net.contains(&other))
    };
    let prefix = |ip: &Ipv4Addr| {
        let wide = Ipv4Net::new(*ip, 24).map(|n| n.trunc()).ok().filter(|n| !ours(n));
        wide.unwrap_or(Ipv4Net::from(*ip))
    };
    foreign.keys().map(prefix).collect()
}

/// Packets that came to the device for addresses that nobody on its only link has: it is a router,
/// and its other side was not recorded.
fn unrecorded(network: &Network, observed: &Observed, gateways: &[Gateway]) -> Option<Far> {
    let ([port], [device]) = (network.ports.as_slice(), network.devices.as_slice()) else {
        return None;
    };
    let link = observed.sides[port.side].links.get(&device.vlan)?;
    let mut rest = of(&link.to, port.mac);
    rest.retain(|ip, _| {
        !device.has(*ip)
            && !device.on_link(*ip)
            && !gateways.iter().any(|g| g.foreign.contains_key(ip))
    });
    let destinations = rest.len();
    if destinations == 0 {
        return None;
    }
    // Of the networks that are set aside for tests (RFC 2544), one that is not in use here.
    let clear = |net: &Ipv4Net| !device.addresses.iter().any(|(own, _)| own.contains(&net.addr()));
    let nets = [18, 19].map(|second| Ipv4Net::new(Ipv4Addr::new(198, second, 255, 1), 30));
    let address = nets.into_iter().filter_map(Result::ok).find(clear)?;
    let gateway = Ipv4Addr::from(u32::from(address.addr()) + 1);
    Some(Far { packets: rest.values().sum(), destinations, address, gateway })
}
