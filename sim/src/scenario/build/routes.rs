//! Routes and static neighbours.

use super::super::error::Mistake;
use super::super::file::{NeighbourTable, RouteTable};
use super::super::ranges;
use super::super::value::{At, Text};
use super::{Builder, header};
use crate::plan::Command;
use dataplane::config::{NeighConfig, RouteConfig};
use dataplane::control::{NeighOrder, Order};
use dataplane::types::DeviceName;
use dataplane::world::NeighChange;
use dataplane::{Instant, Mac, PortId};
use std::net::Ipv4Addr;

impl Builder<'_> {
    pub(super) fn routes(&mut self) -> Vec<RouteConfig> {
        let file = self.file;
        let mut routes: Vec<RouteConfig> = Vec::new();
        for table in &file.route {
            let Some(route) = self.route(table) else { continue };
            if routes.iter().any(|r| (r.to, r.dev) == (route.to, route.dev)) {
                let name = &self.devices[route.dev.index()].name;
                let message = format!("the route to {} on {name} is there twice", route.to);
                let span = &table.value.to.span;
                self.mistake(Mistake::new(span, message, "expected another destination"));
            }
            routes.push(route);
        }
        routes
    }

    fn route(&mut self, table: &At<RouteTable>) -> Option<RouteConfig> {
        let route = &table.value;
        let mtu = route.mtu.as_ref().map(|m| self.ranged(ranges::ROUTE_MTU, Some(m), 1500));
        let dev = match (&route.dev, &route.via) {
            (Some(dev), _) => self.device(dev)?,
            (None, Some(via)) => self.device_of_gateway(via)?,
            (None, None) => {
                let mistake =
                    Mistake::new(header(table), "this route has neither `dev` nor `via`", "");
                self.mistake(
                    mistake.help("dev = \"lan\" when it is on the link, via = \"192.0.2.9\" else"),
                );
                return None;
            }
        };
        if let Some(via) = &route.via {
            self.gateway(via, dev);
        }
        Some(RouteConfig {
            to: route.to.value.0.0,
            via: route.via.as_ref().map(|v| v.value.0),
            dev,
            mtu,
        })
    }

    fn device_of_gateway(&mut self, via: &At<Text<Ipv4Addr>>) -> Option<PortId> {
        let address = via.value.0;
        let on_link = |d: &super::Device| d.addresses.iter().any(|net| net.contains(&address));
        let mut found = (0u16..).zip(&self.devices).filter(|(_, d)| on_link(d));
        match (found.next(), found.next()) {
            (Some((id, _)), None) => Some(PortId(id)),
            (None, _) => {
                let message = format!("gateway {address} is on no subnet of any device");
                self.mistake(Mistake::new(&via.span, message, "expected a neighbour"));
                None
            }
            (Some((_, a)), Some((_, b))) => {
                let message =
                    format!("gateway {address} is on subnets of {} and {}", a.name, b.name);
                let mistake = Mistake::new(&via.span, message, "").help("say which with `dev`");
                self.mistake(mistake);
                None
            }
        }
    }

    fn gateway(&mut self, via: &At<Text<Ipv4Addr>>, dev: PortId) {
        let (address, device) = (via.value.0, &self.devices[dev.index()]);
        let ours = self.devices.iter().find(|d| d.addresses.iter().any(|n| n.addr() == address));
        let mistake = if let Some(owner) = ours {
            let message = format!("gateway {address} is our own address, on {}", owner.name);
            Mistake::new(&via.span, message, "expected a neighbour's")
        } else if !device.addresses.iter().any(|net| net.contains(&address)) {
            let nets: Vec<String> =
                device.addresses.iter().map(|n| n.trunc().to_string()).collect();
            let expected = match nets.is_empty() {
                true => "it has no address at all".to_owned(),
                false => format!("expected within {}", nets.join(", ")),
            };
            let message = format!("gateway {address} is on no subnet of {}", device.name);
            Mistake::new(&via.span, message, expected)
        } else {
            return;
        };
        self.mistake(mistake);
    }

    /// Those that are there from the start, and the changes.
    pub(super) fn neighbours(&mut self) -> (Vec<NeighConfig>, Vec<Command>) {
        let file = self.file;
        let mut neighbours: Vec<NeighConfig> = Vec::new();
        let mut commands = Vec::new();
        for table in &file.neighbour {
            let Some(change) = self.neighbour(table) else { continue };
            let NeighChange { port: dev, address, mac } = change;
            match (&table.value.at, mac) {
                (Some(at), _) => {
                    let at = Instant::from_nanos(at.value.0.get());
                    let name = DeviceName::try_new(&table.value.dev.value);
                    let Some(dev) = name else { unreachable!("every device has such a name") };
                    let what = Order::Neigh(NeighOrder { dev, address, mac });
                    commands.push(Command { at, what });
                }
                (None, Some(mac)) => {
                    if neighbours.iter().any(|n| (n.dev, n.address) == (dev, address)) {
                        let message = format!("neighbour {address} is there twice");
                        let span = &table.value.address.span;
                        self.mistake(Mistake::new(span, message, "expected once on each device"));
                    }
                    neighbours.push(NeighConfig { dev, address, mac });
                }
                (None, None) => {}
            }
        }
        (neighbours, commands)
    }

    fn neighbour(&mut self, table: &At<NeighbourTable>) -> Option<NeighChange> {
        let entry = &table.value;
        let deletes = entry.delete.as_ref().filter(|d| d.value);
        if let (Some(delete), None) = (deletes, &entry.at) {
            let mistake =
                Mistake::new(&delete.span, "before the first tick there is nothing to delete", "");
            self.mistake(mistake.help("say when: at = \"5ms\""));
        }
        match (deletes, &entry.mac) {
            (Some(_), Some(mac)) => {
                let mistake = Mistake::new(&mac.span, "a neighbour that goes needs no mac", "");
                self.mistake(mistake.help("take `mac` away, or `delete`"));
            }
            (None, None) => {
                self.mistake(Mistake::new(header(table), "the key `mac` is missing", ""));
            }
            (None, Some(mac)) if mac.value.0.is_multicast() || mac.value.0 == Mac::ZERO => {
                let message = format!("{} is no unicast address", mac.value.0);
                self.mistake(Mistake::new(&mac.span, message, "expected a host's"));
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        let address = entry.address.value.0;
        if self.devices.iter().any(|d| d.addresses.iter().any(|n| n.addr() == address)) {
            let message = format!("{address} is our own address");
            self.mistake(Mistake::new(&entry.address.span, message, "expected a neighbour's"));
        }
        let port = self.device(&entry.dev)?;
        let mac = entry.mac.as_ref().map(|m| m.value.0).filter(|_| deletes.is_none());
        Some(NeighChange { port, address, mac })
    }
}
