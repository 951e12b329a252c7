//! Everything that happens in a run, in order: to whoever watches, and into a digest.
//!
//! Each lcore has a rolling digest of what happened on it, and the wires have one together; the
//! trace digest is over all of them and over the final counters. So two runs of equal digests saw
//! the same packets, events and bytes at the same times, and a difference is known by its lcore.
//!
//! Invariant: what is digested is what is shown. [`What::name`] and [`What::fields`] are the only
//! words for both. Not here: files (`output.rs`), totals (`ledger.rs`).

mod behind;
mod digest;
mod json;

pub(crate) use behind::Behind;
pub use digest::{Digest, Digests};
pub use json::JsonLines;
pub(crate) use json::quoted;

use crate::asked::Watch;
use crate::chart::{MessageLog, Noted};
use crate::fault::Fault;
use crate::ledger::Ledger;
use crate::oracle::{Breach, Oracles, Slack};
use crate::plan::Plan;
use dataplane::config::Checked;
use dataplane::control::Order;
use dataplane::event::Value;
use dataplane::job::JobKind;
use dataplane::{DropReason, Event, Instant, LcoreId, PacketId, PortId, QueueId};
use digest::Streams;
use std::fmt;

/// A run of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The lcore.
    pub lcore: LcoreId,
    /// The tick.
    pub tick: u64,
    /// The job.
    pub job: JobKind,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { lcore, tick, job } = self;
        write!(f, "lcore {lcore}, tick {tick}, {job}")
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number: 1, 2, 3 …
    pub n: u64,
    /// When.
    pub at: Instant,
    /// In which job; nothing for what happens outside the lcores.
    pub run: Option<Run>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// On an lcore.
    Lcore(Event),
    /// On a wire, or in the control plane.
    Outside(Outside),
}

/// What happens outside the lcores.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named by the word that a trace prints")]
pub enum Outside {
    /// A frame came to a receive queue.
    Arrive { packet: PacketId, port: PortId, queue: QueueId, len: u32 },
    /// A frame came to the port, or to its wire, and went no further than that, or than to the
    /// receive queue.
    Refused { packet: PacketId, port: PortId, queue: Option<QueueId>, reason: DropReason, len: u32 },
    /// The wire is through with a frame that it took from a transmit queue. Only wires of a finite
    /// rate say so: others take a frame when it is transmitted.
    Depart { packet: PacketId, port: PortId, queue: QueueId, len: u32 },
    /// The control plane was told to do something; `order` is the number of the order.
    Command { order: u64, what: Order },
    /// Something went wrong on purpose, here: of a row of calls or frames this one.
    Fault(Fault),
}

/// Which way a frame passes a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Towards the dataplane.
    In,
    /// Away from it.
    Out,
}

/// A frame that passes a port.
#[derive(Clone, Copy, Debug)]
pub struct Passing<'a> {
    /// When.
    pub at: Instant,
    /// The packet.
    pub packet: PacketId,
    /// The physical port.
    pub port: PortId,
    /// Which way.
    pub way: Way,
    /// The job run that transmitted it. Nothing on the way in.
    pub run: Option<Run>,
    /// Why it goes no further than the port.
    pub refused: Option<DropReason>,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Somebody who watches a run.
pub trait Observer {
    /// Whether [`Observer::frame`] is wanted: it takes time to have all bytes of a frame in a row.
    const FRAMES: bool = true;

    /// Something happened.
    fn event(&mut self, record: &Record) {
        let _ = record;
    }

    /// A frame passes a port.
    fn frame(&mut self, frame: &Passing<'_>) {
        let _ = frame;
    }

    /// A run of a job has ended that found `items` things to do. Idle runs are not told.
    fn ran(&mut self, at: Instant, run: Run, items: u32) {
        let _ = (at, run, items);
    }
}

/// Nobody watches.
impl Observer for () {
    const FRAMES: bool = false;
}

impl<O: Observer> Observer for &mut O {
    const FRAMES: bool = O::FRAMES;

    fn event(&mut self, record: &Record) {
        (**self).event(record);
    }

    fn frame(&mut self, frame: &Passing<'_>) {
        (**self).frame(frame);
    }

    fn ran(&mut self, at: Instant, run: Run, items: u32) {
        (**self).ran(at, run, items);
    }
}

