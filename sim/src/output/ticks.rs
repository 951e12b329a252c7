//! ticks.txt: the tick schedule of each lcore.
//!
//! A line for each tick in which a job found work, with what and when; idle ticks in between are
//! one line, so that the file is the same whether they were stepped or skipped.
//!
//! ```text
//! lcore 1 worker: recv_fwd, xmit, timer_manage; neigh_sync/100
//!   ticks 1-4166 idle
//!   tick 4167: recv_fwd 1 @416760, xmit 1 @416970
//! ```

use super::{CHUNK, Folder};
use crate::engine::{LcoreOutcome, Outcome};
use crate::plan::Plan;
use crate::run::RunError;
use crate::trace::Run;
use dataplane::{Instant, LcoreId};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Gathers the lines of each lcore, in memory while they are few.
pub(super) struct TicksFile {
    lcores: Vec<Ticks>,
}

struct Ticks {
    lcore: LcoreId,
    /// The tick whose line is at the end of `text`, if it has one.
    open: Option<u64>,
    /// The last tick of which there is a line.
    told: u64,
    text: String,
    /// Where the text goes when it gets long.
    spill: Option<(File, PathBuf)>,
}

impl TicksFile {
    pub fn new(plan: &Plan) -> TicksFile {
        let mut lcores: Vec<_> = plan.config.lcores.iter().map(|lcore| lcore.id).collect();
        lcores.sort_unstable();
        let ticks = |lcore| Ticks { lcore, open: None, told: 0, text: String::new(), spill: None };
        TicksFile { lcores: lcores.into_iter().map(ticks).collect() }
    }

    /// A job found work.
    pub fn ran(&mut self, folder: &Folder, at: Instant, run: Run, items: u32) -> io::Result<()> {
        match self.lcores.binary_search_by_key(&run.lcore, |ticks| ticks.lcore) {
            Ok(index) => self.lcores[index].ran(folder, at, run, items),
            Err(_) => unreachable!("only lcores of the plan run"),
        }
    }

    /// Puts the lines of all lcores into one file.
    pub fn finish(self, folder: &Folder, outcome: &Outcome) -> Result<(), RunError> {
        let mut out = folder.file("ticks.txt")?;
        for (mut ticks, lcore) in self.lcores.into_iter().zip(&outcome.lcores) {
            let written = ticks.finish(lcore, &mut out);
            written.map_err(|source| folder.error("ticks.txt", source))?;
        }
        Ok(())
    }
}

impl Ticks {
    fn ran(&mut self, folder: &Folder, at: Instant, run: Run, items: u32) -> io::Result<()> {
        if self.open == Some(run.tick) {
            self.text.push(',');
        } else {
            self.idle_until(run.tick);
            let _ = write!(self.text, "  tick {}:", run.tick);
            self.open = Some(run.tick);
        }
        let _ = write!(self.text, " {} {items} @{}", run.job, at.as_nanos());
        if self.text.len() >= CHUNK { self.send(folder) } else { Ok(()) }
    }

    /// Ends the open line, and tells of the idle ticks before `tick`.
    fn idle_until(&mut self, tick: u64) {
        if let Some(open) = self.open.take() {
            self.text.push('\n');
            self.told = open;
        }
        // Tick 0 is there only if an INIT job found work.
        let first = self.told + 1;
        let _ = match tick.saturating_sub(first) {
            0 => Ok(()),
            1 => writeln!(self.text, "  tick {first} idle"),
            _ => writeln!(self.text, "  ticks {first}-{} idle", tick - 1),
        };
    }

    fn send(&mut self, folder: &Folder) -> io::Result<()> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => {
                let path = folder.scratch(&format!("ticks.{}", self.lcore));
                self.spill.insert((File::create(&path)?, path))
            }
        };
        spill.0.write_all(self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }

    fn finish(&mut self, lcore: &LcoreOutcome, out: &mut File) -> io::Result<()> {
        writeln!(out, "{}", title(lcore))?;
        let begun = lcore.position.tick + u64::from(lcore.position.slot > 0);
        self.idle_until(begun);
        if let Some((spill, path)) = self.spill.take() {
            drop(spill);
            io::copy(&mut File::open(&path)?, out)?;
            fs::remove_file(&path)?;
        }
        out.write_all(self.text.as_bytes())
    }
}

/// `lcore 1 worker: recv_fwd, xmit, timer_manage; neigh_sync/100`
fn title(lcore: &LcoreOutcome) -> String {
    let mut title = format!("lcore {} {}:", lcore.id, lcore.role);
    let mut between = " ";
    for kind in lcore.schedule.each() {
        let _ = write!(title, "{between}{kind}");
        between = ", ";
    }
    between = if between == " " { " " } else { "; " };
    for (kind, period) in lcore.schedule.slow() {
        let _ = write!(title, "{between}{kind}/{period}");
        between = ", ";
    }
    if lcore.schedule.is_empty() {
        title.push_str(" no jobs");
    }
    title
}
