//! Changes of what every lcore knows alike: addresses, routes, devices, settings.
//!
//! A [`Change`] goes to every lcore by a message. [`Change::edits`] checks it against an lcore's
//! tables and says what is to be done, one [`Edit`] after the other; each edit gives back the one
//! that undoes it. So whoever fails in the middle, or hears later that another lcore failed, is
//! where it was before, order of addresses and routes included.
//!
//! Invariant: lcores that had the same tables have the same after the same changes, undone or not.
//! Not here: who is asked for a change (`lcore/orders.rs`), when it is undone (`lcore/changes.rs`).
//!
//! DPVS: route.c, inetaddr.c and vlan.c each change the master first and ignore what became of the
//! others (defects B29, B70); vlan.c leaves neighbours and routes of a device that has gone behind
//! (B07, B27).

use crate::config::{Limits, Policy, RouteConfig};
use crate::control::Refused;
use crate::device::{Device, Devices};
use crate::msg::MsgType;
use crate::route::Routes;
use crate::types::{DeviceName, Mac, PortId, VlanId};
use crate::world::NeighChange;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// A change that every lcore makes to its own tables. It names devices by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An address is ours.
    AddAddress(PortId, Ipv4Net),
    /// An address is ours no longer.
    RemoveAddress(PortId, Ipv4Addr),
    /// No address of a device is ours any longer.
    FlushAddresses(PortId),
    /// There is a route.
    AddRoute(RouteConfig),
    /// The route to exactly this prefix by this device is gone.
    RemoveRoute(Ipv4Net, PortId),
    /// No route is left but what addresses bring; of all devices or of one.
    FlushRoutes(Option<PortId>),
    /// There is a VLAN device.
    AddVlan(NewVlan),
    /// A VLAN device is gone, with all that belongs to it.
    RemoveVlan(PortId),
    /// A device carries packets of another size.
    SetMtu(PortId, u16),
    /// The kernel gets a copy of every frame of a device, or none any more.
    SetForward(PortId, bool),
    /// A static neighbour is there, or is gone: part of another configuration.
    Neighbour(NeighChange),
    /// Other switches, and then all these changes.
    Config(Box<Policy>, Vec<Change>),
}

/// A VLAN device that is to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewVlan {
    /// The number that it gets, on every lcore.
    pub id: PortId,
    /// Its physical port.
    pub port: PortId,
    /// Its VLAN.
    pub vid: VlanId,
    /// Its name.
    pub name: DeviceName,
}

/// One step of a change. A place is the number in a list at which it stood; beyond the end: last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    AddAddress { dev: PortId, net: Ipv4Net, place: usize, route: usize },
    RemoveAddress { dev: PortId, address: Ipv4Addr },
    AddRoute { route: RouteConfig, place: usize },
    RemoveRoute { to: Ipv4Net, dev: PortId },
    PutDevice(Box<Device>),
    TakeDevice(PortId),
    FlushNeighbours(PortId),
    SetNeighbour(NeighChange),
    SetMtu(PortId, u16),
    SetForward(PortId, bool),
    SetPolicy(Box<Policy>),
}

const LAST: usize = usize::MAX;

impl Change {
    /// The type of a message that carries it. DPVS's control plane shares devices and settings by
    /// memory, and has no messages for them.
    pub const fn kind(&self) -> MsgType {
        match self {
            Change::AddAddress(..) | Change::RemoveAddress(..) | Change::FlushAddresses(_) => {
                MsgType::IfaSet
            }
            Change::AddRoute(_) => MsgType::RouteAdd,
            Change::RemoveRoute(..) => MsgType::RouteDel,
            Change::FlushRoutes(_) => MsgType::RouteFlush,
            Change::AddVlan(_) | Change::RemoveVlan(_) => MsgType::VlanSet,
            Change::SetMtu(..) | Change::SetForward(..) => MsgType::LinkSet,
            Change::Neighbour(_) | Change::Config(..) => MsgType::ConfigSet,
        }
    }

