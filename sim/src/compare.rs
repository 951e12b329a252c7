//! What a recorded device sent, beside what the box sends when the same arrives.
//!
//! A capture of a device has what came to it and what it sent. The former is replayed; the latter is
//! compared, flow by flow, with what the box sent: which frames are missing, which are there for
//! nothing, in which fields they differ, whether they come in another order or at another time.
//!
//! What the RFCs leave to each device is not compared: the identification of its own packets, what
//! Ethernet pads behind the end of a packet, and how often and when it asks for a neighbour.
//!
//! Invariant: what is found depends on the plan alone. Not here: how a frame is put into a flow and
//! which of its fields differ (`flow.rs`), how the result reads (`text.rs`).

mod align;
mod flow;
mod text;

#[cfg(test)]
mod tests;

use crate::capture::CaptureReader;
use crate::engine::Outcome;
use crate::plan::{Backend, CaptureInput, Pace, Plan, Source, Timing};
use crate::run::{RunError, simulate};
use crate::source::{Pacer, selected};
use crate::trace::{Observer, Passing, Record, Way, What};
use dataplane::{DropReason, Event, Instant, Nanos, PacketId, PortId};
use flow::Flow;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// How much later or earlier than the recorded device the box may send a frame, unless somebody says
/// otherwise: a device of silicon or a virtual machine takes some time, and its timers are coarse.
pub const SLACK: Nanos = Nanos::from_millis(500);

/// A frame that left a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When, in virtual time.
    pub at: Instant,
    /// By which port.
    pub port: PortId,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// One thing that the two devices did differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The port by which the frame left.
    pub port: PortId,
    /// The flow, in words.
    pub flow: String,
    /// What it is.
    pub what: Deviation,
}

/// What a difference is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deviation {
    /// The recorded device sent it, and the box did not.
    Missing {
        /// What was recorded.
        recorded: Sent,
    },
    /// The box sent it, and the recorded device did not.
    Extra {
        /// What the box sent.
        here: Sent,
    },
    /// Both sent it, and not the same.
    Changed {
        /// What was recorded.
        recorded: Sent,
        /// What the box sent.
        here: Sent,
        /// The fields that differ: name, recorded, here.
        fields: Vec<(String, String, String)>,
    },
    /// Both sent the same, before and behind other frames of the flow.
    Order {
        /// What the box sent.
        here: Sent,
        /// The how manieth frame of the flow it was when it was recorded, from 1.
        recorded: usize,
        /// The how manieth it is here.
        now: usize,
    },
    /// Both sent the same, further apart than they may be.
    Time {
        /// What was recorded.
        recorded: Sent,
        /// When the box sent it.
        here: Instant,
    },
}

impl Deviation {
    /// When it happened: as it was recorded, if it was.
    pub fn at(&self) -> Instant {
        match self {
            Deviation::Missing { recorded }
            | Deviation::Changed { recorded, .. }
            | Deviation::Time { recorded, .. } => recorded.at,
            Deviation::Extra { here } | Deviation::Order { here, .. } => here.at,
        }
    }
}

/// How often a flow was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames that were recorded.
    pub recorded: u64,
    /// Frames that the box sent.
    pub here: u64,
    /// Frames that are the same, in order and in time.
    pub same: u64,
}

/// What came of a comparison.
#[derive(Debug)]
pub struct Comparison {
    /// All flows, by the port by which they left and their name.
    pub flows: BTreeMap<(PortId, String), Tally>,
    /// All differences, in order of time.
    pub differences: Vec<Difference>,
    /// Of flows that were refused here: why, and how many frames. By the flow's name.
    pub refused: BTreeMap<String, BTreeMap<DropReason, u64>>,
    /// Requests for neighbours that only one of the two sent: recorded, and here. They are free.
    pub free_requests: (u64, u64),
    /// How much later than recorded the box sent what is the same, in nanoseconds: least, middle, most.
    pub later: Option<(i128, i128, i128)>,
    /// What the box's run came to.
    pub outcome: Outcome,
    ports: Vec<String>,
    slack: Nanos,
}

impl Comparison {
    /// The frames of all flows.
    pub fn total(&self) -> Tally {
        self.flows.values().fold(Tally::default(), |all, flow| Tally {
            recorded: all.recorded + flow.recorded,
            here: all.here + flow.here,
            same: all.same + flow.same,
        })
    }

    /// Whether the two did the same, and nothing is wrong with the run itself.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty() && self.outcome.broken.is_empty()
    }
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The plan cannot be run, or a capture cannot be read.
    #[error(transparent)]
    Run(#[from] RunError),
    /// No input is a capture.
    #[error("no capture is replayed: name one of a device at work, with what it sent itself")]
    NoCapture,
    /// The captures have no frame that the device sent.
    #[error(
        "the captures have no frame that the recorded device sent: say by --ours MAC|IP which of its \
         addresses tells them (now: {0})"
    )]
    NothingSent(String),
    /// The times of the captures are not kept.
    #[error("what was recorded has its own times: leave --timing away")]
    Timing,
}

