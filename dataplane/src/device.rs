//! Ports and VLAN devices, and whose address is whose.
//!
//! A physical port has the [`PortId`] of its place in the configuration; VLAN devices follow. Both
//! are devices: an address, a route or a neighbour is on a device, a queue is on a physical port.
//!
//! Invariant: names and addresses are unique ([`Config::check`] and `change.rs` see to it); a
//! number is given once, so that whoever knows the number of a device that has gone finds nobody.
//! Not here: queues (`netif.rs`), routes (`route.rs`), who may change what (`change.rs`).

use crate::config::{Config, Limits};
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

    /// Whether `address` is on the link of this device: in the subnet of one of its addresses. 0.0.0.0 is
    /// nobody's (RFC 1122 §3.2.1.3), be the subnet as large as can be.
    pub fn on_link(&self, address: Ipv4Addr) -> bool {
        !address.is_unspecified() && self.addresses.iter().any(|net| net.contains(&address))
    }
}

/// Every device of the dataplane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices {
    /// By number. A number whose device is gone stays empty: it is never given again.
    devices: Vec<Option<Device>>,
    vlans: BTreeMap<(PortId, VlanId), PortId>,
    /// Whose address is whose, in their order: few, and asked for with each packet.
    local: Vec<(Ipv4Addr, PortId)>,
    /// The broadcast addresses of the subnets, in their order.
    broadcast: Vec<Ipv4Addr>,
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
        let devices = devices.into_iter().map(Some).collect();
        let (local, broadcast) = Default::default();
        let mut all = Devices { devices, vlans, local, broadcast };
        all.index_addresses();
        all
    }

    /// Notes again whose address is whose.
    fn index_addresses(&mut self) {
        let devices = self.devices.iter().flatten();
        let nets = || devices.clone().flat_map(|d| d.addresses.iter().map(move |net| (net, d.id)));
        self.local.clear();
        self.local.extend(nets().map(|(net, id)| (net.addr(), id)));
        self.local.sort_unstable();
        let subnets = nets().filter(|(net, _)| net.prefix_len() < 31);
        self.broadcast.clear();
        self.broadcast.extend(subnets.map(|(net, _)| net.broadcast()));
        self.broadcast.sort_unstable();
    }

    /// How many devices there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no device at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every device, in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = &Device> + Clone {
        self.devices.iter().flatten()
    }

    /// The device with this id.
    ///
    /// # Panics
    /// There is none: whoever may hold the id of a device that has gone asks [`Devices::find`], so
    /// this is a bug of ours.
    #[inline]
    pub fn get(&self, id: PortId) -> &Device {
        match self.find(id) {
            Some(device) => device,
            None => unreachable!("device {} of {}", id.0, self.devices.len()),
        }
    }

    /// The device with this id, if it is there, and there still.
    #[inline]
    pub fn find(&self, id: PortId) -> Option<&Device> {
        self.devices.get(id.index())?.as_ref()
    }

    fn find_mut(&mut self, id: PortId) -> Option<&mut Device> {
        self.devices.get_mut(id.index())?.as_mut()
    }

    /// The device with this name.
    pub fn named(&self, name: &str) -> Option<&Device> {
        self.iter().find(|device| device.name == name)
    }

    /// The number that the next device gets; nothing when there is none left.
    ///
    /// DPVS gives the lowest free number again, and a frame or a message that names the device
    /// before it then is about the wrong one (defect B30). A number of ours is given once.
    pub fn next_id(&self) -> Option<PortId> {
        u16::try_from(self.devices.len()).ok().filter(|id| *id <= Limits::DEVICE_ID_MAX).map(PortId)
    }

    /// Puts a device in its place: a new one behind all others, or one back where it was. Between
    /// may be numbers that other lcores gave and took back.
    ///
    /// # Panics
    /// The place is taken.
    pub fn put(&mut self, device: Device) {
        let at = device.id.index();
        if at >= self.devices.len() {
            self.devices.resize_with(at + 1, || None);
        }
        if let Some(vlan) = device.vlan {
            self.vlans.insert(vlan, device.id);
        }
        let before = self.devices[at].replace(device);
        assert!(before.is_none(), "a number is given once");
        self.index_addresses();
    }

    /// Takes a device away.
    pub fn take(&mut self, id: PortId) -> Option<Device> {
        let device = self.devices.get_mut(id.index())?.take()?;
        if let Some(vlan) = device.vlan {
            self.vlans.remove(&vlan);
        }
        self.index_addresses();
        Some(device)
    }

    /// Adds an address to a device, as number `place` of its addresses or behind all of them.
    pub fn add_address(&mut self, id: PortId, net: Ipv4Net, place: usize) {
        if let Some(device) = self.find_mut(id) {
            device.addresses.insert(place.min(device.addresses.len()), net);
            self.index_addresses();
        }
    }

    /// Takes an address from a device. Returns which it was, and its place.
    pub fn remove_address(&mut self, id: PortId, address: Ipv4Addr) -> Option<(Ipv4Net, usize)> {
        let device = self.find_mut(id)?;
        let place = device.addresses.iter().position(|net| net.addr() == address)?;
        let net = device.addresses.remove(place);
        self.index_addresses();
        Some((net, place))
    }

    /// Sets the MTU of a device. Returns what it was.
    pub fn set_mtu(&mut self, id: PortId, mtu: u16) -> Option<u16> {
        Some(std::mem::replace(&mut self.find_mut(id)?.mtu, mtu))
    }

    /// Sets whether the kernel gets a copy of every frame. Returns what it was.
    pub fn set_forward(&mut self, id: PortId, forward: bool) -> Option<bool> {
        let kni = self.find_mut(id)?.kni.as_mut()?;
        Some(std::mem::replace(&mut kni.forward, forward))
    }

    /// The VLAN device for `vid` on a physical port.
    pub fn vlan(&self, port: PortId, vid: VlanId) -> Option<PortId> {
        self.vlans.get(&(port, vid)).copied()
    }

    /// The device that has this address, if it is ours.
    pub fn owner(&self, address: Ipv4Addr) -> Option<PortId> {
        let at = self.local.binary_search_by_key(&address.to_bits(), |(local, _)| local.to_bits());
        at.ok().map(|at| self.local[at].1)
    }

    /// Whether this is the broadcast address of one of our subnets, or 255.255.255.255.
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        let ours = |bits| self.broadcast.binary_search_by_key(&bits, |ours| ours.to_bits());
        address == Ipv4Addr::BROADCAST || ours(address.to_bits()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PortConfig, VlanConfig};
    use crate::netif::Class;

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
    fn an_address_is_on_the_link_of_its_subnets_and_the_unspecified_one_on_none() {
        let mut lan = devices().get(PortId(0)).clone();
        let on_link = |device: &Device, address: &str| device.on_link(address.parse().unwrap());
        assert_eq!([0, 1].map(|n| on_link(&lan, &format!("198.51.{}.9", 100 + n))), [true, false]);
        lan.addresses.push("10.0.0.1/0".parse().unwrap());
        assert_eq!(["0.0.0.0", "0.0.0.1"].map(|address| on_link(&lan, address)), [false, true]);
    }

    #[test]
    fn a_frame_to_the_mac_of_a_port_is_for_each_of_its_vlans() {
        let mut devices = devices();
        let [port, own, other] = [1, 2, 3].map(|last| Mac([2, 0, 0, 0, 0, last]));
        let mut vlan = devices.take(PortId(2)).unwrap();
        vlan.mac = own;
        devices.put(vlan);
        let class = |dst, id| Class::of(dst, devices.get(PortId(id)), &devices);
        assert_eq!(
            [own, port, other].map(|dst| class(dst, 2)),
            [Class::Host, Class::Host, Class::OtherHost]
        );
        assert_eq!([own, port].map(|dst| class(dst, 0)), [Class::OtherHost, Class::Host]);
        assert_eq!(class(Mac::BROADCAST, 2), Class::Broadcast);
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

    #[test]
    #[cfg_attr(miri, ignore = "minutes there")]
    fn the_last_number_is_given_and_none_after_it() {
        let mut devices = devices();
        let vlan = devices.take(PortId(2)).unwrap();
        let last = PortId(Limits::DEVICE_ID_MAX);
        while let Some(id) = devices.next_id().filter(|id| *id < last) {
            devices.put(Device { id, addresses: vec![], ..vlan.clone() });
            devices.take(id);
        }
        devices.put(Device { id: last, ..vlan });
        assert_eq!((devices.next_id(), devices.len()), (None, 3));
    }

    #[test]
    fn a_subnet_keeps_its_broadcast_address_until_its_last_address_goes() {
        let (mut devices, vlan) = (devices(), PortId(2));
        let (all, ip) = (Ipv4Addr::new(10, 0, 100, 255), |last| Ipv4Addr::new(10, 0, 100, last));
        assert_eq!(devices.remove_address(vlan, ip(1)).map(|(_, place)| place), Some(0));
        assert!(devices.is_broadcast(all));
        assert_eq!((devices.owner(ip(1)), devices.owner(ip(2))), (None, Some(vlan)));
        devices.remove_address(vlan, ip(2));
        assert!(!devices.is_broadcast(all));
        assert_eq!(devices.remove_address(vlan, ip(2)), None);
    }
}