    /// What is to be done on an lcore with these tables; or why it cannot be done. Of a whole
    /// configuration, what is to be done first: each of its changes then tells its own.
    pub(crate) fn edits(&self, devices: &Devices, routes: &Routes) -> Result<Vec<Edit>, Refused> {
        match self {
            Change::AddAddress(dev, net) => add_address(devices, *dev, *net),
            Change::RemoveAddress(dev, address) => {
                match station(devices, *dev)?.addresses.iter().any(|net| net.addr() == *address) {
                    true => Ok(vec![Edit::RemoveAddress { dev: *dev, address: *address }]),
                    false => Err(Refused::AddressAbsent),
                }
            }
            Change::FlushAddresses(dev) => Ok(without_addresses(station(devices, *dev)?)),
            Change::AddRoute(route) => add_route(devices, routes, *route),
            Change::RemoveRoute(to, dev) => match routes.exactly(*to).any(|r| r.dev == *dev) {
                true => Ok(vec![Edit::RemoveRoute { to: to.trunc(), dev: *dev }]),
                false if routes.is_connected(*to) => Err(Refused::RouteConnected),
                false => Err(Refused::RouteAbsent),
            },
            Change::FlushRoutes(dev) => {
                if let Some(dev) = dev {
                    station(devices, *dev)?;
                }
                Ok(without_routes(routes, *dev))
            }
            Change::AddVlan(vlan) => add_vlan(devices, vlan),
            Change::RemoveVlan(dev) => remove_vlan(devices, routes, *dev),
            Change::SetMtu(dev, mtu) => set_mtu(devices, *dev, *mtu),
            Change::SetForward(dev, forward) => match station(devices, *dev)?.kni {
                Some(_) => Ok(vec![Edit::SetForward(*dev, *forward)]),
                None => Err(Refused::NoKernel),
            },
            Change::Neighbour(change) => {
                check_neighbour(devices, change)?;
                Ok(vec![Edit::SetNeighbour(*change)])
            }
            Change::Config(policy, _) => Ok(vec![Edit::SetPolicy(policy.clone())]),
        }
    }
}

/// The device, if it is there and is not the kernel's own port.
pub(crate) fn station(devices: &Devices, dev: PortId) -> Result<&Device, Refused> {
    let device = devices.find(dev).ok_or(Refused::NoDevice)?;
    match devices.iter().any(|other| other.kni.is_some_and(|kni| kni.port == dev)) {
        true => Err(Refused::KernelPort),
        false => Ok(device),
    }
}

/// Whether a static neighbour may be set, or deleted.
pub(crate) fn check_neighbour(devices: &Devices, change: &NeighChange) -> Result<(), Refused> {
    station(devices, change.port)?;
    match change.mac {
        Some(mac) if mac.is_multicast() || mac == Mac::ZERO => Err(Refused::MacBad),
        Some(_) if devices.owner(change.address).is_some() => Err(Refused::NeighOurs),
        Some(_) | None => Ok(()),
    }
}

/// Whether a host may have this address, in this subnet.
pub(crate) fn is_host_address(net: Ipv4Net) -> bool {
    let address = net.addr();
    let wide = net.prefix_len() < 31;
    let edge = wide && (address == net.network() || address == net.broadcast());
    let class = address.octets()[0];
    !(edge || class == 0 || class == 127 || class >= 224)
}

fn add_address(devices: &Devices, dev: PortId, net: Ipv4Net) -> Result<Vec<Edit>, Refused> {
    station(devices, dev)?;
    if !is_host_address(net) {
        return Err(Refused::AddressBad);
    }
    if devices.owner(net.addr()).is_some() {
        return Err(Refused::AddressThere);
    }
    Ok(vec![Edit::AddAddress { dev, net, place: LAST, route: LAST }])
}

fn add_route(devices: &Devices, routes: &Routes, route: RouteConfig) -> Result<Vec<Edit>, Refused> {
    let device = station(devices, route.dev)?;
    if let Some(via) = route.via {
        if devices.owner(via).is_some() {
            return Err(Refused::GatewayOurs);
        }
        if !device.on_link(via) {
            return Err(Refused::GatewayOffLink);
        }
    }
    let (min, max) = Limits::MTU;
    if route.mtu.is_some_and(|mtu| !(min..=max).contains(&mtu)) {
        return Err(Refused::MtuRange);
    }
    if routes.has(route.to, route.dev) {
        return Err(Refused::RouteThere);
    }
    Ok(vec![Edit::AddRoute { route, place: LAST }])
}

fn add_vlan(devices: &Devices, vlan: &NewVlan) -> Result<Vec<Edit>, Refused> {
    let NewVlan { id, port, vid, name } = *vlan;
    let parent = station(devices, port)?;
    if parent.vlan.is_some() {
        return Err(Refused::NotPort);
    }
    if devices.vlan(port, vid).is_some() {
        return Err(Refused::VlanThere);
    }
    if devices.named(name.as_str()).is_some() {
        return Err(Refused::NameTaken);
    }
    if devices.find(id).is_some() {
        return Err(Refused::NoDeviceId);
    }
    // DPVS: an MTU of 1500 whatever the port has, and the port's flags of the moment (defect B26).
    Ok(vec![Edit::PutDevice(Box::new(Device {
        id,
        name: name.to_string(),
        mac: parent.mac,
        mtu: parent.mtu,
        addresses: Vec::new(),
        vlan: Some((port, vid)),
        kni: None,
    }))])
}

