//! What the device's links look like: its addresses and subnets, its neighbours, and who leads on.
//!
//! Invariant: an address belongs to one link, and a gateway is on the subnet of its link.

mod routes;
mod subnets;

pub(super) use routes::{Far, Route};

use super::device::Device;
use super::observe::{Counts, Link, Observed, is_host, of};
use super::{many, times};
use crate::plan::Ours;
use dataplane::Mac;
use dataplane::config::Limits;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// VLANs of a port, addresses of a device: what a fuzzed capture shall not exceed.
const MANY: usize = 16;
/// Neighbours of a device.
pub(super) const NEIGHBOURS: usize = 256;

/// What is around the device.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub(super) ports: Vec<Port>,
    pub(super) devices: Vec<Attached>,
    pub(super) routes: Vec<Route>,
    /// A port that was not recorded.
    pub(super) far: Option<Far>,
}

/// A port.
#[derive(Debug)]
pub(super) struct Port {
    /// The side that it is made of.
    pub(super) side: usize,
    /// What its name gets at the end.
    pub(super) suffix: &'static str,
    pub(super) mac: Mac,
    pub(super) why: String,
    pub(super) mtu: Option<(u16, String)>,
    /// What sends no input.
    pub(super) ours: Mac,
    pub(super) frames: u64,
    /// The only station on its other end, if it is between two.
    only: Option<Mac>,
}

/// The device on one link.
#[derive(Debug)]
pub(super) struct Attached {
    /// Index of its port.
    pub(super) port: usize,
    /// Its VLAN; 0 is untagged.
    pub(super) vlan: u16,
    pub(super) addresses: Vec<(Ipv4Net, String)>,
    pub(super) mtu: Option<(u16, String)>,
    /// By address: whose it is, and on what evidence.
    pub(super) neighbours: BTreeMap<Ipv4Addr, (Mac, String)>,
    own: Vec<(Ipv4Addr, u64, String)>,
    peers: Vec<Peer>,
    /// Every address that was seen here.
    seen: BTreeSet<Ipv4Addr>,
}

/// Another station.
#[derive(Debug)]
struct Peer {
    mac: Mac,
    /// Addresses that are its own: it said so, or has but one.
    own: Counts<Ipv4Addr>,
    by_arp: bool,
    /// Every address that it sent from or was sent to.
    carried: Counts<Ipv4Addr>,
}

/// Finds what is around the device.
pub(super) fn network(observed: &Observed, device: &Device, ours: &[Ours]) -> Network {
    let mut network = Network { ports: ports(observed, device), ..Network::default() };
    for (index, port) in network.ports.iter().enumerate() {
        let seen = &observed.sides[port.side];
        let mut links: Vec<(&u16, &Link)> = seen
            .links
            .iter()
            .filter(|(vlan, link)| **vlan == 0 || link.involves(port.mac))
            .collect();
        links.sort_by_key(|(vlan, link)| (**vlan != 0, std::cmp::Reverse(link.from.len())));
        links.truncate(MANY);
        links.sort_by_key(|(vlan, _)| **vlan);
        if links.is_empty() {
            network.devices.push(Attached::new(index, 0));
        }
        for (vlan, link) in links {
            network.devices.push(Attached::of(index, *vlan, link, port, observed));
        }
    }
    given(&mut network.devices, ours);
    one_owner(&mut network.devices);
    let between = matches!(device, Device::Between(..));
    subnets::choose(&mut network.devices, between);
    let own = own_addresses(&network.devices);
    for device in &mut network.devices {
        device.meet(&own);
    }
    routes::find(&mut network, observed, between);
    sizes(&mut network, observed);
    network
}

