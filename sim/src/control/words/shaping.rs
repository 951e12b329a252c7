//! Orders of traffic control in the words of the grammar.

use dataplane::PortId;
use dataplane::tc::{
    ClsConfig, Handle, Kind, Match, QschConfig, Range, Tbf, TcChange, Verb, Verdict,
};
use std::fmt::{Display, Write as _};

/// The change, as it is told.
pub(super) fn change(change: TcChange, name: &dyn Fn(PortId) -> String) -> String {
    match change {
        TcChange::Qsch(verb, QschConfig { dev, handle, parent, kind }) => {
            let below = match parent {
                Handle::NONE => String::new(),
                parent => format!(" parent {parent}"),
            };
            let (verb, dev) = (word(verb), name(dev));
            format!("qsch {verb} dev {dev}{}{below} {}", named(handle), kind_of(kind))
        }
        TcChange::DeleteQsch { dev, handle } => {
            format!("qsch del dev {}{}", name(dev), named(handle))
        }
        TcChange::Cls(verb, ClsConfig { dev, qsch, handle, prio, pattern, verdict }) => {
            let handle = match handle {
                Handle::NONE => String::new(),
                handle => format!(" handle {handle}"),
            };
            let verdict = match verdict {
                Verdict::Drop => "drop".to_owned(),
                Verdict::To(target) => format!("target {target}"),
            };
            let (verb, dev, matches) = (word(verb), name(dev), conditions(&pattern, name));
            format!("cls {verb} dev {dev} qsch {qsch}{handle} prio {prio}{matches} {verdict}")
        }
        TcChange::DeleteCls { dev, qsch, handle } => {
            format!("cls del dev {} qsch {qsch} handle {handle}", name(dev))
        }
    }
}

const fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Add => "add",
        Verb::Change => "change",
        Verb::Replace => "replace",
    }
}

/// The tops have names of their own.
fn named(handle: Handle) -> String {
    match handle {
        Handle::NONE => String::new(),
        Handle::ROOT | Handle::INGRESS => format!(" {handle}"),
        handle => format!(" handle {handle}"),
    }
}

fn kind_of(kind: Kind) -> String {
    let name = kind.name();
    match kind {
        Kind::Pfifo { limit } | Kind::PfifoFast { limit } => format!("{name} limit {limit}"),
        Kind::Bfifo { limit } => format!("{name} limit {limit}"),
        Kind::Tbf(Tbf { rate, peak, limit }) => {
            let mut text = format!("{name} rate {} burst {} limit {limit}", rate.bits, rate.burst);
            if let Some(peak) = peak {
                // Writing to a String cannot fail.
                let _ = write!(text, " peakrate {} minburst {}", peak.bits, peak.burst);
            }
            text
        }
    }
}

fn conditions(pattern: &Match, name: &dyn Fn(PortId) -> String) -> String {
    let Match { ether_type, protocol, src, dst, sport, dport, iif, oif } = *pattern;
    let all = [
        ether_type.map(|kind| format!("pkttype 0x{:04x}", kind.0)),
        protocol.map(|protocol| format!("proto {protocol}")),
        src.map(|src| format!("src {}", range(src))),
        dst.map(|dst| format!("dst {}", range(dst))),
        sport.map(|port| format!("sport {}", range(port))),
        dport.map(|port| format!("dport {}", range(port))),
        iif.map(|dev| format!("iif {}", name(dev))),
        oif.map(|dev| format!("oif {}", name(dev))),
    ];
    all.into_iter().flatten().map(|condition| format!(" {condition}")).collect()
}

fn range<T: Display + PartialEq>(Range(first, last): Range<T>) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