impl What {
    /// The name in traces.
    pub const fn name(&self) -> &'static str {
        match self {
            What::Lcore(event) => event.name(),
            What::Outside(Outside::Arrive { .. }) => "arrive",
            What::Outside(Outside::Refused { .. }) => "dropped",
            What::Outside(Outside::Depart { .. }) => "depart",
            What::Outside(Outside::Command { .. }) => "command",
            What::Outside(Outside::Fault(_)) => "fault",
        }
    }

    /// The packet that this is about, if it is about one.
    pub const fn packet(&self) -> Option<PacketId> {
        match self {
            What::Lcore(event) => event.packet(),
            What::Outside(
                Outside::Arrive { packet, .. }
                | Outside::Refused { packet, .. }
                | Outside::Depart { packet, .. },
            ) => Some(*packet),
            What::Outside(Outside::Command { .. } | Outside::Fault(_)) => None,
        }
    }

    /// Calls `field` with each field's name and value, always in the same order.
    pub fn fields(&self, field: &mut dyn FnMut(&'static str, Value<'_>)) {
        match self {
            What::Lcore(event) => event.fields(field),
            What::Outside(
                Outside::Arrive { packet, port, queue, len }
                | Outside::Depart { packet, port, queue, len },
            ) => {
                field("pkt", Value::U64(packet.0));
                field("port", Value::Port(*port));
                field("queue", Value::U64(queue.0.into()));
                field("len", Value::U64((*len).into()));
            }
            What::Outside(Outside::Refused { packet, port, queue, reason, len }) => {
                field("pkt", Value::U64(packet.0));
                field("reason", Value::Text(reason.name()));
                field("port", Value::Port(*port));
                if let Some(queue) = queue {
                    field("queue", Value::U64(queue.0.into()));
                }
                field("len", Value::U64((*len).into()));
            }
            What::Outside(Outside::Command { order, what }) => {
                field("order", Value::U64(*order));
                field("what", Value::Text(what.name()));
                what.fields(field);
            }
            What::Outside(Outside::Fault(fault)) => fault.fields(field),
        }
    }
}

/// Notes the name of a device that is new. A number is given once, so the name stays true.
pub(crate) fn name_device(names: &mut Vec<String>, port: PortId, name: &str) {
    if names.len() <= port.index() {
        names.resize(port.index() + 1, String::new());
    }
    names[port.index()] = name.to_owned();
}

/// Where all that happens comes together.
pub(crate) struct Trace<O> {
    observer: O,
    ledger: Ledger,
    streams: Streams,
    messages: MessageLog,
    watch: Watch,
    /// What the run is held to as it happens.
    pub oracles: Oracles,
    /// The names of all devices that there ever were, by number.
    devices: Vec<String>,
    n: u64,
}

impl<O: Observer> Trace<O> {
    /// A trace in which nothing has happened yet.
    pub fn new(config: &Checked<'_>, plan: &Plan, observer: O) -> Trace<O> {
        let ledger = Ledger::new(&config.get().ports);
        let streams = Streams::new(config.get().lcores.len());
        let devices = config.devices().iter().map(|device| device.name.clone()).collect();
        let (messages, watch) = (MessageLog::default(), Watch::new(&plan.asked));
        let oracles = Oracles::new(config.get(), Slack::of(plan));
        Trace { observer, ledger, streams, messages, watch, oracles, devices, n: 0 }
    }

    /// Something happened on the lcore with this index.
    pub fn lcore(&mut self, at: Instant, index: usize, run: Run, event: Event) {
        self.ledger.lcore(&event);
        self.oracles.event(at, run, &event);
        if let Event::Msg(note) = event {
            self.messages.add(Noted { at, run, note });
        }
        if let Event::Device { port, name, added: true } = event {
            name_device(&mut self.devices, port, name.as_str());
        }
        self.record(at, Some((index, run)), What::Lcore(event));
    }

    /// Something happened outside.
    pub fn outside(&mut self, at: Instant, event: Outside) {
        self.ledger.outside(&event);
        self.oracles.outside(at, &event);
        self.record(at, None, What::Outside(event));
    }

    #[inline]
    fn record(&mut self, at: Instant, run: Option<(usize, Run)>, what: What) {
        self.n += 1;
        let record = Record { n: self.n, at, run: run.map(|(_, run)| run), what };
        self.streams.record(run.map(|(index, _)| index), &record);
        self.watch.see(&record, &self.devices);
        self.observer.event(&record);
    }

    /// A frame was accepted by a transmit queue of an lcore: its bytes, in a row.
    pub fn transmitted(&mut self, index: usize, packet: PacketId, bytes: &[u8]) {
        self.streams.bytes(index, packet, bytes);
    }

    /// A frame left by a port.
    pub fn left(&mut self, port: PortId, queue: QueueId, len: usize) {
        self.ledger.left(port, queue, len);
    }

    /// A frame passes a port.
    pub fn frame(&mut self, frame: &Passing<'_>) {
        self.observer.frame(frame);
    }

    /// A job run that found work has ended.
    pub fn ran(&mut self, at: Instant, run: Run, items: u32) {
        self.observer.ran(at, run, items);
    }

    /// What passed the ports so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The names of all devices that there ever were, by number.
    pub fn devices(&self) -> &[String] {
        &self.devices
    }

    /// What the user called a failure, and happened.
    pub fn asked(&self) -> impl Iterator<Item = Breach> + '_ {
        self.watch.breaches()
    }

    /// How many things have happened.
    pub fn records(&self) -> u64 {
        self.n
    }

    /// Ends the trace.
    pub fn finish(self) -> (O, Ledger, Streams, MessageLog, Vec<Breach>) {
        (self.observer, self.ledger, self.streams, self.messages, self.oracles.finish())
    }
}
