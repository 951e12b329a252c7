//! What a check hears of a run, and where two runs differ.
//!
//! Invariant: a difference is told as the first of its kind, with the frames of both sides as
//! `lockstep decode` prints them. Not here: what must be the same (`relations.rs`).

use super::Stays;
use crate::decode;
use crate::engine::Outcome;
use crate::oracle::frame::{Frame, IPV4};
use crate::trace::{Observer, Passing, Record, Way, What};
use dataplane::control::Outcome as Over;
use dataplane::event::{Made, NeighMove};
use dataplane::msg::Stage;
use dataplane::{DropReason, Event, Instant, Nanos, PacketId, PortId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What a frame that leaves is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A packet that came, or a piece of one.
    Forwarded,
    /// The answer to one.
    Answer,
    /// What we made for reasons of our own: ARP, errors, copies.
    Own,
}

#[derive(Clone, Debug)]
struct Left {
    at: Instant,
    port: PortId,
    kind: Kind,
    bytes: Range<usize>,
}

/// Everything that left, in order.
#[derive(Debug, Default)]
pub(super) struct Heard {
    left: Vec<Left>,
    bytes: Vec<u8>,
    kinds: BTreeMap<PacketId, Kind>,
    /// What had no room, of what is no packet: the name of an event.
    pub short: Option<&'static str>,
}

/// The first difference, in words; nothing: there is none. Or why nothing can be said.
pub(super) type Compared = Result<Option<String>, String>;

impl Observer for Heard {
    fn event(&mut self, record: &Record) {
        let What::Lcore(event) = &record.what else { return };
        match event {
            Event::Made { packet, what, cause } => {
                let cause = cause.and_then(|cause| self.kinds.get(&cause).copied());
                match (what, cause) {
                    // A piece of what came is what came.
                    (Made::Fragment, None) => {}
                    (Made::Fragment, Some(kind)) => {
                        self.kinds.insert(*packet, kind);
                    }
                    _ => {
                        self.kinds.insert(*packet, Kind::Own);
                    }
                }
            }
            Event::Answered { packet, .. } => {
                self.kinds.insert(*packet, Kind::Answer);
            }
            Event::NoBuffer { .. }
            | Event::SampleLost { .. }
            | Event::TcRefused { .. }
            | Event::TcNotShown { .. }
            | Event::NeighSync { sent: false, .. }
            | Event::Neigh(NeighMove { why: "table_full", .. })
            | Event::Outcome(Over { refused: Some(_), .. }) => self.short = Some(event.name()),
            Event::Msg(note) => {
                let lost =
                    matches!(note.stage, Stage::Refused(_) | Stage::Dropped(_) | Stage::TimedOut);
                self.short = if lost { Some(event.name()) } else { self.short };
            }
            _ => {}
        }
    }

    fn frame(&mut self, frame: &Passing<'_>) {
        if frame.way == Way::Out {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(frame.bytes);
            let kind = self.kinds.get(&frame.packet).copied().unwrap_or(Kind::Forwarded);
            let (at, port, bytes) = (frame.at, frame.port, start..self.bytes.len());
            self.left.push(Left { at, port, kind, bytes });
        }
    }
}

impl Heard {
    /// When the last frame left.
    pub fn last(&self) -> Option<Instant> {
        self.left.last().map(|left| left.at)
    }

    fn bytes(&self, left: &Left) -> &[u8] {
        &self.bytes[left.bytes.clone()]
    }

    /// `0.001000000 s  wan  udp …`
    fn line(&self, left: Option<&Left>, outcome: &Outcome) -> String {
        let Some(left) = left else { return "nothing".to_owned() };
        let port = outcome.devices.get(left.port.index()).map_or("?", String::as_str);
        format!("{} s  {port}  {}", left.at, decode::line(self.bytes(left)))
    }
}

/// Where two runs differ in what must stay.
pub(super) fn compare(stays: Stays, [a, b]: [(&Outcome, &Heard); 2]) -> Compared {
    match stays {
        Stays::Everything => Ok(everything(a, b)),
        Stays::Later(offset) => Ok(later(offset, a, b)),
        Stays::Forwarded => {
            comparable(a.0, b.0)?;
            Ok(flows(a, b))
        }
        Stays::Delivered => {
            comparable(a.0, b.0)?;
            Ok(delivered(a, b))
        }
    }
}

