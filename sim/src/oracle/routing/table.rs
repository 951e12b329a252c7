//! Devices and routes as a list, for reference.
//!
//! Invariant: it is what the lcores should have, and is made by other means: no order of tables by the
//! length of prefixes, no MTU that is kept. Not here: when it may be asked (`routing.rs`).

use super::super::frame::UNTAGGED;
use dataplane::config::RouteConfig;
use dataplane::control::{LinkSetting, Order};
use dataplane::types::DeviceName;
use dataplane::{Config, PortId};
use ipnet::Ipv4Net;
use std::cmp::Reverse;
use std::net::Ipv4Addr;

/// The way out to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    /// The device.
    pub dev: PortId,
    /// The next address on its link.
    pub next: Ipv4Addr,
    /// The longest IPv4 packet, in bytes.
    pub mtu: u16,
}

#[derive(Clone, Debug)]
struct Device {
    id: PortId,
    name: String,
    /// Its port, and its VLAN or [`UNTAGGED`].
    at: (PortId, u16),
    mtu: u16,
    nets: Vec<Ipv4Net>,
}

#[derive(Clone, Copy, Debug)]
struct Route {
    to: Ipv4Net,
    via: Option<Ipv4Addr>,
    dev: PortId,
    mtu: Option<u16>,
    /// Addresses that bring it; none: it was added by itself.
    addresses: u32,
}

/// Devices and routes.
#[derive(Clone, Debug)]
pub(super) struct Table {
    devices: Vec<Device>,
    routes: Vec<Route>,
    /// The device that came last: its number and its name.
    came: Option<(PortId, DeviceName)>,
}

impl Table {
    /// Those of a configuration.
    pub fn new(config: &Config) -> Table {
        let mut table = Table { devices: Vec::new(), routes: Vec::new(), came: None };
        for (port, id) in config.ports.iter().zip((0..).map(PortId)) {
            let (name, mtu, at) = (port.name.clone(), port.mtu, (id, UNTAGGED));
            table.put(Device { id, name, at, mtu, nets: Vec::new() }, &port.addresses);
        }
        for (port, id) in config.ports.iter().zip((0..).map(PortId)) {
            for vlan in &port.vlans {
                let dev = PortId(u16::try_from(table.devices.len()).unwrap_or(u16::MAX));
                let (name, at) = (vlan.name.clone(), (id, vlan.vid.get()));
                let mtu = vlan.mtu.unwrap_or(port.mtu);
                table.put(Device { id: dev, name, at, mtu, nets: Vec::new() }, &vlan.addresses);
            }
        }
        for route in &config.routes {
            let there = |r: &Route| (r.to, r.dev) == (route.to.trunc(), route.dev);
            if !table.routes.iter().any(there) {
                table.add(*route);
            }
        }
        table
    }

    /// A device of the configuration, with its addresses.
    fn put(&mut self, device: Device, nets: &[Ipv4Net]) {
        let dev = device.id;
        self.devices.push(device);
        nets.iter().for_each(|net| self.connect(dev, *net));
    }

    fn get(&self, id: PortId) -> Option<&Device> {
        self.devices.iter().find(|device| device.id == id)
    }

    /// A device came, before the order for it is over.
    pub fn came(&mut self, id: PortId, name: DeviceName) {
        self.came = Some((id, name));
    }

    /// The name of a device.
    pub fn name(&self, id: PortId) -> Option<DeviceName> {
        DeviceName::try_new(&self.get(id)?.name)
    }

    /// The same, to be read.
    pub fn told(&self, id: PortId) -> &str {
        self.get(id).map_or("a device that is gone", |device| &device.name)
    }

    /// The device of a port and a VLAN.
    pub fn device(&self, port: PortId, vid: u16) -> Option<PortId> {
        self.devices.iter().find(|device| device.at == (port, vid)).map(|device| device.id)
    }

    fn named(&self, name: &DeviceName) -> Option<&Device> {
        self.devices.iter().find(|device| device.name == name.as_str())
    }

    fn id(&self, name: &DeviceName) -> Option<PortId> {
        self.named(name).map(|device| device.id)
    }

    /// The way out to `dst`.
    pub fn way(&self, dst: Ipv4Addr) -> Option<Hop> {
        let fits = self.routes.iter().filter(|route| route.to.contains(&dst));
        // Of several that are equal, the first is the least.
        let Route { via, dev, mtu, .. } =
            *fits.min_by_key(|route| Reverse(route.to.prefix_len()))?;
        let has = self.get(dev)?.mtu;
        Some(Hop { dev, next: via.unwrap_or(dst), mtu: mtu.map_or(has, |mtu| mtu.min(has)) })
    }

