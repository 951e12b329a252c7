//! Where a packet goes: local addresses, connected subnets, routes by gateway; longest prefix first.
//!
//! Rank 5 and 8 of the path. Spec 3.3.
//!
//! Invariant: two routes differ in prefix, in device, or one of them is connected: addresses bring it.
//! Not here: what happens to the packet then (`ipv4.rs`), the MAC of the next hop (`neigh.rs`).
//!
//! DPVS: route.c keeps one list sorted by prefix length and walks it for each packet. We keep one
//! ordered table a prefix length, for whoever asks for a prefix, and beside them, for packets, the routes
//! that are used (`used.rs`): however many there are, a lookup reads at most eight places.

mod trie;
mod used;

use crate::config::{Config, RouteConfig};
use crate::device::{Device, Devices};
use crate::planted::{Defect, Planted};
use crate::types::PortId;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use used::Used;

/// A way out: the device, the next address on its link, and how large a packet may be.
///
/// All in one word, which goes along with each packet: see [`Step`](crate::path::Step).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hop(u64);

impl Hop {
    /// The way out by `dev`, to a gateway, or to the destination itself, which is on the link. The
    /// largest IPv4 packet has `mtu` bytes.
    #[inline]
    pub const fn new(dev: PortId, gateway: Option<Ipv4Addr>, mtu: u16) -> Hop {
        let gateway = match gateway {
            Some(gateway) => gateway.to_bits(),
            None => 0,
        };
        Hop((gateway as u64) << 32 | (mtu as u64) << 16 | dev.0 as u64)
    }

    /// The same with another MTU.
    #[inline]
    pub const fn with_mtu(self, mtu: u16) -> Hop {
        Hop(self.0 & !(0xffff << 16) | (mtu as u64) << 16)
    }

    /// The device to leave by.
    #[inline]
    pub const fn dev(self) -> PortId {
        let [low, high, ..] = self.0.to_le_bytes();
        PortId(u16::from_le_bytes([low, high]))
    }

    /// The gateway; nothing when the destination itself is on the link. No gateway is 0.0.0.0.
    #[inline]
    pub const fn gateway(self) -> Option<Ipv4Addr> {
        let [_, _, _, _, a, b, c, d] = self.0.to_le_bytes();
        match u32::from_le_bytes([a, b, c, d]) {
            0 => None,
            bits => Some(Ipv4Addr::from_bits(bits)),
        }
    }

    /// The largest IPv4 packet, in bytes.
    #[inline]
    pub const fn mtu(self) -> u16 {
        let [_, _, low, high, ..] = self.0.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// The address on the link that gets a packet for `dst`.
    #[inline]
    pub fn next(self, dst: Ipv4Addr) -> Ipv4Addr {
        self.gateway().unwrap_or(dst)
    }
}

impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dev, gateway, mtu) = (self.dev(), self.gateway(), self.mtu());
        f.debug_struct("Hop")
            .field("dev", &dev)
            .field("gateway", &gateway)
            .field("mtu", &mtu)
            .finish()
    }
}

/// What the table says of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed {
    /// It is our own address.
    Local,
    /// It is reached by this hop.
    Forward(Hop),
}

/// A route as the table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    hop: Hop,
    /// The MTU that it was given, if it was given one.
    asked: Option<u16>,
    /// How many addresses bring it: none, if it was added by itself. A connected route is there
    /// while there is one (DPVS: the first address that goes takes it along, defect B31).
    addresses: u32,
}

/// A route, for whoever lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Where to.
    pub to: Ipv4Net,
    /// The device to leave by.
    pub dev: PortId,
    /// The gateway; nothing when the destination is on the link.
    pub via: Option<Ipv4Addr>,
    /// The largest IPv4 packet, in bytes.
    pub mtu: u16,
    /// Whether an address brings it.
    pub connected: bool,
}

