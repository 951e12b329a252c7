//! manifest.json: what it takes to run the run again, and digests to compare.

use crate::engine::Outcome;
use crate::plan::{Input, Plan, ReloadFile, Source};
use crate::scenario::{Request, digest};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is known of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of Lockstep.
    pub lockstep: String,
    /// What carried the packets: `heap`, or the version of DPDK. The one thing in all files that
    /// may differ between two runs of the same plan.
    pub backend: String,
    /// The seed of all randomness.
    pub seed: u64,
    /// What was asked for, but for the scenario's text: that is in scenario.toml. Nothing when the
    /// plan did not come from a scenario.
    pub request: Option<Request>,
    /// The digest of the scenario's text.
    pub scenario: Option<String>,
    /// What came in.
    pub inputs: Vec<InputEntry>,
    /// Other configurations that came in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reloads: Vec<ReloadFile>,
    /// The virtual time at the end, in nanoseconds.
    pub end: u64,
    /// Why it ended: `quiet`, `until` or `interrupted`.
    pub ended: String,
    /// The account of all packets.
    pub packets: Totals,
    /// The digest of all that happened.
    pub trace: String,
    /// The lcores and what happened on each.
    pub lcores: Vec<LcoreEntry>,
    /// The digest of what happened outside the lcores.
    pub outside: String,
    /// Invariants that did not hold.
    pub broken: Vec<String>,
}

/// An input of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputEntry {
    /// The port it came to.
    pub port: String,
    /// The capture, as it was named; nothing for frames that the scenario spells out.
    pub file: Option<PathBuf>,
    /// The length of the file.
    pub bytes: Option<u64>,
    /// The digest of the file: 128 bits of xxh3.
    pub xxh3_128: Option<String>,
    /// Frames in it.
    pub packets: u64,
    /// Frames that were read. Less than all if the run ended before.
    pub read: u64,
    /// Of these, frames that were input.
    pub selected: u64,
    /// Of these, frames that were filled up to their original length.
    pub padded: u64,
}

/// The account of all packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is a word of the law of conservation")]
pub struct Totals {
    #[serde(rename = "in")]
    pub came: u64,
    pub made: u64,
    pub out: u64,
    pub consumed: u64,
    pub dropped: u64,
    pub held: u64,
}

/// An lcore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LcoreEntry {
    /// Its number.
    pub id: u8,
    /// Its role.
    pub role: String,
    /// The digest of what happened on it.
    pub digest: String,
}

impl Manifest {
    /// The manifest of a run that has ended.
    pub(crate) fn new(plan: &Plan, request: Option<&Request>, outcome: &Outcome) -> Manifest {
        let ledger = &outcome.ledger;
        let lcores = outcome.lcores.iter().zip(&outcome.digests.lcores);
        let lcores = lcores.map(|(lcore, (id, digest))| LcoreEntry {
            id: id.0,
            role: lcore.role.name().to_owned(),
            digest: digest.to_string(),
        });
        let scenario = request.map(|request| digest(&request.scenario));
        Manifest {
            lockstep: env!("CARGO_PKG_VERSION").to_owned(),
            backend: outcome.backend.clone(),
            seed: plan.config.seed,
            request: request.map(|request| Request { scenario: String::new(), ..request.clone() }),
            scenario,
            inputs: inputs(plan, outcome),
            reloads: plan.reloads.clone(),
            end: outcome.end.as_nanos(),
            ended: outcome.ended.name().to_owned(),
            packets: Totals {
                came: ledger.came,
                made: ledger.made.total(),
                out: ledger.out,
                consumed: ledger.consumed(),
                dropped: ledger.dropped.total(),
                held: ledger.held,
            },
            trace: outcome.digests.trace.to_string(),
            lcores: lcores.collect(),
            outside: outcome.digests.outside.to_string(),
            broken: outcome.broken.iter().map(ToString::to_string).collect(),
        }
    }

    /// The manifest as JSON, a field a line.
    pub(crate) fn to_json(&self) -> String {
        // A struct of texts and numbers has no way to fail.
        let json = serde_json::to_string_pretty(self).unwrap_or_default();
        json + "\n"
    }
}

fn inputs(plan: &Plan, outcome: &Outcome) -> Vec<InputEntry> {
    let entry = |(input, totals): (&Input, &crate::source::InputTotals)| {
        let capture = totals.capture.as_ref();
        let frames = match &input.source {
            Source::Frames(frames) => frames.len() as u64,
            Source::Capture(_) => 0,
        };
        InputEntry {
            port: plan.config.ports[input.port.index()].name.clone(),
            file: capture.map(|info| info.path.clone()),
            bytes: capture.map(|info| info.file_len),
            xxh3_128: capture.map(|info| format!("{:032x}", info.digest)),
            packets: capture.map_or(frames, |info| info.packets),
            read: totals.read,
            selected: totals.selected,
            padded: totals.padded,
        }
    };
    let inputs = plan.inputs.iter().zip(&outcome.inputs).map(entry);
    let polled = outcome.polled.iter().map(|(port, info)| {
        let read = outcome.ledger.ports[port.index()].arrived;
        InputEntry {
            port: plan.config.ports[port.index()].name.clone(),
            file: Some(info.path.clone()),
            bytes: Some(info.file_len),
            xxh3_128: Some(format!("{:032x}", info.digest)),
            packets: info.packets,
            read,
            selected: read,
            padded: 0,
        }
    });
    inputs.chain(polled).collect()
}
