//! What goes wrong on purpose: calls that fail, frames that are lost or harmed on their way to a port,
//! lcores that stand still, take another time or have another clock, orders at another time.
//!
//! A [`Fault`] is one thing that goes wrong, at one place of one run: concrete, so that a list of them
//! says the same in every version, whatever drew it. Most name their place by a number, from 1: the
//! how manieth call, frame or order it is. Since a run is a function of its plan, the number finds the
//! same place in every run, up to the first fault. One that finds no place does nothing.
//!
//! Invariant: what a fault does to the dataplane is what the real thing does. Not here: how a fault is
//! written (`fault/text.rs`), where it strikes (`fault/calls.rs`, `fault/frames.rs`,
//! `engine/lcores.rs`), which faults a seed draws (`fault/draw.rs`), trying all (`sweep.rs`).

mod calls;
mod draw;
mod frames;
mod skew;
mod text;

pub(crate) use calls::Injector;
pub use draw::{Reach, draw};
pub(crate) use draw::{nth_of, span};
pub(crate) use frames::{Harms, Outages};
pub(crate) use skew::{Skew, Skews};
pub use text::FAULT;

use crate::plan::{Plan, PortPlan};
use crate::trace::Way;
use dataplane::event::Value;
use dataplane::{Instant, LcoreId, Nanos};

/// What can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// The pool has no buffer: for a frame that arrives, or a packet or copy to be made.
    Alloc,
    /// Another lcore's ring takes no parcel.
    Ring,
    /// A port takes no packet of a burst.
    Tx,
}

impl FaultKind {
    /// Every kind, in the order of [`FaultKind::index`].
    pub const ALL: [FaultKind; 3] = [FaultKind::Alloc, FaultKind::Ring, FaultKind::Tx];

    /// A dense number, for tables by kind.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name on the command line and in traces.
    pub const fn name(self) -> &'static str {
        match self {
            FaultKind::Alloc => "alloc",
            FaultKind::Ring => "ring",
            FaultKind::Tx => "tx",
        }
    }

    /// What it means for the dataplane.
    pub const fn explain(self) -> &'static str {
        match self {
            FaultKind::Alloc => "the pool has no buffer",
            FaultKind::Ring => "another lcore's ring is full",
            FaultKind::Tx => "a port takes nothing of a burst",
        }
    }
}

/// One call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Strike {
    /// What fails.
    pub kind: FaultKind,
    /// The how manieth of its kind in the run, from 1.
    pub nth: u64,
}

/// One thing that goes wrong. Ports are known by their names, since that is how people write them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A call of the dataplane fails.
    Call(Strike),
    /// Calls in a row fail.
    Calls {
        /// The first of them.
        first: Strike,
        /// The number of the last one, not below that of the first.
        last: u64,
    },
    /// A port takes no more than the front of a burst.
    Short {
        /// The how manieth burst to a port in the run, from 1.
        nth: u64,
        /// So many packets.
        takes: u64,
    },
    /// Frames in a row are lost before they come to the port's wire.
    Lose {
        /// The port.
        port: String,
        /// The first of them, from 1.
        first: u64,
        /// The last of them, not below the first.
        last: u64,
    },
    /// Frames in a row between a peer and its port are lost: those that it sends, before they come to
    /// the port's wire, or those that left the port for it.
    Peer {
        /// The peer.
        peer: String,
        /// Which of them: those that come in at the port, or those that go out.
        way: Way,
        /// The first of them, from 1.
        first: u64,
        /// The last of them, not below the first.
        last: u64,
    },
    /// A frame that comes to the port's wire is harmed.
    Frame {
        /// The port.
        port: String,
        /// The how manieth frame that comes to that port's wire, from 1.
        nth: u64,
        /// What becomes of it.
        harm: Harm,
    },
    /// The clock that gave the frames of the port's inputs their times is set back before a frame.
    Back {
        /// The port.
        port: String,
        /// The how manieth frame of each of its inputs, from 1.
        nth: u64,
        /// By how much.
        by: Nanos,
    },
    /// The port's link goes down, and up again: what would come to the port meanwhile is lost.
    Down {
        /// The port.
        port: String,
        /// When it goes down.
        at: Instant,
        /// For how long.
        lasts: Nanos,
    },
    /// An lcore stands still: its first step that would start then or later starts so much later.
    Stall {
        /// The lcore.
        lcore: LcoreId,
        /// From when on.
        at: Instant,
        /// For how long.
        lasts: Nanos,
    },
    /// Runs in a row of an lcore that find work take another time than their costs say.
    Cost {
        /// The lcore.
        lcore: LcoreId,
        /// The first of them: the how manieth run of the lcore that finds work, from 1.
        first: u64,
        /// The last of them, not below the first.
        last: u64,
        /// How long each of them takes, not zero.
        takes: Nanos,
    },
    /// The clock of an lcore is ahead of that of the run.
    Ahead {
        /// The lcore.
        lcore: LcoreId,
        /// By how much.
        by: Nanos,
    },
    /// The clock of an lcore is too fast, or too slow.
    Drift {
        /// The lcore.
        lcore: LcoreId,
        /// By so many millionths, from −100,000 to 100,000 and not 0; below zero: too slow.
        ppm: i32,
    },
    /// The control plane is told something at another time.
    Order {
        /// The how manieth order of the plan, in order of time, from 1.
        nth: u64,
        /// When it is told.
        at: Instant,
    },
}

