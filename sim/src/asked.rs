//! What a user calls a failure, though the box may well be right: a drop, or an event.
//!
//! "Which frames cause this drop?" is asked as `--fail-on drop:ttl_exceeded`: the run fails by the
//! oracle `asked`, and what makes failing runs smaller makes it smaller.
//!
//! Invariant: an [`Asked`] holds on to names and values as a trace writes them, so that it means the
//! same in every version. Not here: what every run is held to (`oracle.rs`).

use crate::oracle::Breach;
use crate::trace::{Record, What};
use dataplane::event::Value;
use dataplane::{DropReason, Instant, PacketId, PortId};
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// The oracle that speaks for the user.
pub const ORACLE: &str = "asked";

/// What the words look like.
const EXPECTED: &str = "drop:REASON, such as drop:ttl_exceeded, or event:NAME with fields, such as \
                        event:made,what=icmp_error";

/// The names of all events, as traces have them.
pub(crate) const EVENTS: [&str; 45] = [
    "arrive",
    "dropped",
    "depart",
    "command",
    "fault",
    "rx",
    "ring_rx",
    "ring_tx",
    "made",
    "answered",
    "consumed",
    "waits",
    "qsch_queued",
    "qsch_sent",
    "tc_changed",
    "tc_refused",
    "qsch_shown",
    "cls_shown",
    "tc_not_shown",
    "tx",
    "neigh",
    "neigh_mac",
    "neigh_sync",
    "no_buffer",
    "sample_lost",
    "iftraf",
    "device",
    "address_expired",
    "outcome",
    "icmp_suppressed",
    "redirect_ignored",
    "reasm_held",
    "reasm_complete",
    "reasm_refused",
    "reasm_evicted",
    "reasm_expired",
    "msg_sent",
    "msg_refused",
    "msg_delivered",
    "msg_handled",
    "msg_replied",
    "msg_answered",
    "msg_timed_out",
    "msg_dropped",
    "msg_done",
];

/// What is not to happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// No packet is dropped for this reason.
    Drop(DropReason),
    /// There is no event of this name with these values of its fields.
    Event {
        /// Its name.
        name: String,
        /// Its fields, by name, and their values as a trace writes them, without quotes.
        fields: Vec<(String, String)>,
    },
}

impl fmt::Display for Asked {
    /// `drop:ttl_exceeded`, `event:made,what=icmp_error`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asked::Drop(reason) => write!(f, "drop:{}", reason.name()),
            Asked::Event { name, fields } => {
                write!(f, "event:{name}")?;
                fields.iter().try_for_each(|(field, value)| write!(f, ",{field}={value}"))
            }
        }
    }
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Asked, String> {
        if let Some(name) = text.strip_prefix("drop:") {
            let reason = DropReason::ALL.iter().find(|reason| reason.name() == name);
            return reason.map(|reason| Asked::Drop(*reason)).ok_or_else(|| {
                let names: Vec<_> = DropReason::ALL.iter().map(|reason| reason.name()).collect();
                format!("\"{name}\" is no reason to drop, expected one of {}", names.join(", "))
            });
        }
        let expected = || format!("\"{text}\" is nothing that can happen, expected {EXPECTED}");
        let mut parts = text.strip_prefix("event:").ok_or_else(expected)?.split(',');
        let name = parts.next().unwrap_or_default();
        if !EVENTS.contains(&name) {
            let names = EVENTS.join(", ");
            return Err(format!("\"{name}\" is no event, expected one of {names}"));
        }
        let field = |part: &str| match part.split_once('=') {
            Some((field, value)) if !field.is_empty() => Ok((field.to_owned(), value.to_owned())),
            _ => Err(expected()),
        };
        let fields = parts.map(field).collect::<Result<_, _>>()?;
        Ok(Asked::Event { name: name.to_owned(), fields })
    }
}

impl Asked {
    /// Whether this is what was not to happen.
    fn is(&self, what: &What, devices: &[String]) -> bool {
        match self {
            Asked::Drop(reason) => {
                what.name() == "dropped" && has(what, "reason", reason.name(), devices)
            }
            Asked::Event { name, fields } => {
                what.name() == name
                    && fields.iter().all(|(field, value)| has(what, field, value, devices))
            }
        }
    }
}

