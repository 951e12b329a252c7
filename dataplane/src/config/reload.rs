//! What another configuration changes, and what none can change while the box runs. Spec 8.4.
//!
//! DPVS: ctrl reload parses into the running configuration: all that the file does not say is at
//! its default again, lists of devices and workers are freed (defect B84), and the interval of
//! timer_manage is read and never used (B20). Here two configurations are compared.

use super::{Config, PortConfig, RouteConfig};
use crate::change::Change;
use crate::device::Devices;
use crate::route::Routes;
use crate::types::{Mac, PortId};
use crate::world::NeighChange;
use ipnet::Ipv4Net;

impl Config {
    /// What is another in `new` and stays as it is while the box runs: by the names of a scenario.
    pub(crate) fn fixed_in(&self, new: &Config) -> Vec<String> {
        let mut fixed = Vec::new();
        let mut same = |what: &str, same: bool| {
            if !same {
                fixed.push(what.to_owned());
            }
        };
        let names =
            |config: &Config| config.ports.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
        same("the ports", names(self) == names(new));
        for (old, new) in self.ports.iter().zip(&new.ports) {
            let queues = |port: &PortConfig| (port.rx_queues, port.tx_queues);
            same(&format!("the MAC of {}", old.name), old.mac == new.mac);
            same(&format!("the queues of {}", old.name), queues(old) == queues(new));
            let vlans = |port: &PortConfig| {
                port.vlans.iter().map(|v| (v.name.clone(), v.vid, v.mac)).collect::<Vec<_>>()
            };
            let what =
                format!("the VLAN devices of {} (`vlan add` and `vlan del` do it)", old.name);
            same(&what, vlans(old) == vlans(new));
        }
        same("the lcores, their roles and their queues", self.lcores == new.lcores);
        same("the kernel sides of devices", self.kni == new.kni);
        same("icmp_redirect_core", self.icmp_redirect_core == new.icmp_redirect_core);
        same(
            "the Qschs and classifiers",
            (&self.qschs, &self.classes) == (&new.qschs, &new.classes),
        );
        same("iftraf", self.iftraf == new.iftraf);
        same("the limits", self.limits == new.limits);
        let (old, new) = (&self.policy, &new.policy);
        same("policy.neigh_sync_skip", old.neigh_sync_skip == new.neigh_sync_skip);
        same("policy.ipv4_frag_skip", old.ipv4_frag_skip == new.ipv4_frag_skip);
        fixed
    }

    /// The changes from this configuration to `new`, in which nothing fixed is another. What was
    /// changed by orders since stays, unless the two configurations disagree about it.
    pub(crate) fn changes_to(
        &self,
        new: &Config,
        devices: &Devices,
        routes: &Routes,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let there = |route: &RouteConfig| routes.exactly(route.to).any(|other| other == *route);
        let gone = self.routes.iter().map(trunc).filter(|r| !has(&new.routes, r) && there(r));
        changes.extend(gone.map(|route| Change::RemoveRoute(route.to, route.dev)));
        let (old_nets, new_nets) = (addresses(self), addresses(new));
        let ours = |(dev, net): &(PortId, Ipv4Net)| devices.owner(net.addr()) == Some(*dev);
        let gone = old_nets.iter().filter(|net| !new_nets.contains(net) && ours(net));
        changes.extend(gone.map(|(dev, net)| Change::RemoveAddress(*dev, net.addr())));
        changes.extend(mtus(self, new));
        let added = new_nets.iter().filter(|net| !old_nets.contains(net));
        changes.extend(added.map(|(dev, net)| Change::AddAddress(*dev, *net)));
        let added = new.routes.iter().map(trunc).filter(|r| !has(&self.routes, r) && !there(r));
        changes.extend(added.map(Change::AddRoute));
        changes.extend(neighbours(self, new));
        changes
    }
}

fn trunc(route: &RouteConfig) -> RouteConfig {
    RouteConfig { to: route.to.trunc(), ..*route }
}

fn has(routes: &[RouteConfig], route: &RouteConfig) -> bool {
    routes.iter().any(|other| trunc(other) == *route)
}

/// Every device's addresses. Both configurations number their devices alike.
fn addresses(config: &Config) -> Vec<(PortId, Ipv4Net)> {
    let devices = Devices::new(config);
    devices.iter().flat_map(|d| d.addresses.iter().map(|net| (d.id, *net))).collect()
}

/// Devices that carry packets of another size. VLAN devices shrink before their port, and grow
/// after it.
fn mtus(old: &Config, new: &Config) -> Vec<Change> {
    let (old, new) = (Devices::new(old), Devices::new(new));
    let pairs = || old.iter().zip(new.iter()).filter(|(old, new)| old.mtu != new.mtu);
    let shrink = pairs().filter(|(old, new)| new.mtu < old.mtu).map(|(_, new)| new);
    let mut shrink: Vec<_> = shrink.collect();
    shrink.sort_by_key(|device| device.vlan.is_none());
    let grow = pairs().filter(|(old, new)| new.mtu > old.mtu).map(|(_, new)| new);
    let mut grow: Vec<_> = grow.collect();
    grow.sort_by_key(|device| device.vlan.is_some());
    // A port that grows for a VLAN that grows comes first; one that shrinks has to wait for its VLANs.
    let all = shrink.into_iter().chain(grow);
    all.map(|device| Change::SetMtu(device.id, device.mtu)).collect()
}

fn neighbours(old: &Config, new: &Config) -> Vec<Change> {
    let set =
        |port, address, mac: Option<Mac>| Change::Neighbour(NeighChange { port, address, mac });
    let named = |config: &Config, n: &super::NeighConfig| {
        config.neighbours.iter().any(|other| (other.dev, other.address) == (n.dev, n.address))
    };
    let gone = old.neighbours.iter().filter(|n| !named(new, n));
    let gone = gone.map(|n| set(n.dev, n.address, None));
    let added = new.neighbours.iter().filter(|n| !old.neighbours.contains(n));
    gone.chain(added.map(|n| set(n.dev, n.address, Some(n.mac)))).collect()
}
