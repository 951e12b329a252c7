//! What the control plane is told to do, and what came of it. Spec 8.2, 8.3.
//!
//! An [`Order`] comes to the master from outside, at a time of its own; the job that it is for takes
//! it in its next run. It names devices by their names; the master finds out their numbers, checks,
//! does it and has every worker do it. Then it is over, and there is an [`Answered`] for whoever
//! gave it: done, or why not. [`Order::name`] and [`Order::fields`] are the one place that says how
//! an order is written in a trace.
//!
//! Invariant: an order is answered exactly once. One that is refused has changed nothing.
//! Not here: who gives orders (a scenario, a client), what the master makes of them
//! (`lcore/orders.rs`), what each lcore does to its tables (`change.rs`).
//!
//! DPVS: ctrl.c, sockopt. A setter there answers OK whatever came of it (defects B13, B29).

mod answer;
mod refused;

pub use answer::{
    AddressEntry, Answered, Data, Lifetime, LinkEntry, NeighEntry, Outcome, VlanEntry, vlan_name,
};
pub use refused::Refused;

use crate::config::Config;
use crate::event::Value;
use crate::job::JobKind;
use crate::msg::Call;
use crate::tc::TcChange;
use crate::time::Nanos;
use crate::types::{DeviceName, LcoreId, Mac, VlanId};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// Something that the master is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Add or delete a static neighbour on every worker: job neigh_sync.
    Neigh(NeighOrder),
    /// Greet other lcores by messages: job sockopt_job.
    Hello(Hello),
    /// Add an address to a device.
    AddressAdd {
        /// The device.
        dev: DeviceName,
        /// The address, and how many bits of it are its subnet's.
        net: Ipv4Net,
        /// How long it is ours, [`Lifetime::MIN`]..=[`Lifetime::MAX`]; nothing: for ever.
        valid: Option<Nanos>,
    },
    /// Take an address away.
    AddressDel {
        /// The device.
        dev: DeviceName,
        /// The address.
        address: Ipv4Addr,
    },
    /// Take all addresses of a device away.
    AddressFlush(DeviceName),
    /// Add a route.
    RouteAdd {
        /// Where to.
        to: Ipv4Net,
        /// The gateway; nothing when the destination is on the link.
        via: Option<Ipv4Addr>,
        /// The device to leave by; nothing: the one on whose link the gateway is.
        dev: Option<DeviceName>,
        /// The largest packet for this route; nothing for the device's.
        mtu: Option<u16>,
    },
    /// Take away the route to exactly this prefix.
    RouteDel {
        /// Where to.
        to: Ipv4Net,
        /// Only by this gateway.
        via: Option<Ipv4Addr>,
        /// Only by this device.
        dev: Option<DeviceName>,
    },
    /// Take away all routes that no address brings, or those of one device.
    RouteFlush(Option<DeviceName>),
    /// Add a VLAN device. It has the MAC and the MTU of its port, and no addresses.
    VlanAdd {
        /// The physical port.
        port: DeviceName,
        /// The VLAN.
        vid: VlanId,
        /// Its name.
        name: DeviceName,
    },
    /// Take a VLAN device away, with its addresses, its routes and its neighbours.
    VlanDel(DeviceName),
    /// Change a setting of a device.
    Link {
        /// The device.
        dev: DeviceName,
        /// Which, and to what.
        set: LinkSetting,
    },
    /// Say what there is. It changes nothing.
    Show(Show),
    /// Put another configuration in the place of the one that is used: job cfgfile_reload.
    Reload(Box<Reload>),
    /// Change traffic control on every worker: job sockopt_job.
    Tc(TcChange),
    /// Tell what traffic control counted on all workers: job sockopt_job.
    ShowTc,
    /// Switch traffic statistics on or off: job sockopt_job.
    Iftraf(Switch),
}

/// `dpip iftraf enable`, `dpip iftraf disable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// On.
    Enable,
    /// Off.
    Disable,
}

impl Switch {
    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Switch::Enable => "enable",
            Switch::Disable => "disable",
        }
    }
}