/// Whether a field of what happened has this value.
fn has(what: &What, name: &str, value: &str, devices: &[String]) -> bool {
    let (mut found, mut text) = (false, String::new());
    what.fields(&mut |field, is| {
        if field == name && !found {
            text.clear();
            write_value(&mut text, is, devices);
            found = text == value;
        }
    });
    found
}

/// A value as a trace writes it, but without quotes.
fn write_value(text: &mut String, value: Value<'_>, devices: &[String]) {
    // Writing to a String cannot fail.
    let _ = match value {
        Value::U64(n) => write!(text, "{n}"),
        Value::Text(word) => text.write_str(word),
        Value::Str(word) => text.write_str(word),
        Value::Ip(address) => write!(text, "{address}"),
        Value::Mac(mac) => write!(text, "{mac}"),
        Value::Port(PortId(port)) => match devices.get(usize::from(port)) {
            Some(name) => text.write_str(name),
            None => write!(text, "{port}"),
        },
        Value::Bool(yes) => write!(text, "{yes}"),
        Value::Handle(handle) => write!(text, "{handle}"),
    };
}

/// Watches a run for what was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Vec<(Asked, Seen)>);

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    times: u64,
    first: Option<(Instant, Option<PacketId>)>,
}

impl Watch {
    /// Nothing was seen yet.
    pub fn new(asked: &[Asked]) -> Watch {
        Watch(asked.iter().map(|asked| (asked.clone(), Seen::default())).collect())
    }

    /// Something happened.
    pub fn see(&mut self, record: &Record, devices: &[String]) {
        for (asked, seen) in &mut self.0 {
            if asked.is(&record.what, devices) {
                seen.times += 1;
                seen.first.get_or_insert((record.at, record.what.packet()));
            }
        }
    }

    /// What happened of it.
    pub fn breaches(&self) -> impl Iterator<Item = Breach> + '_ {
        self.0.iter().filter_map(|(asked, seen)| {
            let (at, packet) = seen.first?;
            let times =
                if seen.times == 1 { "once".into() } else { format!("{} times", seen.times) };
            let packet = packet.map(|packet| format!(", packet {}", packet.0)).unwrap_or_default();
            Some(Breach::new(ORACLE, format!("{asked}, {times}, first at {at} s{packet}")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Outside;

    #[test]
    fn what_is_asked_is_written_as_it_is_read() {
        for text in ["drop:ttl_exceeded", "event:tx", "event:made,what=icmp_error,type=11"] {
            assert_eq!(text.parse::<Asked>().unwrap().to_string(), text);
        }
        for (text, why) in [
            ("ttl_exceeded", "is nothing that can happen"),
            ("drop:ttl", "\"ttl\" is no reason to drop, expected one of wire_lost"),
            ("event:sent", "\"sent\" is no event, expected one of arrive"),
            ("event:tx,lan", "is nothing that can happen"),
            ("event:tx,=lan", "is nothing that can happen"),
        ] {
            let error = text.parse::<Asked>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn every_event_of_a_trace_can_be_asked_for() {
        for source in [
            include_str!("../../dataplane/src/event.rs"),
            include_str!("../../dataplane/src/msg/note.rs"),
            include_str!("trace.rs"),
        ] {
            for line in source.lines() {
                let Some((left, name)) = line.trim().split_once(" => \"") else { continue };
                let ours = ["Event::", "Stage::", "What::", "Reassembly::"];
                if ours.iter().any(|start| left.starts_with(start)) {
                    let name = name.trim_end_matches("\",");
                    assert!(EVENTS.contains(&name), "{line}");
                }
            }
        }
    }

    #[test]
    fn only_what_was_asked_is_seen() {
        let asked = ["drop:rx_missed", "event:depart,port=wan", "event:depart,port=lan"];
        let mut watch = Watch::new(&asked.map(|text| text.parse().unwrap()));
        let devices = ["lan".to_owned(), "wan".to_owned()];
        let depart = |packet, port| Outside::Depart {
            packet: PacketId(packet),
            port: PortId(port),
            queue: dataplane::QueueId(0),
            len: 60,
        };
        for (n, what) in [(1, depart(7, 1)), (2, depart(8, 1))] {
            let at = Instant::from_nanos(n * 1_000_000);
            watch.see(&Record { n, at, run: None, what: What::Outside(what) }, &devices);
        }
        let said: Vec<_> = watch.breaches().map(|breach| breach.to_string()).collect();
        let expected = "asked: event:depart,port=wan, 2 times, first at 0.001000000 s, packet 7";
        assert_eq!(said, [expected]);
    }
}