fn told(
    what: &str,
    a: (&Outcome, &Heard),
    b: (&Outcome, &Heard),
    pair: [Option<&Left>; 2],
) -> String {
    let [one, two] = pair;
    format!("{what}\n  before: {}\n  now:    {}", a.1.line(one, a.0), b.1.line(two, b.0))
}

fn everything(a: (&Outcome, &Heard), b: (&Outcome, &Heard)) -> Option<String> {
    if a.0.digests == b.0.digests {
        return None;
    }
    let same =
        |x: &Left, y: &Left| (x.at, x.port) == (y.at, y.port) && a.1.bytes(x) == b.1.bytes(y);
    first(a, b, same).or_else(|| {
        let lcores = a.0.digests.lcores.iter().zip(&b.0.digests.lcores);
        let differ = lcores.filter(|(a, b)| a != b).map(|((id, _), _)| format!("lcore {id}"));
        let mut differ: Vec<_> = differ.collect();
        if a.0.digests.outside != b.0.digests.outside {
            differ.push("the outside".to_owned());
        }
        if a.0.end != b.0.end {
            differ.push(format!("the end ({} s, {} s)", a.0.end, b.0.end));
        }
        let differ = differ.join(", ");
        Some(format!("the same frames left, but what happened before is another: {differ}"))
    })
}

fn later(offset: Nanos, a: (&Outcome, &Heard), b: (&Outcome, &Heard)) -> Option<String> {
    let same = |x: &Left, y: &Left| {
        x.at.saturating_add(offset) == y.at && x.port == y.port && a.1.bytes(x) == b.1.bytes(y)
    };
    first(a, b, same).or_else(|| {
        (a.0.ledger != b.0.ledger).then(|| {
            let [a, b] = [&a.0.ledger, &b.0.ledger];
            format!(
                "the same frames left, but the account is another\n  before: {a}\n  now:    {b}"
            )
        })
    })
}

/// The first frame that is another one.
fn first(
    a: (&Outcome, &Heard),
    b: (&Outcome, &Heard),
    same: impl Fn(&Left, &Left) -> bool,
) -> Option<String> {
    let n = a.1.left.len().max(b.1.left.len());
    for at in 0..n {
        let (x, y) = (a.1.left.get(at), b.1.left.get(at));
        if !matches!((x, y), (Some(x), Some(y)) if same(x, y)) {
            return Some(told(&format!("frame {} that leaves is another", at + 1), a, b, [x, y]));
        }
    }
    None
}

/// What makes up a flow: the port, and what `Packet::flow` says.
type Flow = (PortId, u16, [u8; 17]);

fn flow_of(heard: &Heard, left: &Left) -> Option<Flow> {
    let frame = Frame::read(heard.bytes(left))?;
    Some((left.port, frame.vid, frame.ipv4()?.flow()))
}

fn by_flow(heard: &Heard) -> BTreeMap<Flow, Vec<&Left>> {
    let mut flows = BTreeMap::<_, Vec<_>>::new();
    for left in heard.left.iter().filter(|left| left.kind == Kind::Forwarded) {
        if let Some(flow) = flow_of(heard, left) {
            flows.entry(flow).or_default().push(left);
        }
    }
    flows
}

fn flows(a: (&Outcome, &Heard), b: (&Outcome, &Heard)) -> Option<String> {
    let (ours, theirs) = (by_flow(a.1), by_flow(b.1));
    let all: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let none = Vec::new();
    let mut differences = Vec::new();
    for flow in all {
        let [x, y] = [ours.get(flow).unwrap_or(&none), theirs.get(flow).unwrap_or(&none)];
        for at in 0..x.len().max(y.len()) {
            let pair = [x.get(at).copied(), y.get(at).copied()];
            let same = matches!(pair, [Some(x), Some(y)] if a.1.bytes(x) == b.1.bytes(y));
            if !same {
                let when = pair.iter().flatten().map(|left| left.at).min();
                differences.push((when, at, pair));
                break;
            }
        }
    }
    let (_, at, pair) = differences.into_iter().min_by_key(|(when, ..)| *when)?;
    Some(told(&format!("packet {} of a flow is another", at + 1), a, b, pair))
}

