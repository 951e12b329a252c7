//! What a run leaves in a folder.
//!
//! | file | what is in it |
//! |---|---|
//! | `report.txt` | the report that was shown |
//! | `events.jsonl` | all that happened, one JSON object a line |
//! | `out.pcapng` | every frame, in and out by each port, with its fate |
//! | `ticks.txt` | which job found work in which tick, and when |
//! | `counters.txt` | what lcores, ports and queues counted |
//! | `scenario.toml` | the scenario that was run |
//! | `manifest.json` | versions, what was asked for, digests of what went in and what came out |
//!
//! The same run leaves the same bytes on every machine, whatever carried the packets; only the
//! manifest names that.
//!
//! Invariant: the folder has all of the files of a run or none. They are written in another one,
//! beside it, and moved when they are complete. Not here: what is said on the terminal (`run.rs`).

mod capture;
mod counters;
mod folder;
mod manifest;
mod ticks;

pub(crate) use folder::{Folder, beside};
pub use manifest::{InputEntry, LcoreEntry, Manifest, Totals};

use crate::engine::Outcome;
use crate::plan::Plan;
use crate::run::RunError;
use crate::scenario::Request;
use crate::trace::{JsonLines, Observer, Passing, Record, Run};
use capture::CaptureFile;
use dataplane::Instant;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use ticks::TicksFile;

/// The names of all files, in the order in which they are moved into place.
pub const NAMES: [&str; 7] = [
    "report.txt",
    "events.jsonl",
    "out.pcapng",
    "ticks.txt",
    "counters.txt",
    "scenario.toml",
    "manifest.json",
];

/// Bytes that are gathered before they go to a file.
const CHUNK: usize = 64 * 1024;

/// Writes the files of a run while it runs.
pub(crate) struct Files {
    folder: Folder,
    events: LinesFile,
    capture: CaptureFile,
    ticks: TicksFile,
    /// The first thing that went wrong, and with which file.
    error: Option<(&'static str, io::Error)>,
}

struct LinesFile {
    json: JsonLines,
    lines: Vec<u8>,
    file: File,
}

impl Files {
    /// Begins the files of a run that is to leave them in `dir`.
    pub fn create(plan: &Plan, dir: &Path) -> Result<Files, RunError> {
        let folder = Folder::create(dir)?;
        let events = LinesFile {
            json: JsonLines::new(&device_names(plan)),
            lines: Vec::with_capacity(2 * CHUNK),
            file: folder.file("events.jsonl")?,
        };
        let capture = CaptureFile::create(plan, folder.file("out.pcapng")?);
        let capture = capture.map_err(|source| folder.error("out.pcapng", source))?;
        let ticks = TicksFile::new(plan);
        Ok(Files { folder, events, capture, ticks, error: None })
    }

    /// Completes the files and moves them into place.
    pub fn finish(
        mut self,
        plan: &Plan,
        request: Option<&Request>,
        outcome: &Outcome,
        report: &str,
    ) -> Result<(), RunError> {
        if let Some((name, source)) = self.error.take() {
            return Err(self.folder.error(name, source));
        }
        let folder = self.folder;
        self.events.send().map_err(|source| folder.error("events.jsonl", source))?;
        self.capture.finish().map_err(|source| folder.error("out.pcapng", source))?;
        self.ticks.finish(&folder, outcome)?;
        folder.write("report.txt", report.as_bytes())?;
        folder.write("counters.txt", counters::text(plan, outcome).as_bytes())?;
        if let Some(request) = request {
            folder.write("scenario.toml", request.scenario.as_bytes())?;
        }
        let manifest = Manifest::new(plan, request, outcome);
        folder.write("manifest.json", manifest.to_json().as_bytes())?;
        folder.commit()
    }

    fn keep(&mut self, name: &'static str, result: io::Result<()>) {
        if let (Err(error), None) = (result, &self.error) {
            self.error = Some((name, error));
        }
    }
}

impl Observer for Files {
    fn event(&mut self, record: &Record) {
        self.capture.event(record);
        self.events.json.line(record, &mut self.events.lines);
        if self.events.lines.len() >= CHUNK {
            let sent = self.events.send();
            self.keep("events.jsonl", sent);
        }
    }

    fn frame(&mut self, frame: &Passing<'_>) {
        let written = self.capture.frame(frame);
        self.keep("out.pcapng", written);
    }

    fn ran(&mut self, at: Instant, run: Run, items: u32) {
        let written = self.capture.ran(run);
        self.keep("out.pcapng", written);
        let written = self.ticks.ran(&self.folder, at, run, items);
        self.keep("ticks.txt", written);
    }
}

impl LinesFile {
    fn send(&mut self) -> io::Result<()> {
        self.file.write_all(&self.lines)?;
        self.lines.clear();
        Ok(())
    }
}

/// The names of all devices by number: the ports, then the VLAN devices.
pub(crate) fn device_names(plan: &Plan) -> Vec<String> {
    let ports = &plan.config.ports;
    let vlans = ports.iter().flat_map(|port| port.vlans.iter().map(|vlan| vlan.name.clone()));
    ports.iter().map(|port| port.name.clone()).chain(vlans).collect()
}

#[cfg(test)]
pub(crate) mod tests;