/// What becomes of a frame on its way to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// It comes twice, one behind the other.
    Twice,
    /// It comes to the wire so much later; those behind it go first.
    Late(Nanos),
    /// One of its bits is turned over. Bit 0 is the first on the wire's side of the destination MAC:
    /// the highest of the first byte. A frame without that bit stays as it is.
    Flip(u32),
    /// Only so many bytes of it are left. A shorter frame stays as it is.
    Cut(u32),
    /// It finds the receive queue full.
    Full,
    /// It comes in a buffer with so many bytes in front of it, at most [`HEADROOM`].
    ///
    /// [`HEADROOM`]: dataplane::packet::HEADROOM
    Room(u32),
}

impl Harm {
    /// The word that begins it on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Harm::Twice => "dup",
            Harm::Late(_) => "late",
            Harm::Flip(_) => "flip",
            Harm::Cut(_) => "cut",
            Harm::Full => "full",
            Harm::Room(_) => "room",
        }
    }
}

impl Fault {
    /// Every word that begins a fault.
    pub const WORDS: [&str; 19] = [
        "alloc", "ring", "tx", "lose", "mute", "deaf", "dup", "late", "flip", "cut", "full",
        "room", "back", "down", "stall", "cost", "ahead", "drift", "order",
    ];

    /// The word that begins it on the command line, and names it in traces.
    pub const fn word(&self) -> &'static str {
        match self {
            Fault::Call(Strike { kind, .. }) | Fault::Calls { first: Strike { kind, .. }, .. } => {
                kind.name()
            }
            Fault::Short { .. } => FaultKind::Tx.name(),
            Fault::Lose { .. } => "lose",
            Fault::Peer { way: Way::In, .. } => "mute",
            Fault::Peer { way: Way::Out, .. } => "deaf",
            Fault::Frame { harm, .. } => harm.word(),
            Fault::Back { .. } => "back",
            Fault::Down { .. } => "down",
            Fault::Stall { .. } => "stall",
            Fault::Cost { .. } => "cost",
            Fault::Ahead { .. } => "ahead",
            Fault::Drift { .. } => "drift",
            Fault::Order { .. } => "order",
        }
    }

    /// What it means for the dataplane.
    pub const fn explain(&self) -> &'static str {
        match self {
            Fault::Call(Strike { kind, .. }) | Fault::Calls { first: Strike { kind, .. }, .. } => {
                kind.explain()
            }
            Fault::Short { .. } => "a port takes only the front of a burst",
            Fault::Lose { .. } => "a frame is lost on its way",
            Fault::Peer { way: Way::In, .. } => "a frame that a peer sends is lost",
            Fault::Peer { way: Way::Out, .. } => "a frame to a peer is lost",
            Fault::Frame { harm: Harm::Twice, .. } => "a frame comes twice",
            Fault::Frame { harm: Harm::Late(_), .. } => "a frame comes late",
            Fault::Frame { harm: Harm::Flip(_), .. } => "a bit of a frame is turned over",
            Fault::Frame { harm: Harm::Cut(_), .. } => "a frame is cut short",
            Fault::Frame { harm: Harm::Full, .. } => "a receive queue is full",
            Fault::Frame { harm: Harm::Room(_), .. } => "a frame comes with little room in front",
            Fault::Back { .. } => "the clock of a capture is set back",
            Fault::Down { .. } => "the link of a port is down for a while",
            Fault::Stall { .. } => "an lcore stands still for a while",
            Fault::Ahead { .. } => "the clock of an lcore is ahead",
            Fault::Drift { ppm: ..0, .. } => "the clock of an lcore is slow",
            Fault::Drift { .. } => "the clock of an lcore is fast",
            Fault::Cost { .. } => "a run of a job takes another time",
            Fault::Order { .. } => "an order is told at another time",
        }
    }

    /// Calls `field` with each field's name and value, always in the same order.
    pub fn fields(&self, field: &mut dyn FnMut(&'static str, Value<'_>)) {
        field("kind", Value::Text(self.word()));
        match self {
            Fault::Call(Strike { nth, .. }) | Fault::Order { nth, .. } => {
                field("nth", Value::U64(*nth));
            }
            Fault::Calls { first: Strike { nth, .. }, last } => {
                field("nth", Value::U64(*nth));
                field("last", Value::U64(*last));
            }
            Fault::Short { nth, takes } => {
                field("nth", Value::U64(*nth));
                field("takes", Value::U64(*takes));
            }
            Fault::Lose { port, first, .. } => {
                field("nth", Value::U64(*first));
                field("on", Value::Str(port));
            }
            Fault::Peer { peer, first, .. } => {
                field("nth", Value::U64(*first));
                field("by", Value::Str(peer));
            }
            Fault::Frame { port, nth, harm } => {
                field("nth", Value::U64(*nth));
                field("on", Value::Str(port));
                match harm {
                    Harm::Late(by) => field("late", Value::U64(by.get())),
                    Harm::Flip(bit) => field("bit", Value::U64(u64::from(*bit))),
                    Harm::Cut(len) => field("left", Value::U64(u64::from(*len))),
                    Harm::Room(len) => field("room", Value::U64(u64::from(*len))),
                    Harm::Twice | Harm::Full => {}
                }
            }
            Fault::Back { port, nth, by } => {
                field("nth", Value::U64(*nth));
                field("on", Value::Str(port));
                field("back", Value::U64(by.get()));
            }
            Fault::Down { port, at, lasts } => {
                field("on", Value::Str(port));
                field("from", Value::U64(at.as_nanos()));
                field("lasts", Value::U64(lasts.get()));
            }
            Fault::Cost { lcore, first, takes, .. } => {
                field("nth", Value::U64(*first));
                field("of", Value::U64(u64::from(lcore.0)));
                field("takes", Value::U64(takes.get()));
            }
            Fault::Ahead { lcore, by } => {
                field("of", Value::U64(u64::from(lcore.0)));
                field("ahead", Value::U64(by.get()));
            }
            Fault::Drift { lcore, ppm } => {
                field("of", Value::U64(u64::from(lcore.0)));
                let way = if *ppm < 0 { "slow" } else { "fast" };
                field(way, Value::U64(u64::from(ppm.unsigned_abs())));
            }
            Fault::Stall { lcore, at, lasts } => {
                field("of", Value::U64(u64::from(lcore.0)));
                field("from", Value::U64(at.as_nanos()));
                field("lasts", Value::U64(lasts.get()));
            }
        }
    }

    /// Whether the plan has what the fault is about.
    ///
    /// # Errors
    /// It has no such port or lcore: a sentence that names the fault and what there is.
    pub fn check(&self, plan: &Plan) -> Result<(), String> {
        match self {
            Fault::Lose { port, .. }
            | Fault::Frame { port, .. }
            | Fault::Back { port, .. }
            | Fault::Down { port, .. } => {
                let ports = || plan.config.ports.iter().zip(&plan.ports);
                let wired = |plan: &PortPlan| matches!(plan, PortPlan::Ring(_));
                match ports().find(|(config, _)| config.name == *port) {
                    Some((_, plan)) if wired(plan) => return Ok(()),
                    Some(_) => {
                        let why = "has no wire: nothing can happen to a frame on it";
                        return Err(format!("fault {self}: port `{port}` {why}"));
                    }
                    None => {}
                }
                let wires = ports().filter(|(_, plan)| wired(plan));
                let names: Vec<_> = wires.map(|(config, _)| config.name.as_str()).collect();
                let names = names.join(", ");
                Err(format!("fault {self}: there is no port `{port}`; ports with a wire: {names}"))
            }
            Fault::Peer { peer, .. } => {
                let names: Vec<_> = plan.peers.iter().map(|peer| peer.name.as_str()).collect();
                if names.contains(&peer.as_str()) {
                    return Ok(());
                }
                let names = names.join(", ");
                Err(format!("fault {self}: there is no peer `{peer}`; peers: {names}"))
            }
            Fault::Stall { lcore, .. }
            | Fault::Cost { lcore, .. }
            | Fault::Ahead { lcore, .. }
            | Fault::Drift { lcore, .. } => {
                let mut ids: Vec<_> = plan.config.lcores.iter().map(|lcore| lcore.id).collect();
                if ids.contains(lcore) {
                    return Ok(());
                }
                ids.sort_unstable();
                let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                let ids = ids.join(", ");
                Err(format!("fault {self}: there is no lcore {lcore}; lcores: {ids}"))
            }
            Fault::Call(_) | Fault::Calls { .. } | Fault::Short { .. } | Fault::Order { .. } => {
                Ok(())
            }
        }
    }
}
