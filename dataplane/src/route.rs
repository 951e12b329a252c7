//! Where a packet goes: local addresses, connected subnets, routes by gateway; longest prefix first.
//!
//! Rank 5 and 8 of the path. Spec 3.3.
//!
//! Invariant: two routes differ in prefix or in device.
//! Not here: what happens to the packet then (`ipv4.rs`), the MAC of the next hop (`neigh.rs`).
//!
//! DPVS: route.c keeps one list sorted by prefix length and walks it for each packet; deleting
//! ignores the prefix length (defect B28). We keep one ordered table a prefix length: a lookup
//! costs O(lengths in use × log routes of that length).

use crate::config::Config;
use crate::device::Devices;
use crate::types::PortId;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A way out: the device, the next address on its link, and how large a packet may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The device to leave by.
    pub dev: PortId,
    /// The gateway; nothing when the destination itself is on the link.
    pub gateway: Option<Ipv4Addr>,
    /// The largest IPv4 packet, in bytes.
    pub mtu: u16,
}

impl Hop {
    /// The address on the link that gets a packet for `dst`.
    pub fn next(&self, dst: Ipv4Addr) -> Ipv4Addr {
        self.gateway.unwrap_or(dst)
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

/// The routes of one lcore.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    local: BTreeMap<Ipv4Addr, PortId>,
    /// `by_length[n]`: the routes whose prefix has `n` bits, by network address.
    by_length: Vec<BTreeMap<u32, Vec<Hop>>>,
    /// The lengths that are in use, longest first.
    lengths: Vec<u8>,
}

impl Routes {
    /// The routes that addresses bring, and the configured ones.
    pub fn new(config: &Config, devices: &Devices) -> Routes {
        let mut routes = Routes { by_length: vec![BTreeMap::new(); 33], ..Routes::default() };
        for device in devices.iter() {
            for net in &device.addresses {
                routes.local.insert(net.addr(), device.id);
                if net.prefix_len() < 32 {
                    routes.add(*net, Hop { dev: device.id, gateway: None, mtu: device.mtu });
                }
            }
        }
        for route in &config.routes {
            let limit = devices.get(route.dev).mtu;
            let mtu = route.mtu.map_or(limit, |mtu| mtu.min(limit));
            routes.add(route.to, Hop { dev: route.dev, gateway: route.via, mtu });
        }
        routes
    }

    /// Adds a route. Of several for one prefix, the first one is used, as in DPVS. A second one for
    /// the same prefix and device is ignored: two addresses of one subnet bring the same route.
    fn add(&mut self, to: Ipv4Net, hop: Hop) {
        let length = to.prefix_len();
        let hops = self.by_length[usize::from(length)].entry(to.network().to_bits()).or_default();
        if hops.iter().all(|h| h.dev != hop.dev) {
            hops.push(hop);
        }
        if let Err(at) = self.lengths.binary_search_by(|l| length.cmp(l)) {
            self.lengths.insert(at, length);
        }
    }

    /// Where a packet that came in on `port` for `dst` goes; nothing: nowhere.
    ///
    /// With `weak_host` an address of any device is ours; else only one of the device the packet
    /// came in on, and one of another device is forwarded to as if it were a stranger's.
    pub fn input(&self, dst: Ipv4Addr, port: PortId, weak_host: bool) -> Option<Routed> {
        match self.local.get(&dst) {
            Some(owner) if weak_host || *owner == port => Some(Routed::Local),
            _ => self.output(dst).map(Routed::Forward),
        }
    }

    /// The way out to `dst`; nothing when there is no route.
    pub fn output(&self, dst: Ipv4Addr) -> Option<Hop> {
        let bits = dst.to_bits();
        self.lengths.iter().find_map(|length| {
            let mask = u32::MAX.checked_shl(32 - u32::from(*length)).unwrap_or(0);
            let hops = self.by_length[usize::from(*length)].get(&(bits & mask))?;
            hops.first().copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PortConfig, RouteConfig};
    use crate::types::Mac;

    fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    fn routes(more: &[(&str, &str, u16)]) -> Routes {
        let port = |name: &str, address: &str| PortConfig {
            name: name.into(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
            addresses: vec![address.parse().unwrap()],
            rx_queues: 1,
            tx_queues: 1,
            vlans: vec![],
        };
        let ports = vec![port("lan", "198.51.100.1/24"), port("wan", "192.0.2.1/24")];
        let routes = more.iter().map(|(to, via, dev)| RouteConfig {
            to: to.parse().unwrap(),
            via: Some(ip(via)),
            dev: PortId(*dev),
            mtu: Some(1400),
        });
        let config = Config { ports, routes: routes.collect(), ..Config::default() };
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
        let via = |dst| routes.output(ip(dst)).and_then(|hop| hop.gateway);
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
        assert_eq!(routes.output(ip("10.0.0.1")).map(|hop| hop.mtu), Some(1400));
        assert_eq!(routes.output(ip("192.0.2.2")).map(|hop| hop.mtu), Some(1500));
    }
}
