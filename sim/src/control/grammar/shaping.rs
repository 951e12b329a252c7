//! Orders of traffic control: `qsch …` and `cls …`, in the words of dpip.
//!
//! They are about the devices of the configuration: a VLAN device that was added on the way has no
//! number before it is there.

use super::objects::{put, show};
use super::words::{Word, Words};
use super::{ParseError, either};
use crate::scenario::text;
use dataplane::PortId;
use dataplane::config::Limits;
use dataplane::control::{Order, Show};
use dataplane::tc::{
    ClsConfig, DEFAULT_LATENCY, DEFAULT_PACKETS, Handle, Kind, Match, QschConfig, Tbf, TcChange,
    TokenRate, Verb, Verdict,
};

const VERBS: [&str; 5] = ["add", "change", "replace", "del", "show"];
const KINDS: [&str; 4] = ["pfifo", "bfifo", "pfifo_fast", "tbf"];
const QSCH_KEYS: [&str; 14] = [
    "dev",
    "handle",
    "parent",
    "root",
    "ingress",
    "pfifo",
    "bfifo",
    "pfifo_fast",
    "tbf",
    "limit",
    "rate",
    "burst",
    "latency",
    "peakrate",
];
const CLS_KEYS: [&str; 13] = [
    "dev", "qsch", "handle", "prio", "pkttype", "proto", "src", "dst", "sport", "dport", "iif",
    "oif", "target",
];

/// What a line about a Qsch says.
#[derive(Default)]
struct Qsch {
    dev: Option<PortId>,
    handle: Option<Handle>,
    parent: Option<Handle>,
    kind: Option<&'static str>,
    limit: Option<u64>,
    rate: Option<u64>,
    burst: Option<u64>,
    latency: Option<dataplane::Nanos>,
    peak: Option<(u64, u64)>,
}

/// `qsch add dev wan root tbf rate 8M burst 10000 latency 20ms`
pub(super) fn qsch(words: &mut Words<'_>) -> Result<Order, ParseError> {
    let verb = words.one_of(&VERBS)?;
    if verb == "show" {
        return show(words, Show::Qschs);
    }
    let mut said = Qsch::default();
    while let Some(key) = words.next() {
        said.read(words, &key)?;
    }
    let dev = words.required("`dev` and a device", said.dev)?;
    let parent = said.parent.unwrap_or(Handle::NONE);
    let handle = match said.handle {
        Some(handle) => handle,
        // The top of the tree of what leaves, as for tc and dpip.
        None if parent == Handle::NONE => Handle::ROOT,
        None => Handle::NONE,
    };
    let change = match verb {
        "del" => TcChange::DeleteQsch { dev, handle },
        verb => {
            let kind = said.kind(words)?;
            TcChange::Qsch(known(verb), QschConfig { dev, handle, parent, kind })
        }
    };
    Ok(Order::Tc(change))
}

fn known(verb: &str) -> Verb {
    match verb {
        "change" => Verb::Change,
        "replace" => Verb::Replace,
        _ => Verb::Add,
    }
}

impl Qsch {
    fn read(&mut self, words: &mut Words<'_>, key: &Word<'_>) -> Result<(), ParseError> {
        match key.text {
            "dev" => {
                let dev = words.shaped()?;
                put(words, key, &mut self.dev, dev)
            }
            "root" => put(words, key, &mut self.handle, Handle::ROOT),
            "ingress" => put(words, key, &mut self.handle, Handle::INGRESS),
            "handle" => {
                let handle = words.read("a handle, such as `1:`", text::tc::handle)?;
                put(words, key, &mut self.handle, handle)
            }
            "parent" => {
                let parent = words.read("the handle of a Qsch", text::tc::handle)?;
                put(words, key, &mut self.parent, parent)
            }
            "limit" => {
                let limit = bytes(words, "packets or bytes")?;
                put(words, key, &mut self.limit, limit)
            }
            "rate" => {
                let rate = words.read("bits a second, such as `8M`", text::rate)?;
                put(words, key, &mut self.rate, rate)
            }
            "burst" => {
                let burst = bytes(words, "bytes")?;
                put(words, key, &mut self.burst, burst)
            }
            "latency" => {
                let latency = words.read("a duration, such as `20ms`", text::duration)?;
                put(words, key, &mut self.latency, latency)
            }
            "peakrate" => {
                let bits = words.read("bits a second, such as `16M`", text::rate)?;
                words.one_of(&["minburst"])?;
                let minburst = bytes(words, "bytes")?;
                put(words, key, &mut self.peak, (bits, minburst))
            }
            other => match KINDS.into_iter().find(|kind| *kind == other) {
                Some(kind) => put(words, key, &mut self.kind, kind),
                None => Err(words.unknown(key, &QSCH_KEYS)),
            },
        }
    }