/// A static neighbour to add or to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighOrder {
    /// The device on whose link the neighbour is.
    pub dev: DeviceName,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its MAC to add it, nothing to delete it.
    pub mac: Option<Mac>,
}

/// A setting of a device that can be changed.
///
/// DPVS has promisc, allmulticast, link up and down, and the MAC too. A port of ours takes every
/// frame that its wire brings, so that the first two would do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkSetting {
    /// The largest IPv4 packet, in bytes.
    Mtu(u16),
    /// Whether the kernel gets a copy of every frame (`FORWARD2KNI`).
    Forward2Kni(bool),
}

/// What somebody wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// The addresses, of all devices or of one: asked of every worker (IFA_GET).
    Addresses(Option<DeviceName>),
    /// The routes, of all devices or of one.
    Routes(Option<DeviceName>),
    /// The neighbours that each worker knows, on all links or on one (NEIGH_GET).
    Neighbours(Option<DeviceName>),
    /// The VLAN devices, on all ports or on one.
    Vlans(Option<DeviceName>),
    /// The devices, or one.
    Links(Option<DeviceName>),
    /// The Qschs, of all devices or of one, and what they counted on all workers (TC_QSCH_GET).
    Qschs(Option<DeviceName>),
    /// The classifiers, and how often they matched (TC_CLS_GET).
    Classes(Option<DeviceName>),
    /// What the lcores counted, or one of them (NETIF_LCORE_STATS).
    Stats(Option<LcoreId>),
}

/// A configuration to put in the place of the one that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// Where it comes from, for whoever reads the trace.
    pub file: String,
    /// The configuration, or what is wrong with it: then the one that is used stays.
    ///
    /// DPVS: a file that cannot be read sets everything to its default (defect B84).
    pub config: Result<Config, String>,
}

/// To whom the master sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To one lcore: a unicast.
    Lcore(LcoreId),
    /// To every forwarding worker: a multicast.
    Workers,
}

/// Messages HELLO that the master is to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// To whom.
    pub to: Target,
    /// Whether the master wants to know the answers.
    pub call: Call,
    /// How long it waits for them; nothing: `Policy::msg_timeout`.
    pub timeout: Option<Nanos>,
    /// How many, 1..=65,535: asynchronous ones at once, synchronous ones each after the end of the
    /// one before.
    pub count: u32,
}

