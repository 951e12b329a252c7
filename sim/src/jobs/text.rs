//! The job table, for people.

use super::{Done, Lcore, Row};
use crate::engine::Outcome;
use crate::plan::Plan;
use dataplane::Nanos;
use std::fmt::Write as _;

/// Columns of a line of what a job drains.
const WIDTH: usize = 98;

/// The table of each lcore, one below the other.
pub fn text(lcores: &[Lcore]) -> String {
    let mut text = String::new();
    for lcore in lcores {
        let between = if text.is_empty() { "" } else { "\n" };
        let number = lcore.lcore.map_or(String::new(), |number| format!("lcore {number} "));
        let _ = writeln!(text, "{between}{number}{}: {}", lcore.role, lcore.what);
        for row in &lcore.jobs {
            job(&mut text, row);
        }
    }
    text
}

fn job(text: &mut String, row: &Row) {
    let Row { when, order, job, item, .. } = row;
    let idle = Nanos::new(row.idle_ns).to_string();
    let per_item = Nanos::new(row.per_item_ns).to_string();
    let _ =
        writeln!(text, "  {when:<9} {order:>2}  {job:<19} {idle:>6} idle, {per_item:>6} a {item}");
    let _ = writeln!(text, "      {}", row.what);
    let drains = row.drains.as_deref().unwrap_or_default();
    let mut line = String::from("      drains");
    for (at, what) in drains.iter().enumerate() {
        let comma = if at + 1 < drains.len() { "," } else { "" };
        if line.len() + what.len() + 2 > WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from("            ");
        }
        let _ = write!(line, " {what}{comma}");
    }
    if !drains.is_empty() {
        let _ = writeln!(text, "{line}");
    }
    if let Some(Done { runs, with_work, items, busy_ns }) = row.run {
        let busy = Nanos::new(busy_ns);
        let _ = writeln!(
            text,
            "      ran {runs} times, {with_work} with work: {items} items in {busy}"
        );
    }
}

/// The section of a report: what each job of each lcore did. Jobs that never found work are there
/// too: one that should have is what somebody looks for.
pub fn after_run(plan: &Plan, outcome: &Outcome) -> String {
    let Ok(lcores) = super::of(plan, Some(&outcome.lcores)) else { return String::new() };
    let mut text = format!(
        "{:>5} {:<19} {:>13} {:>10} {:>10} {:>14}\n",
        "lcore", "job", "runs", "with work", "items", "busy"
    );
    for lcore in lcores {
        for row in lcore.jobs {
            let (Some(id), Some(done)) = (lcore.lcore, row.run) else { continue };
            let Done { runs, with_work, items, busy_ns } = done;
            let busy = Nanos::new(busy_ns).to_string();
            let job = row.job;
            let _ = writeln!(
                text,
                "{id:>5} {job:<19} {runs:>13} {with_work:>10} {items:>10} {busy:>14}"
            );
        }
    }
    text
}