fn ports(observed: &Observed, device: &Device) -> Vec<Port> {
    match device {
        Device::Stations(faces) => {
            let port = |(side, face): (usize, &super::device::Face)| Port {
                side,
                suffix: "",
                mac: face.mac,
                why: face.why.clone(),
                mtu: None,
                ours: face.mac,
                frames: observed.sides[side].frames,
                only: None,
            };
            faces.iter().enumerate().map(port).collect()
        }
        Device::Between(a, b) => {
            let port = |suffix, mac: Mac, only: Mac| Port {
                side: 0,
                suffix,
                mac,
                why: format!("that of the other host: {only} sends to it"),
                mtu: None,
                ours: mac,
                frames: observed.sides[0].frames,
                only: Some(only),
            };
            vec![port("-a", *b, *a), port("-b", *a, *b)]
        }
    }
}

impl Attached {
    fn new(port: usize, vlan: u16) -> Attached {
        Attached {
            port,
            vlan,
            addresses: Vec::new(),
            mtu: None,
            neighbours: BTreeMap::new(),
            own: Vec::new(),
            peers: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    fn of(index: usize, vlan: u16, link: &Link, port: &Port, observed: &Observed) -> Attached {
        let mut device = Attached::new(index, vlan);
        let tables = [&link.arp, &link.from, &link.to];
        device.seen = tables.iter().flat_map(|t| t.keys().map(|(_, ip)| *ip)).collect();
        device.seen.extend(link.asked.keys());
        if port.only.is_none() {
            let forwards = observed.forwarders.contains_key(&(port.side, port.mac));
            device.own = own(link, port.mac, forwards);
        }
        let mut stations = link.stations(port.mac);
        if let Some(only) = port.only {
            stations.retain(|mac| *mac == only);
        }
        device.peers = stations.into_iter().map(|mac| Peer::new(link, mac)).collect();
        device
    }

    /// Neighbours: those of its peers' own addresses that are on a subnet of the device.
    fn meet(&mut self, own: &BTreeSet<Ipv4Addr>) {
        for peer in &self.peers {
            for (ip, n) in &peer.own {
                if own.contains(ip) || !self.on_link(*ip) || self.neighbours.len() >= NEIGHBOURS {
                    continue;
                }
                let why = match peer.by_arp {
                    true => format!("said so by ARP {}", times(*n)),
                    false => format!("its only address, in {}", many(*n, "packet", "packets")),
                };
                self.neighbours.entry(*ip).or_insert((peer.mac, why));
            }
        }
    }

    fn has(&self, ip: Ipv4Addr) -> bool {
        self.addresses.iter().any(|(net, _)| net.addr() == ip)
    }

    fn on_link(&self, ip: Ipv4Addr) -> bool {
        let inside = |net: &Ipv4Net| {
            let edge = net.prefix_len() < 31 && (ip == net.network() || ip == net.broadcast());
            net.contains(&ip) && !edge
        };
        self.addresses.iter().any(|(net, _)| inside(net))
    }
}

impl Peer {
    fn new(link: &Link, mac: Mac) -> Peer {
        let mut carried = of(&link.from, mac);
        for (ip, n) in of(&link.to, mac) {
            *carried.entry(ip).or_default() += n;
        }
        let arp = of(&link.arp, mac);
        let by_arp = !arp.is_empty();
        let own = match (by_arp, carried.len()) {
            (true, _) => arp,
            (false, 1) => carried.clone(),
            (false, _) => Counts::new(),
        };
        Peer { mac, own, by_arp, carried }
    }
}

/// All addresses that the device has.
fn own_addresses(devices: &[Attached]) -> BTreeSet<Ipv4Addr> {
    devices.iter().flat_map(|d| d.addresses.iter()).map(|(net, _)| net.addr()).collect()
}

/// The addresses that the device has on a link, the surest first.
fn own(link: &Link, mac: Mac, forwards: bool) -> Vec<(Ipv4Addr, u64, String)> {
    let mut found: BTreeMap<Ipv4Addr, (u64, String)> = BTreeMap::new();
    for (ip, n) in of(&link.arp, mac) {
        found.insert(ip, (n, format!("this MAC said so by ARP {}", times(n))));
    }
    for (ip, n) in of(&link.errors, mac) {
        let why = format!("this MAC sent {} from it", many(n, "ICMP error", "ICMP errors"));
        found.entry(ip).or_insert((n, why));
    }
    let received = of(&link.to, mac);
    if let (true, false, Some((ip, n))) = (found.is_empty(), forwards, received.iter().next())
        && received.len() == 1
    {
        let packets = many(*n, "packet", "packets");
        // Weaker than anything that the device said itself, however often.
        found.insert(*ip, (0, format!("{packets} to this MAC, and all are for it")));
    }
    let mut found: Vec<_> = found.into_iter().map(|(ip, (n, why))| (ip, n, why)).collect();
    if let (true, Some((ip, n))) = (found.is_empty(), link.asked.iter().max_by_key(|(_, n)| **n))
        && !link.arp.keys().any(|(_, known)| known == ip)
        && !link.involves(mac)
    {
        found.push((*ip, 0, format!("asked for by ARP {}, and nobody here has it", times(*n))));
    }
    found.sort_by_key(|(ip, n, _)| (std::cmp::Reverse(*n), *ip));
    found.truncate(MANY);
    found
}

/// Addresses that somebody named, and that no frame shows to be the device's.
fn given(devices: &mut [Attached], ours: &[Ours]) {
    for ours in ours {
        let Ours::Ip(ip) = ours else { continue };
        let known = devices.iter().any(|d| d.own.iter().any(|(own, ..)| own == ip));
        if known || !is_host(*ip) {
            continue;
        }
        let shown = devices.iter().position(|d| d.seen.contains(ip)).unwrap_or(0);
        if let Some(device) = devices.get_mut(shown) {
            device.own.insert(0, (*ip, u64::MAX, "as given".to_owned()));
        }
    }
}

/// An address that several links claim is that link's which shows it most often. One that another
/// station claims more often is not the device's at all.
fn one_owner(devices: &mut [Attached]) {
    let mut best: BTreeMap<Ipv4Addr, (u64, usize)> = BTreeMap::new();
    for (index, device) in devices.iter().enumerate() {
        for (ip, n, _) in &device.own {
            let entry = best.entry(*ip).or_insert((*n, index));
            if *n > entry.0 {
                *entry = (*n, index);
            }
        }
    }
    for (index, device) in devices.iter_mut().enumerate() {
        let Attached { own, peers, .. } = device;
        own.retain(|(ip, n, _)| {
            let claimed = peers.iter().filter(|p| p.by_arp).filter_map(|p| p.own.get(ip)).max();
            best.get(ip).is_some_and(|(_, owner)| *owner == index)
                && claimed.is_none_or(|claimed| claimed <= n)
        });
    }
}

/// How long packets may be: what was seen, and what the device itself said.
fn sizes(network: &mut Network, observed: &Observed) {
    let (_, most) = Limits::MTU;
    for port in &mut network.ports {
        let longest =
            observed.sides[port.side].links.values().map(|l| l.longest).max().unwrap_or(0);
        if longest > 1500 {
            let why = format!("the longest IPv4 packet here has {longest} bytes");
            port.mtu = Some((longest.min(most), why));
        }
    }
    let hints: Vec<(Ipv4Addr, u16)> = network
        .ports
        .iter()
        .flat_map(|port| {
            let links = observed.sides[port.side].links.values();
            let mine = links.flat_map(|l| l.mtus.iter()).filter(|((mac, _), _)| *mac == port.mac);
            mine.map(|((_, ip), mtu)| (*ip, *mtu)).collect::<Vec<_>>()
        })
        .collect();
    for (ip, mtu) in hints {
        let behind = network.routes.iter().filter(|r| r.to.contains(&ip));
        let route = behind.max_by_key(|r| r.to.prefix_len()).and_then(|r| r.device);
        let link = network.devices.iter().position(|d| d.on_link(ip)).or(route);
        let Some(device) = link.and_then(|at| network.devices.get_mut(at)) else { continue };
        let most = network.ports[device.port].mtu.as_ref().map_or(1500, |(mtu, _)| *mtu);
        if (68..most).contains(&mtu) {
            let why = format!("the device said so by ICMP 3/4, of a packet to {ip}");
            device.mtu = Some((mtu, why));
        }
    }
}
