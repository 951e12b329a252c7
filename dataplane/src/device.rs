//! Ports and VLAN devices: what is fixed about them, and whose address is whose.
//!
//! A physical port has the [`PortId`] of its place in the configuration; VLAN devices follow. Both
//! are devices: an address, a route or a neighbour is on a device, a queue is on a physical port.
//!
//! Invariant: ids are dense, names and addresses unique ([`Config::check`] saw to it).
//! Not here: queues (`netif.rs`), routes (`route.rs`).

use crate::config::Config;
use crate::types::{LcoreId, Mac, PortId, VlanId};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A physical port or a VLAN device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub id: PortId,
    /// Its name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: Mac,
    /// The largest IPv4 packet it carries, in bytes.
    pub mtu: u16,
    /// Its addresses, in the order of the configuration.
    pub addresses: Vec<Ipv4Net>,
    /// For a VLAN device: its port and its VLAN.
    pub vlan: Option<(PortId, VlanId)>,
    /// Its kernel side, if it has one.
    pub kni: Option<Kni>,
}

/// The kernel side of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kni {
    /// The port behind which the kernel is.
    pub port: PortId,
    /// The lcore that carries packets there and back.
    pub lcore: LcoreId,
    /// Whether the kernel gets a copy of every frame.
    pub forward: bool,
}

impl Device {
    /// The address to speak to `towards` from: the newest whose subnet has it, else the oldest.
    ///
    /// DPVS: inetaddr.c `inet_addr_select` walks its list newest first and keeps the last it saw.
    pub fn select_source(&self, towards: Ipv4Addr) -> Option<Ipv4Addr> {
        let near = self.addresses.iter().rev().find(|net| net.contains(&towards));
        near.or(self.addresses.first()).map(Ipv4Net::addr)
    }

    /// Whether `address` is on the link of this device: in the subnet of one of its addresses.
    pub fn on_link(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|net| net.contains(&address))
    }
}

/// Every device of the dataplane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices {
    devices: Vec<Device>,
    vlans: BTreeMap<(PortId, VlanId), PortId>,
    local: BTreeMap<Ipv4Addr, PortId>,
    broadcast: BTreeMap<Ipv4Addr, PortId>,
}

impl Devices {
    /// The devices of a configuration that was checked.
    pub fn new(config: &Config) -> Devices {
        let mut devices: Vec<Device> = Vec::new();
        for (port, id) in config.ports.iter().zip(0..) {
            devices.push(Device {
                id: PortId(id),
                name: port.name.clone(),
                mac: port.mac,
                mtu: port.mtu,
                addresses: port.addresses.clone(),
                vlan: None,
                kni: None,
            });
        }
        let mut vlans = BTreeMap::new();
        for (port, id) in config.ports.iter().zip(0..) {
            for vlan in &port.vlans {
                let next = PortId(u16::try_from(devices.len()).unwrap_or(u16::MAX));
                vlans.insert((PortId(id), vlan.vid), next);
                devices.push(Device {
                    id: next,
                    name: vlan.name.clone(),
                    mac: vlan.mac.unwrap_or(port.mac),
                    mtu: vlan.mtu.unwrap_or(port.mtu),
                    addresses: vlan.addresses.clone(),
                    vlan: Some((PortId(id), vlan.vid)),
                    kni: None,
                });
            }
        }
        for kni in &config.kni {
            if let (Some(device), Some(lcore)) =
                (devices.get_mut(kni.device.index()), config.kni_lcore())
            {
                device.kni = Some(Kni { port: kni.port, lcore, forward: kni.forward });
            }
        }
        let nets = || devices.iter().flat_map(|d| d.addresses.iter().map(move |net| (net, d.id)));
        let local = nets().map(|(net, id)| (net.addr(), id)).collect();
        let subnets = nets().filter(|(net, _)| net.prefix_len() < 31);
        let broadcast = subnets.map(|(net, id)| (net.broadcast(), id)).collect();
        Devices { devices, vlans, local, broadcast }
    }

    /// How many devices there are.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether there is no device at all.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// Every device, in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter()
    }

    /// The device with this id.
    ///
    /// # Panics
    /// There is none: ids come from the configuration, so this is a bug of ours.
    pub fn get(&self, id: PortId) -> &Device {
        match self.devices.get(id.index()) {
            Some(device) => device,
            None => unreachable!("device {} of {}", id.0, self.devices.len()),
        }
    }

    /// The VLAN device for `vid` on a physical port.
    pub fn vlan(&self, port: PortId, vid: VlanId) -> Option<PortId> {
        self.vlans.get(&(port, vid)).copied()
    }

    /// The device that has this address, if it is ours.
    pub fn owner(&self, address: Ipv4Addr) -> Option<PortId> {
        self.local.get(&address).copied()
    }

    /// Whether this is the broadcast address of one of our subnets, or 255.255.255.255.
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        address == Ipv4Addr::BROADCAST || self.broadcast.contains_key(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PortConfig, VlanConfig};

    fn devices() -> Devices {
        let port = |name: &str, address: &str, vlans| PortConfig {
            name: name.into(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
            addresses: vec![address.parse().unwrap()],
            rx_queues: 1,
            tx_queues: 1,
            vlans,
        };
        let vlan = VlanConfig {
            name: "lan.100".into(),
            vid: VlanId::try_new(100).unwrap(),
            mac: None,
            mtu: Some(1400),
            addresses: vec!["10.0.100.1/24".parse().unwrap(), "10.0.100.2/24".parse().unwrap()],
        };
        let ports =
            vec![port("lan", "198.51.100.1/24", vec![vlan]), port("wan", "192.0.2.1/31", vec![])];
        Devices::new(&Config { ports, ..Config::default() })
    }

    #[test]
    fn vlan_devices_come_after_the_ports() {
        let devices = devices();
        let names: Vec<&str> = devices.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["lan", "wan", "lan.100"]);
        let vid = VlanId::try_new(100).unwrap();
        assert_eq!(devices.vlan(PortId(0), vid), Some(PortId(2)));
        assert_eq!(devices.vlan(PortId(1), vid), None);
        assert_eq!(devices.get(PortId(2)).mtu, 1400);
    }

    #[test]
    fn a_subnet_of_two_has_no_broadcast_address() {
        let devices = devices();
        assert!(devices.is_broadcast(Ipv4Addr::new(198, 51, 100, 255)));
        assert!(devices.is_broadcast(Ipv4Addr::BROADCAST));
        assert!(!devices.is_broadcast(Ipv4Addr::new(192, 0, 2, 1)), "RFC 3021");
    }

    #[test]
    fn the_newest_address_on_the_subnet_speaks_else_the_oldest() {
        let devices = devices();
        let vlan = devices.get(PortId(2));
        let near = vlan.select_source(Ipv4Addr::new(10, 0, 100, 9));
        assert_eq!(near, Some(Ipv4Addr::new(10, 0, 100, 2)));
        let far = vlan.select_source(Ipv4Addr::new(203, 0, 113, 1));
        assert_eq!(far, Some(Ipv4Addr::new(10, 0, 100, 1)));
    }
}