/// The routes of one lcore.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// Our addresses, in their order: few, and asked for with each packet.
    local: Vec<(Ipv4Addr, PortId)>,
    /// `by_length[n]`: the routes whose prefix has `n` bits, by network address.
    by_length: Vec<BTreeMap<u32, Vec<Entry>>>,
    /// The first route to each prefix: those that are used.
    used: Used,
    planted: Planted,
}

impl PartialEq for Routes {
    /// What is used follows from what there is; how it lies in memory tells of its past.
    fn eq(&self, other: &Routes) -> bool {
        (&self.local, &self.by_length) == (&other.local, &other.by_length)
    }
}

impl Eq for Routes {}

impl Routes {
    /// The routes that addresses bring, and the configured ones.
    pub fn new(config: &Config, devices: &Devices) -> Routes {
        let (by_length, planted) = (vec![BTreeMap::new(); 33], config.planted);
        let mut routes = Routes { by_length, planted, ..Routes::default() };
        for device in devices.iter() {
            for net in &device.addresses {
                routes.connect(*net, device, usize::MAX);
            }
        }
        for route in &config.routes {
            // What an address brings is there already.
            if !routes.has(route.to, route.dev) {
                routes.add(*route, devices.get(route.dev).mtu, usize::MAX);
            }
        }
        routes
    }

    fn at(&self, to: Ipv4Net) -> &[Entry] {
        let table = &self.by_length[usize::from(to.prefix_len())];
        table.get(&to.network().to_bits()).map_or(&[], Vec::as_slice)
    }

    fn at_mut(&mut self, to: Ipv4Net) -> Option<&mut Vec<Entry>> {
        let table = &mut self.by_length[usize::from(to.prefix_len())];
        table.get_mut(&to.network().to_bits())
    }

    fn insert(&mut self, to: Ipv4Net, entry: Entry, place: usize) {
        let length = to.prefix_len();
        let table = &mut self.by_length[usize::from(length)];
        let entries = table.entry(to.network().to_bits()).or_default();
        entries.insert(place.min(entries.len()), entry);
        self.renew(to);
    }

    /// Takes out number `place` of the routes to `to`.
    fn take(&mut self, to: Ipv4Net, place: usize) {
        let length = to.prefix_len();
        let table = &mut self.by_length[usize::from(length)];
        let bits = to.network().to_bits();
        if let Some(entries) = table.get_mut(&bits) {
            entries.remove(place);
            if entries.is_empty() {
                table.remove(&bits);
            }
        }
        self.renew(to);
    }

    /// The routes to a prefix are other ones: so may be the one that is used.
    fn renew(&mut self, to: Ipv4Net) {
        let Routes { by_length, used, .. } = self;
        used.renew(to, |bits, length| {
            let entries = by_length[usize::from(length)].get(&bits)?;
            entries.first().map(|entry| entry.hop)
        });
    }

    /// An address of `device` is ours: packets for it end here, and its subnet is on the link. A
    /// new route to the subnet becomes number `place` of those to it, or the last.
    pub fn connect(&mut self, net: Ipv4Net, device: &Device, place: usize) {
        match self.find_local(net.addr()) {
            Ok(at) => self.local[at].1 = device.id,
            Err(at) => self.local.insert(at, (net.addr(), device.id)),
        }
        if net.prefix_len() == 32 {
            return;
        }
        let same = |e: &&mut Entry| e.hop.dev() == device.id && e.addresses > 0;
        if let Some(entry) = self.at_mut(net).and_then(|entries| entries.iter_mut().find(same)) {
            entry.addresses += 1;
            return;
        }
        let hop = Hop::new(device.id, None, device.mtu);
        self.insert(net, Entry { hop, asked: None, addresses: 1 }, place);
    }

    /// An address of `dev` is ours no longer. Returns the place of the route that went with it.
    pub fn disconnect(&mut self, net: Ipv4Net, dev: PortId) -> Option<usize> {
        if let Ok(at) = self.find_local(net.addr()) {
            self.local.remove(at);
        }
        let entries = self.at_mut(net)?;
        let place = entries.iter().position(|e| e.hop.dev() == dev && e.addresses > 0)?;
        entries[place].addresses -= 1;
        if entries[place].addresses > 0 && !self.planted.is(Defect::ConnectedGone) {
            return None;
        }
        self.take(net, place);
        Some(place)
    }