    /// An order was carried out.
    pub fn make(&mut self, order: &Order) {
        match order {
            Order::AddressAdd { dev, net, .. } => {
                if let Some(dev) = self.id(dev) {
                    self.connect(dev, *net);
                }
            }
            Order::AddressDel { dev, address } => {
                if let Some(dev) = self.id(dev) {
                    self.disconnect(dev, |net| net.addr() == *address);
                }
            }
            Order::AddressFlush(dev) => {
                if let Some(dev) = self.id(dev) {
                    self.disconnect(dev, |_| true);
                }
            }
            Order::RouteAdd { to, via, dev, mtu } => {
                let on_link = |device: &&Device| {
                    via.is_some_and(|via| device.nets.iter().any(|net| net.contains(&via)))
                };
                let near = || self.devices.iter().find(on_link).map(|device| device.id);
                if let Some(dev) = dev.as_ref().map_or_else(near, |dev| self.id(dev)) {
                    self.add(RouteConfig { to: *to, via: *via, dev, mtu: *mtu });
                }
            }
            Order::RouteDel { to, via, dev } => {
                let dev = dev.as_ref().map(|dev| self.id(dev));
                let gone = self.routes.iter().position(|route| {
                    route.addresses == 0
                        && route.to == to.trunc()
                        && via.is_none_or(|via| route.via == Some(via))
                        && dev.is_none_or(|dev| dev == Some(route.dev))
                });
                gone.map(|at| self.routes.remove(at));
            }
            Order::RouteFlush(dev) => {
                let dev = dev.as_ref().map(|dev| self.id(dev));
                let goes = |id: PortId| dev.is_none_or(|dev| dev == Some(id));
                self.routes.retain(|route| route.addresses > 0 || !goes(route.dev));
            }
            Order::VlanAdd { port, vid, name } => {
                let parent = self.named(port).map(|device| (device.id, device.mtu));
                if let (Some((port, mtu)), Some((id, came))) = (parent, self.came)
                    && came == *name
                {
                    let (name, at) = (name.to_string(), (port, vid.get()));
                    self.devices.push(Device { id, name, at, mtu, nets: Vec::new() });
                }
            }
            Order::VlanDel(dev) => {
                if let Some(dev) = self.id(dev) {
                    self.routes.retain(|route| route.dev != dev);
                    self.devices.retain(|device| device.id != dev);
                }
            }
            Order::Link { dev, set: LinkSetting::Mtu(mtu) } => {
                let named = |device: &&mut Device| device.name == dev.as_str();
                self.devices.iter_mut().filter(named).for_each(|device| device.mtu = *mtu);
            }
            Order::Link { set: LinkSetting::Forward2Kni(_), .. }
            | Order::Neigh(_)
            | Order::Hello(_)
            | Order::Show(_)
            | Order::Reload(_)
            | Order::Tc(_)
            | Order::ShowTc
            | Order::Iftraf(_) => {}
        }
    }

    fn add(&mut self, route: RouteConfig) {
        let RouteConfig { to, via, dev, mtu } = route;
        self.routes.push(Route { to: to.trunc(), via, dev, mtu, addresses: 0 });
    }

    fn connect(&mut self, dev: PortId, net: Ipv4Net) {
        if let Some(device) = self.devices.iter_mut().find(|device| device.id == dev) {
            device.nets.push(net);
        }
        let to = net.trunc();
        if to.prefix_len() == 32 {
            return;
        }
        let same = |r: &&mut Route| r.addresses > 0 && (r.to, r.dev) == (to, dev);
        match self.routes.iter_mut().find(same) {
            Some(route) => route.addresses += 1,
            None => self.routes.push(Route { to, via: None, dev, mtu: None, addresses: 1 }),
        }
    }

    fn disconnect(&mut self, dev: PortId, goes: impl Fn(&Ipv4Net) -> bool) {
        let Some(device) = self.devices.iter_mut().find(|device| device.id == dev) else { return };
        let (gone, stay): (Vec<_>, _) = device.nets.iter().copied().partition(goes);
        device.nets = stay;
        for net in gone {
            let same = |r: &Route| r.addresses > 0 && (r.to, r.dev) == (net.trunc(), dev);
            if let Some(at) = self.routes.iter().position(same) {
                self.routes[at].addresses -= 1;
                if self.routes[at].addresses == 0 {
                    self.routes.remove(at);
                }
            }
        }
    }
}