fn remove_vlan(devices: &Devices, routes: &Routes, dev: PortId) -> Result<Vec<Edit>, Refused> {
    let device = station(devices, dev)?;
    if device.vlan.is_none() {
        return Err(Refused::NotVlan);
    }
    if device.kni.is_some() {
        return Err(Refused::HasKernel);
    }
    let mut edits = without_routes(routes, Some(dev));
    edits.extend(without_addresses(device));
    edits.extend([Edit::FlushNeighbours(dev), Edit::TakeDevice(dev)]);
    Ok(edits)
}

fn set_mtu(devices: &Devices, dev: PortId, mtu: u16) -> Result<Vec<Edit>, Refused> {
    let device = station(devices, dev)?;
    let (min, max) = Limits::MTU;
    if !(min..=max).contains(&mtu) {
        return Err(Refused::MtuRange);
    }
    if device.vlan.is_some_and(|(port, _)| mtu > devices.get(port).mtu) {
        return Err(Refused::MtuOverPort);
    }
    let on_it = |d: &&Device| d.vlan.is_some_and(|(port, _)| port == dev);
    if devices.iter().filter(on_it).any(|vlan| vlan.mtu > mtu) {
        return Err(Refused::MtuUnderVlan);
    }
    Ok(vec![Edit::SetMtu(dev, mtu)])
}

fn without_addresses(device: &Device) -> Vec<Edit> {
    let remove = |net: &Ipv4Net| Edit::RemoveAddress { dev: device.id, address: net.addr() };
    device.addresses.iter().map(remove).collect()
}

fn without_routes(routes: &Routes, dev: Option<PortId>) -> Vec<Edit> {
    let of_it = |route: &RouteConfig| dev.is_none_or(|dev| dev == route.dev);
    let remove = |route: RouteConfig| Edit::RemoveRoute { to: route.to, dev: route.dev };
    routes.own().filter(of_it).map(remove).collect()
}

/// Does a step to the devices, the routes and the switches. Returns the step that undoes it.
///
/// # Panics
/// The step does not fit the tables: [`Change::edits`] made it for others.
pub(crate) fn make(
    edit: Edit,
    devices: &mut Devices,
    routes: &mut Routes,
    policy: &mut Policy,
) -> Edit {
    let done = match edit {
        Edit::AddAddress { dev, net, place, route } => {
            devices.add_address(dev, net, place);
            routes.connect(net, devices.get(dev), route);
            Some(Edit::RemoveAddress { dev, address: net.addr() })
        }
        Edit::RemoveAddress { dev, address } => {
            devices.remove_address(dev, address).map(|(net, place)| {
                let route = routes.disconnect(net, dev).unwrap_or(LAST);
                Edit::AddAddress { dev, net, place, route }
            })
        }
        Edit::AddRoute { route, place } => {
            let added = routes.add(route, devices.get(route.dev).mtu, place);
            added.then_some(Edit::RemoveRoute { to: route.to.trunc(), dev: route.dev })
        }
        Edit::RemoveRoute { to, dev } => {
            routes.remove(to, dev).map(|(route, place)| Edit::AddRoute { route, place })
        }
        Edit::PutDevice(device) => {
            let id = device.id;
            devices.put(*device);
            Some(Edit::TakeDevice(id))
        }
        Edit::TakeDevice(id) => devices.take(id).map(|device| Edit::PutDevice(Box::new(device))),
        Edit::SetMtu(dev, mtu) => {
            routes.set_mtu(dev, mtu);
            devices.set_mtu(dev, mtu).map(|was| Edit::SetMtu(dev, was))
        }
        Edit::SetForward(dev, forward) => {
            devices.set_forward(dev, forward).map(|was| Edit::SetForward(dev, was))
        }
        Edit::SetPolicy(new) => Some(Edit::SetPolicy(Box::new(std::mem::replace(policy, *new)))),
        Edit::FlushNeighbours(_) | Edit::SetNeighbour(_) => {
            unreachable!("neighbours are the lcore's to edit")
        }
    };
    match done {
        Some(undo) => undo,
        None => unreachable!("a step was made for these tables"),
    }
}

#[cfg(test)]
mod tests;