    fn kind(&self, words: &mut Words<'_>) -> Result<Kind, ParseError> {
        let name = words.required(&either(&KINDS), self.kind)?;
        let tokens = self.rate.is_some() || self.burst.is_some() || self.latency.is_some();
        if name != "tbf" && (tokens || self.peak.is_some()) {
            return Err(words.misplaced("`rate`, `burst`, `latency` and `peakrate` are a tbf's"));
        }
        let packets = || u32::try_from(self.limit.unwrap_or(DEFAULT_PACKETS.into()));
        Ok(match name {
            "pfifo" => Kind::Pfifo { limit: packets().unwrap_or(u32::MAX) },
            "pfifo_fast" => Kind::PfifoFast { limit: packets().unwrap_or(u32::MAX) },
            "bfifo" => Kind::Bfifo { limit: words.required("`limit` and bytes", self.limit)? },
            _ => {
                let bits = words.required("`rate` and bits a second", self.rate)?;
                let rate =
                    TokenRate { bits, burst: words.required("`burst` and bytes", self.burst)? };
                let peak = self.peak.map(|(bits, burst)| TokenRate { bits, burst });
                let limit = self.tbf_limit(words, rate, peak)?;
                Kind::Tbf(Tbf { rate, peak, limit })
            }
        })
    }

    /// Bytes that wait in a tbf: its limit, or what comes in its latency.
    fn tbf_limit(
        &self,
        words: &Words<'_>,
        rate: TokenRate,
        peak: Option<TokenRate>,
    ) -> Result<u64, ParseError> {
        let latency = match (self.limit, self.latency) {
            (Some(_), Some(_)) => {
                return Err(words.misplaced("`limit` and `latency` both say what waits"));
            }
            (Some(limit), None) => return Ok(limit),
            (None, latency) => latency.unwrap_or(DEFAULT_LATENCY),
        };
        let (limit, max) = (Tbf::limit_of(rate, peak, latency), Limits::QSCH_LIMIT.1);
        if limit > max {
            let why = format!("in {latency} come {limit} bytes, and {max} may wait");
            return Err(words.misplaced(&why));
        }
        Ok(limit)
    }
}

fn bytes(words: &mut Words<'_>, what: &str) -> Result<u64, ParseError> {
    let (min, max) = Limits::QSCH_LIMIT;
    words.number(what, (min, max))
}

/// What a line about a classifier says.
#[derive(Default)]
struct Cls {
    dev: Option<PortId>,
    qsch: Option<Handle>,
    handle: Option<Handle>,
    prio: Option<u16>,
    pattern: Match,
    verdict: Option<Verdict>,
}

/// `cls add dev wan qsch root proto udp dport 53 target 1:`
pub(super) fn cls(words: &mut Words<'_>) -> Result<Order, ParseError> {
    let verb = words.one_of(&VERBS)?;
    if verb == "show" {
        return show(words, Show::Classes);
    }
    let mut said = Cls::default();
    while let Some(key) = words.next() {
        said.read(words, &key)?;
    }
    let dev = words.required("`dev` and a device", said.dev)?;
    let qsch = said.qsch.unwrap_or(Handle::ROOT);
    let change = match verb {
        "del" => {
            let handle = words.required("`handle` and a handle", said.handle)?;
            TcChange::DeleteCls { dev, qsch, handle }
        }
        verb => {
            let verdict = words.required("`target` or `drop`", said.verdict)?;
            let (handle, prio) = (said.handle.unwrap_or(Handle::NONE), said.prio.unwrap_or(0));
            let pattern = said.pattern;
            TcChange::Cls(known(verb), ClsConfig { dev, qsch, handle, prio, pattern, verdict })
        }
    };
    Ok(Order::Tc(change))
}

impl Cls {
    fn read(&mut self, words: &mut Words<'_>, key: &Word<'_>) -> Result<(), ParseError> {
        let handle = |words: &mut Words<'_>| words.read("a handle, such as `1:`", text::tc::handle);
        let addresses = |words: &mut Words<'_>| {
            words.read("an address, a prefix or a range", text::tc::addresses)
        };
        let ports = |words: &mut Words<'_>| words.read("a port or a range", text::tc::ports);
        let pattern = &mut self.pattern;
        match key.text {
            "dev" => words.shaped().and_then(|dev| put(words, key, &mut self.dev, dev)),
            "qsch" => handle(words).and_then(|qsch| put(words, key, &mut self.qsch, qsch)),
            "handle" => handle(words).and_then(|name| put(words, key, &mut self.handle, name)),
            "prio" => {
                let prio = words.number("a priority", (0, u16::MAX.into()))?;
                put(words, key, &mut self.prio, u16::try_from(prio).unwrap_or(u16::MAX))
            }
            "pkttype" => {
                let kind = words.read("a frame type, such as `ipv4`", text::tc::ether_type)?;
                put(words, key, &mut pattern.ether_type, kind)
            }
            "proto" => {
                let protocol = words.read("a protocol, such as `udp`", text::tc::protocol)?;
                put(words, key, &mut pattern.protocol, protocol)
            }
            "src" => addresses(words).and_then(|src| put(words, key, &mut pattern.src, src)),
            "dst" => addresses(words).and_then(|dst| put(words, key, &mut pattern.dst, dst)),
            "sport" => ports(words).and_then(|port| put(words, key, &mut pattern.sport, port)),
            "dport" => ports(words).and_then(|port| put(words, key, &mut pattern.dport, port)),
            "iif" => words.shaped().and_then(|dev| put(words, key, &mut pattern.iif, dev)),
            "oif" => words.shaped().and_then(|dev| put(words, key, &mut pattern.oif, dev)),
            "target" => {
                let to = handle(words)?;
                put(words, key, &mut self.verdict, Verdict::To(to))
            }
            "drop" => put(words, key, &mut self.verdict, Verdict::Drop),
            _ => Err(words.unknown(key, &CLS_KEYS)),
        }
    }
}