    /// Adds a route, as number `place` of those to its prefix or as the last. Of several to one
    /// prefix the first is used, as in DPVS. Returns whether it is new: a second one for the same
    /// prefix and device is not added, but for the one that an address brings.
    pub fn add(&mut self, route: RouteConfig, device_mtu: u16, place: usize) -> bool {
        let RouteConfig { to, via, dev, mtu: asked } = route;
        if self.at(to).iter().any(|entry| entry.hop.dev() == dev && entry.addresses == 0) {
            return false;
        }
        let mtu = asked.map_or(device_mtu, |mtu| mtu.min(device_mtu));
        let hop = Hop::new(dev, via, mtu);
        self.insert(to, Entry { hop, asked, addresses: 0 }, place);
        true
    }

    /// The routes to exactly this prefix, its length included, that were added by themselves.
    ///
    /// DPVS: the first one of the device whose own prefix covers the network, whatever its length
    /// (defect B28).
    pub fn exactly(&self, to: Ipv4Net) -> impl Iterator<Item = RouteConfig> + '_ {
        let to = to.trunc();
        self.at(to).iter().filter(|entry| entry.addresses == 0).map(move |entry| entry.config(to))
    }

    /// Whether there is a route to exactly this prefix by this device, connected or not.
    pub fn has(&self, to: Ipv4Net, dev: PortId) -> bool {
        self.at(to).iter().any(|entry| entry.hop.dev() == dev)
    }

    /// Whether an address on some device brings the route to this prefix.
    pub fn is_connected(&self, to: Ipv4Net) -> bool {
        self.at(to).iter().any(|entry| entry.addresses > 0)
    }

    /// Takes away the route to exactly this prefix by this device. Returns it, and its place.
    pub fn remove(&mut self, to: Ipv4Net, dev: PortId) -> Option<(RouteConfig, usize)> {
        let to = to.trunc();
        let entries = self.at_mut(to)?;
        let place = entries.iter().position(|e| e.hop.dev() == dev && e.addresses == 0)?;
        let was = entries[place].config(to);
        self.take(to, place);
        Some((was, place))
    }

    /// The device carries packets of another size now: so do its routes, as far as they may (DPVS:
    /// they keep the MTU of the time when they were added, defect B33).
    pub fn set_mtu(&mut self, dev: PortId, device_mtu: u16) {
        if self.planted.is(Defect::RouteMtuKept) {
            return;
        }
        let entries = self.by_length.iter_mut().flat_map(BTreeMap::values_mut).flatten();
        for entry in entries.filter(|entry| entry.hop.dev() == dev) {
            let mtu = entry.asked.map_or(device_mtu, |mtu| mtu.min(device_mtu));
            entry.hop = entry.hop.with_mtu(mtu);
        }
        let by_it = self.entries().filter(|(_, entry)| entry.hop.dev() == dev).map(|(to, _)| to);
        by_it.collect::<Vec<_>>().into_iter().for_each(|to| self.renew(to));
    }

    /// Every route that was added by itself, with the shortest prefix first.
    pub fn own(&self) -> impl Iterator<Item = RouteConfig> + '_ {
        self.entries().filter(|(_, entry)| entry.addresses == 0).map(|(to, entry)| entry.config(to))
    }

    /// Every route, with the shortest prefix first; of those to one prefix, the used one first.
    pub fn list(&self) -> impl Iterator<Item = Listed> + '_ {
        self.entries().map(|(to, entry)| {
            let (dev, via, mtu) = (entry.hop.dev(), entry.hop.gateway(), entry.hop.mtu());
            Listed { to, dev, via, mtu, connected: entry.addresses > 0 }
        })
    }

    fn entries(&self) -> impl Iterator<Item = (Ipv4Net, &Entry)> + '_ {
        self.by_length.iter().zip(0u8..).flat_map(|(table, length)| {
            let net = move |bits: &u32| Ipv4Net::new_assert(Ipv4Addr::from_bits(*bits), length);
            table.iter().flat_map(move |(bits, list)| list.iter().map(move |e| (net(bits), e)))
        })
    }

    /// Where an address of ours is in the list, or would be.
    fn find_local(&self, address: Ipv4Addr) -> Result<usize, usize> {
        self.local.binary_search_by_key(&address.to_bits(), |(local, _)| local.to_bits())
    }

    /// Where a packet that came in on `port` for `dst` goes; nothing: nowhere.
    ///
    /// With `weak_host` an address of any device is ours; else only one of the device the packet
    /// came in on, and one of another device is forwarded to as if it were a stranger's.
    pub fn input(&self, dst: Ipv4Addr, port: PortId, weak_host: bool) -> Option<Routed> {
        match self.find_local(dst) {
            Ok(at) if weak_host || self.local[at].1 == port => Some(Routed::Local),
            _ => self.output(dst).map(Routed::Forward),
        }
    }

    /// The way out to `dst`; nothing when there is no route.
    #[inline]
    pub fn output(&self, dst: Ipv4Addr) -> Option<Hop> {
        if self.planted.is(Defect::ShortestPrefix) {
            let mut covering = self.entries().filter(|(to, _)| to.contains(&dst));
            return covering.next().map(|(_, entry)| entry.hop);
        }
        self.used.longest(dst)
    }
}

