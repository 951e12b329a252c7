//! An order, and what came of it, in the words of the grammar.

mod shaping;

use dataplane::control::{
    Answered, Data, Hello, LinkSetting, NeighOrder, Order, Refused, Show, Target,
};
use dataplane::types::DeviceName;
use ipnet::Ipv4Net;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// The order, as it is given. `devices` are their names by number.
pub fn order(order: &Order, devices: &[String]) -> String {
    match order {
        Order::Neigh(NeighOrder { dev, address, mac: Some(mac) }) => {
            format!("neigh add {address} lladdr {mac} dev {dev}")
        }
        Order::Neigh(NeighOrder { dev, address, mac: None }) => {
            format!("neigh del {address} dev {dev}")
        }
        Order::Hello(hello) => greeting(hello),
        Order::Iftraf(switch) => format!("iftraf {}", switch.name()),
        Order::Tc(change) => shaping::change(*change, &|dev| match devices.get(dev.index()) {
            Some(name) => name.clone(),
            None => format!("#{}", dev.0),
        }),
        // A scenario has it as `show_tc`; the sums are in the trace.
        Order::ShowTc => "show_tc".to_owned(),
        Order::AddressAdd { dev, net, valid } => {
            let valid = valid.map_or(String::new(), |valid| format!(" valid_lft {valid}"));
            format!("addr add {net} dev {dev}{valid}")
        }
        Order::AddressDel { dev, address } => format!("addr del {address} dev {dev}"),
        Order::AddressFlush(dev) => format!("addr flush dev {dev}"),
        Order::RouteAdd { to, via, dev, mtu } => {
            let mtu = mtu.map_or(String::new(), |mtu| format!(" mtu {mtu}"));
            format!("route add {}{}{mtu}", destination(*to), hop(*via, dev.as_ref()))
        }
        Order::RouteDel { to, via, dev } => {
            format!("route del {}{}", destination(*to), hop(*via, dev.as_ref()))
        }
        Order::RouteFlush(dev) => format!("route flush{}", hop(None, dev.as_ref())),
        Order::VlanAdd { port, vid, name } => format!("vlan add dev {port} id {vid} name {name}"),
        Order::VlanDel(dev) => format!("vlan del {dev}"),
        Order::Link { dev, set: LinkSetting::Mtu(mtu) } => format!("link set {dev} mtu {mtu}"),
        Order::Link { dev, set: LinkSetting::Forward2Kni(on) } => {
            format!("link set {dev} forward2kni {}", if *on { "on" } else { "off" })
        }
        Order::Show(show) => shown(show),
        Order::Reload(reload) => format!("reload {}", reload.file),
    }
}

fn greeting(hello: &Hello) -> String {
    let Hello { to, call, timeout, count } = *hello;
    let mut text = match to {
        Target::Lcore(to) => format!("hello {to}"),
        Target::Workers => "hello workers".to_owned(),
    };
    let _ = write!(text, " {}", call.name());
    if let Some(timeout) = timeout {
        let _ = write!(text, " timeout {timeout}");
    }
    if count != 1 {
        let _ = write!(text, " count {count}");
    }
    text
}

fn shown(show: &Show) -> String {
    let (what, dev) = match show {
        Show::Addresses(dev) => ("addr show", dev),
        Show::Routes(dev) => ("route show", dev),
        Show::Neighbours(dev) => ("neigh show", dev),
        Show::Vlans(dev) => ("vlan show", dev),
        Show::Links(dev) => ("link show", dev),
        Show::Qschs(dev) => ("qsch show", dev),
        Show::Classes(dev) => ("cls show", dev),
        Show::Stats(Some(lcore)) => return format!("stats show lcore {lcore}"),
        Show::Stats(None) => return "stats show".to_owned(),
    };
    format!("{what}{}", hop(None, dev.as_ref()))
}

/// A prefix; `default` for all of them.
pub(super) fn destination(to: Ipv4Net) -> String {
    match to.prefix_len() {
        0 => "default".to_owned(),
        _ => to.to_string(),
    }
}

fn hop(via: Option<Ipv4Addr>, dev: Option<&DeviceName>) -> String {
    let via = via.map_or(String::new(), |via| format!(" via {via}"));
    let dev = dev.map_or(String::new(), |dev| format!(" dev {dev}"));
    via + &dev
}

/// What came of an order: `done`, or `refused, EXIST at lcore 2: why`.
pub(crate) fn outcome(answered: &Answered) -> String {
    let outcome = &answered.outcome;
    let Some(why) = outcome.refused else {
        return match outcome.entries {
            Some(1) => "shown, 1 entry".to_owned(),
            Some(n) => format!("shown, {n} entries"),
            None => "done".to_owned(),
        };
    };
    let at = outcome.at.map_or(String::new(), |at| format!(" at lcore {at}"));
    format!("refused, {}{at}: {}", why.code(), because(why, &answered.data))
}

/// Why an order was refused, with what there is to say beside it.
pub(super) fn because(why: Refused, data: &Data) -> String {
    match data {
        Data::Text(text) => format!("{}: {text}", why.sentence()),
        _ => why.sentence().to_owned(),
    }
}