impl Order {
    /// The name in traces.
    pub const fn name(&self) -> &'static str {
        match self {
            Order::Neigh(_) => "neighbour",
            Order::Hello(_) => "hello",
            Order::AddressAdd { .. } => "address_add",
            Order::AddressDel { .. } => "address_del",
            Order::AddressFlush(_) => "address_flush",
            Order::RouteAdd { .. } => "route_add",
            Order::RouteDel { .. } => "route_del",
            Order::RouteFlush(_) => "route_flush",
            Order::VlanAdd { .. } => "vlan_add",
            Order::VlanDel(_) => "vlan_del",
            Order::Link { .. } => "link_set",
            Order::Show(show) => show.name(),
            Order::Reload(_) => "reload",
            Order::Tc(_) => "tc",
            Order::ShowTc => "show_tc",
            Order::Iftraf(_) => "iftraf",
        }
    }

    /// The master's job that takes it.
    pub const fn taken_by(&self) -> JobKind {
        match self {
            Order::Neigh(_) => JobKind::NeighSync,
            Order::Reload(_) => JobKind::CfgfileReload,
            Order::Hello(_)
            | Order::Tc(_)
            | Order::ShowTc
            | Order::Iftraf(_)
            | Order::AddressAdd { .. }
            | Order::AddressDel { .. }
            | Order::AddressFlush(_)
            | Order::RouteAdd { .. }
            | Order::RouteDel { .. }
            | Order::RouteFlush(_)
            | Order::VlanAdd { .. }
            | Order::VlanDel(_)
            | Order::Link { .. }
            | Order::Show(_) => JobKind::Sockopt,
        }
    }

    /// Calls `field` with each field's name and value, always in the same order.
    pub fn fields(&self, field: &mut dyn FnMut(&'static str, Value<'_>)) {
        match self {
            Order::Neigh(NeighOrder { dev, address, mac }) => {
                field("port", Value::Str(dev.as_str()));
                field("address", Value::Ip(*address));
                field("mac", mac.map_or(Value::Text("-"), Value::Mac));
            }
            Order::Iftraf(switch) => field("switch", Value::Text(switch.name())),
            Order::Hello(hello) => hello.fields(field),
            Order::AddressAdd { dev, net, valid } => {
                field("dev", Value::Str(dev.as_str()));
                prefix(*net, field);
                if let Some(valid) = valid {
                    field("valid", Value::U64(valid.get()));
                }
            }
            Order::Tc(change) => change.fields(field),
            Order::ShowTc => {}
            Order::AddressDel { dev, address } => {
                field("dev", Value::Str(dev.as_str()));
                field("address", Value::Ip(*address));
            }
            Order::RouteAdd { to, via, dev, mtu } => {
                prefix(*to, field);
                hop(*via, dev.as_ref(), field);
                if let Some(mtu) = mtu {
                    field("mtu", Value::U64((*mtu).into()));
                }
            }
            Order::RouteDel { to, via, dev } => {
                prefix(*to, field);
                hop(*via, dev.as_ref(), field);
            }
            Order::VlanAdd { port, vid, name } => {
                field("port", Value::Str(port.as_str()));
                field("vid", Value::U64(vid.get().into()));
                field("dev", Value::Str(name.as_str()));
            }
            Order::AddressFlush(dev) | Order::VlanDel(dev) => {
                field("dev", Value::Str(dev.as_str()));
            }
            Order::RouteFlush(dev) => hop(None, dev.as_ref(), field),
            Order::Link { dev, set } => {
                field("dev", Value::Str(dev.as_str()));
                match set {
                    LinkSetting::Mtu(mtu) => field("mtu", Value::U64((*mtu).into())),
                    LinkSetting::Forward2Kni(on) => field("forward2kni", Value::Bool(*on)),
                }
            }
            Order::Show(show) => show.fields(field),
            Order::Reload(reload) => field("file", Value::Str(&reload.file)),
        }
    }
}

fn prefix(net: Ipv4Net, field: &mut dyn FnMut(&'static str, Value<'_>)) {
    field("address", Value::Ip(net.addr()));
    field("prefix", Value::U64(net.prefix_len().into()));
}

fn hop(
    via: Option<Ipv4Addr>,
    dev: Option<&DeviceName>,
    field: &mut dyn FnMut(&'static str, Value<'_>),
) {
    if let Some(via) = via {
        field("via", Value::Ip(via));
    }
    if let Some(dev) = dev {
        field("dev", Value::Str(dev.as_str()));
    }
}

impl Hello {
    fn fields(&self, field: &mut dyn FnMut(&'static str, Value<'_>)) {
        let Hello { to, call, timeout, count } = *self;
        match to {
            Target::Lcore(to) => field("to", Value::U64(to.0.into())),
            Target::Workers => field("to", Value::Text("workers")),
        }
        field("call", Value::Text(call.name()));
        if let Some(timeout) = timeout {
            field("timeout", Value::U64(timeout.get()));
        }
        field("count", Value::U64(count.into()));
    }
}

impl Show {
    /// The name in traces.
    pub const fn name(&self) -> &'static str {
        match self {
            Show::Addresses(_) => "address_show",
            Show::Routes(_) => "route_show",
            Show::Neighbours(_) => "neighbour_show",
            Show::Vlans(_) => "vlan_show",
            Show::Links(_) => "link_show",
            Show::Qschs(_) => "qsch_show",
            Show::Classes(_) => "cls_show",
            Show::Stats(_) => "stats_show",
        }
    }

    fn fields(&self, field: &mut dyn FnMut(&'static str, Value<'_>)) {
        match self {
            Show::Addresses(dev)
            | Show::Routes(dev)
            | Show::Neighbours(dev)
            | Show::Vlans(dev)
            | Show::Links(dev)
            | Show::Qschs(dev)
            | Show::Classes(dev) => hop(None, dev.as_ref(), field),
            Show::Stats(Some(lcore)) => field("of", Value::U64(lcore.0.into())),
            Show::Stats(None) => {}
        }
    }
}