impl Entry {
    fn config(&self, to: Ipv4Net) -> RouteConfig {
        RouteConfig { to, via: self.hop.gateway(), dev: self.hop.dev(), mtu: self.asked }
    }
}

#[cfg(test)]
mod tests {
    mod model;

    use super::*;
    use crate::config::PortConfig;
    use crate::types::Mac;
    use proptest::prelude::*;

    fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn a_hop_is_what_it_was_made_of(
            (dev, bits, mtu, other) in any::<(u16, u32, u16, u16)>(),
        ) {
            let gateway = Some(Ipv4Addr::from_bits(bits)).filter(|address| !address.is_unspecified());
            let hop = Hop::new(PortId(dev), gateway, mtu);
            prop_assert_eq!((hop.dev(), hop.gateway(), hop.mtu()), (PortId(dev), gateway, mtu));
            prop_assert_eq!(hop.with_mtu(other), Hop::new(PortId(dev), gateway, other));
        }
    }

    fn two_ports() -> Vec<PortConfig> {
        let port = |name: &str, address: &str| PortConfig {
            name: name.into(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
            addresses: vec![address.parse().unwrap()],
            rx_queues: 1,
            tx_queues: 1,
            vlans: vec![],
        };
        vec![port("lan", "198.51.100.1/24"), port("wan", "192.0.2.1/24")]
    }

    fn routes(more: &[(&str, &str, u16)]) -> Routes {
        let routes = more.iter().map(|(to, via, dev)| RouteConfig {
            to: to.parse().unwrap(),
            via: Some(ip(via)),
            dev: PortId(*dev),
            mtu: Some(1400),
        });
        let config = Config { ports: two_ports(), routes: routes.collect(), ..Config::default() };
        Routes::new(&config, &Devices::new(&config))
    }

    // B32
    #[test]
    fn the_longest_prefix_wins() {
        let routes = routes(&[
            ("0.0.0.0/0", "192.0.2.9", 1),
            ("10.0.0.0/8", "192.0.2.10", 1),
            ("10.1.0.0/16", "198.51.100.7", 0),
            ("10.1.2.3/32", "192.0.2.11", 1),
        ]);
        let via = |dst| routes.output(ip(dst)).and_then(|hop| hop.gateway());
        assert_eq!(via("10.1.2.3"), Some(ip("192.0.2.11")));
        assert_eq!(via("10.1.2.4"), Some(ip("198.51.100.7")));
        assert_eq!(via("10.2.0.0"), Some(ip("192.0.2.10")));
        assert_eq!(via("203.0.113.1"), Some(ip("192.0.2.9")));
        assert_eq!(via("192.0.2.77"), None, "on the link");
    }

    #[test]
    fn without_a_route_there_is_no_way() {
        assert_eq!(routes(&[]).output(ip("203.0.113.1")), None);
        assert_eq!(routes(&[]).input(ip("203.0.113.1"), PortId(0), true), None);
    }

    #[test]
    fn an_address_of_the_other_port_is_ours_to_a_weak_host_only() {
        let routes = routes(&[]);
        let far = ip("192.0.2.1");
        assert_eq!(routes.input(far, PortId(0), true), Some(Routed::Local));
        assert!(matches!(routes.input(far, PortId(0), false), Some(Routed::Forward(_))));
        assert_eq!(routes.input(far, PortId(1), false), Some(Routed::Local));
    }

    #[test]
    fn a_route_may_lower_the_mtu_and_not_raise_it() {
        let routes = routes(&[("10.0.0.0/8", "192.0.2.10", 1)]);
        assert_eq!(routes.output(ip("10.0.0.1")).map(|hop| hop.mtu()), Some(1400));
        assert_eq!(routes.output(ip("192.0.2.2")).map(|hop| hop.mtu()), Some(1500));
    }

    /// Prefixes that lie in one another: of addresses with few different bits.
    fn some_net() -> impl Strategy<Value = Ipv4Net> {
        let bits =
            prop::sample::select(vec![0, 0x0a00_0000, 0x0a80_0000, 0x0a00_0101, 0x0a0f_ff00]);
        (bits, 0..=32_u8).prop_map(|(bits, length)| {
            Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), length).trunc()
        })
    }

    proptest! {
        // Whatever came and went, in whatever order.
        #[test]
        fn a_lookup_finds_the_first_route_to_the_longest_prefix(
            changes in prop::collection::vec((0..6_u8, some_net(), 0..2_u16, 0..2_usize), 1..60),
            more in prop::collection::vec(any::<u32>(), 8),
        ) {
            let mut routes = routes(&[]);
            let config = Config::default();
            let mut device = Devices::new(&Config { ports: two_ports(), ..config }).get(PortId(0)).clone();
            let mut nets: Vec<Ipv4Net> = routes.list().map(|route| route.to).collect();
            for (what, to, dev, place) in changes {
                nets.push(to);
                let dev = PortId(dev);
                device.id = dev;
                match what {
                    0..=2 => {
                        let via = Some(Ipv4Addr::from_bits(u32::try_from(nets.len()).unwrap()));
                        routes.add(RouteConfig { to, via, dev, mtu: None }, 1500, place);
                    }
                    3 => drop(routes.remove(to, dev)),
                    4 => routes.connect(to, &device, place),
                    _ => {
                        routes.disconnect(to, dev);
                        routes.set_mtu(dev, 1000 + u16::try_from(nets.len()).unwrap());
                    }
                }
            }
            let edges = nets.iter().flat_map(|net| {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                [first.wrapping_sub(1), first, last, last.wrapping_add(1)]
            });
            for dst in edges.chain(more).map(Ipv4Addr::from_bits) {
                let covering = routes.entries().filter(|(to, _)| to.contains(&dst));
                // Of one length the first, of two the longer one.
                let longest = covering.reduce(|best, new| {
                    if new.0.prefix_len() > best.0.prefix_len() { new } else { best }
                });
                prop_assert_eq!(routes.output(dst), longest.map(|(_, entry)| entry.hop), "{}", dst);
            }
            for Listed { to, dev, connected, .. } in routes.list().collect::<Vec<_>>() {
                while connected && routes.disconnect(to, dev).is_none() {}
                routes.remove(to, dev);
            }
            prop_assert!(routes.list().count() == 0 && routes.used.is_empty());
        }
    }
}
