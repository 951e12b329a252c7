//! From an order, which has names, to a change, which has numbers; or why it cannot be.

use super::After;
use crate::change::{Change, NewVlan, station};
use crate::config::RouteConfig;
use crate::control::{Lifetime, LinkSetting, Order, Refused, Reload};
use crate::lcore::Lcore;
use crate::packet::Buf;
use crate::types::{DeviceName, PortId};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

impl<B: Buf> Lcore<B> {
    /// The number of a device.
    ///
    /// DPVS: a worker looks the name up when the message comes, and the device may have gone by
    /// then (defect B30). Here the master does, and a number is given once.
    pub(super) fn device(&self, name: &DeviceName) -> Result<PortId, Refused> {
        self.devices.named(name.as_str()).map(|device| device.id).ok_or(Refused::NoDevice)
    }

    fn device_if(&self, name: Option<DeviceName>) -> Result<Option<PortId>, Refused> {
        name.map(|name| self.device(&name)).transpose()
    }

    /// What is to be changed, and what then.
    pub(super) fn resolve(&self, order: &Order) -> Result<(Change, After), Refused> {
        let change = match order {
            Order::AddressAdd { dev, net, valid } => {
                let dev = self.device(dev)?;
                let change = Change::AddAddress(dev, *net);
                let Some(valid) = *valid else { return Ok((change, After::Nothing)) };
                if !(Lifetime::MIN..=Lifetime::MAX).contains(&valid) {
                    return Err(Refused::LifetimeRange);
                }
                return Ok((change, After::Arm(dev, net.addr(), valid)));
            }
            Order::AddressDel { dev, address } => {
                Change::RemoveAddress(self.device(dev)?, *address)
            }
            Order::AddressFlush(dev) => Change::FlushAddresses(self.device(dev)?),
            Order::RouteAdd { to, via, dev, mtu } => {
                let dev = self.device_if(*dev)?;
                Change::AddRoute(self.new_route(*to, *via, dev, *mtu)?)
            }
            Order::RouteDel { to, via, dev } => {
                let dev = self.device_if(*dev)?;
                self.old_route(*to, *via, dev)?
            }
            Order::RouteFlush(dev) => Change::FlushRoutes(self.device_if(*dev)?),
            Order::VlanAdd { port, vid, name } => {
                let id = self.devices.next_id().ok_or(Refused::NoDeviceId)?;
                let vlan = NewVlan { id, port: self.device(port)?, vid: *vid, name: *name };
                return Ok((Change::AddVlan(vlan), After::Device(id, *name, true)));
            }
            Order::VlanDel(dev) => {
                let id = self.device(dev)?;
                if self.tc_plan.names(id) {
                    return Err(Refused::HasQsch);
                }
                return Ok((Change::RemoveVlan(id), After::Device(id, *dev, false)));
            }
            Order::Link { dev, set: LinkSetting::Mtu(mtu) } => {
                Change::SetMtu(self.device(dev)?, *mtu)
            }
            Order::Link { dev, set: LinkSetting::Forward2Kni(forward) } => {
                self.forward(self.device(dev)?, *forward)?
            }
            Order::Neigh(_)
            | Order::Hello(_)
            | Order::Tc(_)
            | Order::ShowTc
            | Order::Iftraf(_)
            | Order::Show(_)
            | Order::Reload(_) => {
                unreachable!("another part of the master takes {}", order.name())
            }
        };
        Ok((change, After::Nothing))
    }

    fn new_route(
        &self,
        to: Ipv4Net,
        via: Option<Ipv4Addr>,
        dev: Option<PortId>,
        mtu: Option<u16>,
    ) -> Result<RouteConfig, Refused> {
        let dev = match (dev, via) {
            (Some(dev), _) => dev,
            (None, None) => return Err(Refused::RouteNowhere),
            (None, Some(via)) => {
                let near = self.devices.iter().find(|device| device.on_link(via));
                near.map(|device| device.id).ok_or(Refused::GatewayOffLink)?
            }
        };
        Ok(RouteConfig { to: to.trunc(), via, dev, mtu })
    }

    fn old_route(
        &self,
        to: Ipv4Net,
        via: Option<Ipv4Addr>,
        dev: Option<PortId>,
    ) -> Result<Change, Refused> {
        let routes = &self.tables.routes;
        let meant = |route: &RouteConfig| {
            via.is_none_or(|via| route.via == Some(via)) && dev.is_none_or(|dev| route.dev == dev)
        };
        let mut found = routes.exactly(to).filter(meant);
        match (found.next(), found.next()) {
            (Some(route), None) => Ok(Change::RemoveRoute(route.to, route.dev)),
            (Some(_), Some(_)) => Err(Refused::RouteAmbiguous),
            (None, _) if routes.is_connected(to) => Err(Refused::RouteConnected),
            (None, _) => Err(Refused::RouteAbsent),
        }
    }

    fn forward(&self, dev: PortId, forward: bool) -> Result<Change, Refused> {
        match station(&self.devices, dev)?.kni {
            None => Err(Refused::NoKernel),
            Some(kni) if kni.lcore != self.id => Err(Refused::KniLcore),
            Some(_) => Ok(Change::SetForward(dev, forward)),
        }
    }

    /// What another configuration changes; or why it cannot be used, and what is to be said of it.
    pub(super) fn reload(&self, reload: Reload) -> Result<(Change, After), (Refused, String)> {
        let new = match reload.config {
            Ok(new) => new,
            Err(problem) => return Err((Refused::ReloadBroken, problem)),
        };
        let Some(base) = &self.control.base else {
            unreachable!("the master knows its configuration")
        };
        if let Err(error) = new.check() {
            return Err((Refused::ReloadBroken, error.to_string()));
        }
        let fixed = base.fixed_in(&new);
        if !fixed.is_empty() {
            return Err((Refused::ReloadFixed, fixed.join(", ")));
        }
        let changes = base.changes_to(&new, &self.devices, &self.tables.routes);
        let change = Change::Config(Box::new(new.policy.clone()), changes);
        Ok((change, After::Base(Box::new(new))))
    }
}
