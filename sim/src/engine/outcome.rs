//! What a run comes to.

use super::Ordered;
use super::lcores::Lcores;
use crate::capture::CaptureInfo;
use crate::chart::MessageLog;
use crate::fault::FaultKind;
use crate::ledger::Ledger;
use crate::oracle::Breach;
use crate::peer::PeerOutcome;
use crate::source::InputTotals;
use crate::trace::Digests;
use dataplane::iftraf::Show;
use dataplane::job::{Role, Schedule};
use dataplane::lcore::Position;
use dataplane::tc::{Hook, QschConfig, QschStats};
use dataplane::{Buf, Counters, Instant, Lcore, LcoreId, Mac, PortId};
use std::net::Ipv4Addr;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What carried the packets, such as `heap` or `DPDK 22.11.11`.
    pub backend: String,
    /// The virtual time at its end.
    pub end: Instant,
    /// Why it ended.
    pub ended: Ended,
    /// What came and went.
    pub ledger: Ledger,
    /// What became of messages between lcores: the beginning.
    pub messages: MessageLog,
    /// Digests of all that happened.
    pub digests: Digests,
    /// What the control plane was told, and what came of it.
    pub orders: Vec<Ordered>,
    /// The names of all devices that there ever were, by number.
    pub devices: Vec<String>,
    /// The lcores, in the order of their numbers.
    pub lcores: Vec<LcoreOutcome>,
    /// Who talked most, as the master knows it at the end; nothing if nobody asked.
    pub iftraf: Option<Show>,
    /// What was read of each input.
    pub inputs: Vec<InputTotals>,
    /// What the peers experienced, in the order of the plan.
    pub peers: Vec<PeerOutcome>,
    /// The captures that pcap ports polled.
    pub polled: Vec<(PortId, CaptureInfo)>,
    /// Invariants that do not hold. There should be none.
    pub broken: Vec<Breach>,
    /// What was still under way in a run that never came to rest: a sentence each. In others nothing.
    pub pending: Vec<String>,
    /// How often each kind of fault could have struck, by [`FaultKind::index`].
    pub chances: [u64; FaultKind::ALL.len()],
    /// Records of the trace.
    pub records: u64,
    /// Events that were handled. It depends on the pace.
    pub events: u64,
    /// Of these, steps of lcores. It depends on the pace.
    pub steps: u64,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All input was through, and no packet held any more.
    Quiet,
    /// It was its time.
    Until,
    /// It was interrupted.
    Interrupted,
    /// It did not come to rest in the time it was given.
    Restless,
}

/// What an lcore came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LcoreOutcome {
    /// Its number.
    pub id: LcoreId,
    /// What it is for.
    pub role: Role,
    /// The turn of its loop.
    pub schedule: Schedule,
    /// Its next step.
    pub position: Position,
    /// Nanoseconds that it spent in runs that found something to do.
    pub busy: u64,
    /// Runs that found something to do.
    pub ran: u64,
    /// What it counted.
    pub counters: Counters,
    /// Whom it knows on the links.
    pub neighbours: Vec<Neighbour>,
    /// Its Qschs, in the order of their creation.
    pub qschs: Vec<QschOutcome>,
}

/// What a Qsch of one lcore came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QschOutcome {
    /// What the control plane told of it.
    pub config: QschConfig,
    /// The tree that it belongs to.
    pub hook: Hook,
    /// What it counted.
    pub stats: QschStats,
}

/// A neighbour that an lcore knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Neighbour {
    /// The device on whose link it is.
    pub port: PortId,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its MAC, as far as it is known.
    pub mac: Mac,
    /// The state of the entry.
    pub state: &'static str,
}

impl Ended {
    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Ended::Quiet => "quiet",
            Ended::Until => "until",
            Ended::Interrupted => "interrupted",
            Ended::Restless => "restless",
        }
    }
}

impl LcoreOutcome {
    pub(super) fn of<B: Buf>(
        core: &Lcore<B>,
        lcores: &Lcores<Lcore<B>>,
        index: usize,
    ) -> LcoreOutcome {
        let neighbours = core.neighbours().iter().map(|(port, address, state, mac, fixed)| {
            let state = if fixed { "static" } else { state.name() };
            Neighbour { port, address, mac, state }
        });
        let qschs = core.qschs().iter().map(|qsch| QschOutcome {
            config: qsch.planned().config,
            hook: qsch.planned().hook,
            stats: qsch.stats(),
        });
        LcoreOutcome {
            id: core.id(),
            role: core.role(),
            schedule: core.schedule().clone(),
            position: core.position(),
            busy: lcores.busy(index),
            ran: lcores.ran(index),
            counters: core.counters().clone(),
            neighbours: neighbours.collect(),
            qschs: qschs.collect(),
        }
    }
}