/// Runs a plan and compares what it sends with what its captures have of the recorded device, whose
/// frames are told by [`crate::plan::Select::ours`].
///
/// # Errors
/// The plan cannot be run, a capture cannot be read, or there is nothing to compare with.
pub fn compare(plan: &Plan, backend: Backend, slack: Nanos) -> Result<Comparison, CompareError> {
    let recorded = recorded(plan)?;
    let (outcome, seen) = simulate(plan, backend, Pace::Skip, Seen::default())?;
    let own: Vec<Ipv4Addr> = own(plan);
    let refused = seen.refused();
    let mut found = align::align(recorded, seen.sent, &own, slack);
    found.differences.sort_by_key(|difference| difference.what.at());
    let ports = plan.config.ports.iter().map(|port| port.name.clone()).collect();
    let align::Aligned { flows, differences, free_requests, later } = found;
    Ok(Comparison { flows, differences, refused, free_requests, later, outcome, ports, slack })
}

/// The box's own addresses.
fn own(plan: &Plan) -> Vec<Ipv4Addr> {
    let ports = &plan.config.ports;
    let vlans = ports.iter().flat_map(|port| &port.vlans).flat_map(|vlan| &vlan.addresses);
    ports.iter().flat_map(|port| &port.addresses).chain(vlans).map(|net| net.addr()).collect()
}

/// What the recorded device sent, in order of time.
fn recorded(plan: &Plan) -> Result<Vec<Sent>, CompareError> {
    let mut sent = Vec::new();
    let (mut captures, mut ours) = (0, Vec::new());
    for input in &plan.inputs {
        let Source::Capture(capture) = &input.source else { continue };
        if capture.timing != Timing::Recorded {
            return Err(CompareError::Timing);
        }
        captures += 1;
        ours.extend(capture.select.ours.iter().copied());
        sent_in(capture, input.port, &mut sent)
            .map_err(|error| CompareError::Run(RunError::Source(error.into())))?;
    }
    match (captures, sent.is_empty()) {
        (0, _) => return Err(CompareError::NoCapture),
        (_, true) => {
            let ours: Vec<String> =
                ours.into_iter().map(crate::scenario::text::ours_text).collect();
            return Err(CompareError::NothingSent(ours.join(", ")));
        }
        (_, false) => {}
    }
    sent.sort_by_key(|sent| sent.at);
    Ok(sent)
}

fn sent_in(
    input: &CaptureInput,
    port: PortId,
    sent: &mut Vec<Sent>,
) -> Result<(), crate::capture::CaptureError> {
    let mut reader = CaptureReader::open(&input.path)?;
    let mut pacer = Pacer::new(input);
    while let Some(record) = reader.next_record()? {
        pacer.see(record.time);
        let only = input.select.interface.is_none_or(|only| only == record.interface);
        if only && !selected(&input.select, record.interface, record.data) {
            // The order of the file holds, as for what arrives.
            let at = pacer.place(record.time);
            sent.push(Sent { at, port, bytes: record.data.to_vec() });
        }
    }
    Ok(())
}

/// What the box sent, and what it refused.
#[derive(Default)]
struct Seen {
    sent: Vec<Sent>,
    came: BTreeMap<PacketId, String>,
    dropped: Vec<(PacketId, DropReason)>,
}

impl Seen {
    fn refused(&self) -> BTreeMap<String, BTreeMap<DropReason, u64>> {
        let mut refused: BTreeMap<String, BTreeMap<DropReason, u64>> = BTreeMap::new();
        for (packet, reason) in &self.dropped {
            if let Some(flow) = self.came.get(packet) {
                *refused.entry(flow.clone()).or_default().entry(*reason).or_default() += 1;
            }
        }
        refused
    }
}

impl Observer for Seen {
    fn event(&mut self, record: &Record) {
        if let What::Lcore(Event::Dropped { packet, reason }) = record.what {
            self.dropped.push((packet, reason));
        }
    }

    fn frame(&mut self, frame: &Passing<'_>) {
        match (frame.way, frame.refused) {
            (Way::Out, _) => {
                let (at, port, bytes) = (frame.at, frame.port, frame.bytes.to_vec());
                self.sent.push(Sent { at, port, bytes });
            }
            (Way::In, Some(reason)) => {
                self.came.insert(frame.packet, Flow::of(frame.bytes).to_string());
                self.dropped.push((frame.packet, reason));
            }
            (Way::In, None) => {
                self.came.insert(frame.packet, Flow::of(frame.bytes).to_string());
            }
        }
    }
}