fn delivered(a: (&Outcome, &Heard), b: (&Outcome, &Heard)) -> Option<String> {
    let [ours, theirs] = [sorted(a.1), sorted(b.1)];
    let (mut x, mut y) = (ours.iter().peekable(), theirs.iter().peekable());
    loop {
        let pair = match (x.peek(), y.peek()) {
            (None, None) => return None,
            (Some((one, _)), Some((two, _))) if one == two => {
                x.next();
                y.next();
                continue;
            }
            (Some((one, left)), two) if two.is_none_or(|(two, _)| one < two) => [Some(*left), None],
            (_, Some((_, left))) => [None, Some(*left)],
            (Some((_, left)), None) => [Some(*left), None],
        };
        return Some(told("a frame leaves in one of the runs only", a, b, pair));
    }
}

/// What left that is no business of our own, in an order of its own. The identification of an answer is
/// ours to choose: it is not looked at.
fn sorted(heard: &Heard) -> Vec<((PortId, Vec<u8>), &Left)> {
    let delivered = heard.left.iter().filter(|left| left.kind != Kind::Own);
    let mut sorted: Vec<_> = delivered
        .map(|left| {
            let mut bytes = heard.bytes(left).to_vec();
            let frame = Frame::read(&bytes);
            let l3 =
                frame.filter(|frame| frame.ether_type == IPV4).map(|f| bytes.len() - f.rest.len());
            if let Some(header) = l3.and_then(|l3| bytes.get_mut(l3..l3 + 20))
                && left.kind == Kind::Answer
            {
                header[4..6].fill(0);
                header[10..12].fill(0);
            }
            ((left.port, bytes), left)
        })
        .collect();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    sorted
}

/// Whether anything can be said of two runs in which times differ: not when there was no room for a
/// packet, or it waited in vain, which another timing may change.
fn comparable(a: &Outcome, b: &Outcome) -> Result<(), String> {
    for outcome in [a, b] {
        let mut drops = outcome.ledger.dropped.iter();
        if let Some((reason, n)) = drops.find(|(reason, n)| *n > 0 && is_timing(*reason)) {
            return Err(format!(
                "{n} packets were dropped as {reason}, which depends on the timing"
            ));
        }
    }
    Ok(())
}

/// What there was no buffer for, if there was anything.
pub(super) fn lacked_buffers(outcome: &Outcome, heard: &Heard) -> Option<&'static str> {
    let lacks = [DropReason::RxNoBuffer, DropReason::FragmentNoBuffer];
    let mut drops = outcome.ledger.dropped.iter();
    let dropped = drops.find(|(reason, n)| *n > 0 && lacks.contains(reason));
    let dropped = dropped.map(|(reason, _)| reason.name());
    dropped.or(heard.short.filter(|what| *what == "no_buffer"))
}

/// Whether another timing, or another worker, may make the difference.
pub(super) fn is_timing(reason: DropReason) -> bool {
    is_room(reason)
        || matches!(
            reason,
            DropReason::QschDeleted
                | DropReason::DeviceGone
                | DropReason::ReassemblyTimeout
                | DropReason::NeighUnreachable
                | DropReason::NeighDeleted
                | DropReason::MsgDropped
        )
}

/// Whether something was full.
pub(super) fn is_room(reason: DropReason) -> bool {
    matches!(
        reason,
        DropReason::WireQueueFull
            | DropReason::RxMissed
            | DropReason::RxNoBuffer
            | DropReason::QschFull
            | DropReason::ReassemblyEvicted
            | DropReason::FragmentNoBuffer
            | DropReason::NeighQueueFull
            | DropReason::NeighTableFull
            | DropReason::TxRefused
            | DropReason::ArpRingFull
            | DropReason::IcmpRedirectRingFull
            | DropReason::MsgRingFull
            | DropReason::MsgRefused
            | DropReason::IsolRingFull
            | DropReason::KniRingFull
            | DropReason::KniRefused
    )
}
