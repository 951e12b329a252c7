//! What traffic control held back and let go, each Qsch on all lcores together.

use crate::engine::{LcoreOutcome, Outcome, QschOutcome};
use crate::output::device_names;
use crate::plan::Plan;
use dataplane::tc::{Handle, Hook};
use std::fmt::Write as _;

/// The section of the report; nothing if there is no Qsch.
pub(super) fn section(text: &mut String, plan: &Plan, outcome: &Outcome) {
    let sums = sums(&outcome.lcores);
    if sums.is_empty() {
        return;
    }
    let names = device_names(plan);
    let rows = sums.iter().map(|qsch| (title(&names, qsch), qsch));
    let rows: Vec<_> = rows.collect();
    let width = rows.iter().map(|(title, _)| title.len()).max().unwrap_or(0).max(15);
    let _ = writeln!(
        text,
        "\n{:width$} {:>10} {:>13} {:>10} {:>12} {:>8}",
        "traffic control", "passed", "bytes", "dropped", "overlimits", "waiting"
    );
    for (title, QschOutcome { stats, .. }) in rows {
        let (passed, bytes, dropped) = (stats.packets, stats.bytes, stats.drops);
        let (over, waiting) = (stats.overlimits, stats.qlen);
        let _ = writeln!(
            text,
            "{title:width$} {passed:>10} {bytes:>13} {dropped:>10} {over:>12} {waiting:>8}"
        );
    }
}

/// `wan root tbf`, `wan 1: pfifo`, `wan 2: pfifo of ingress`
fn title(names: &[String], qsch: &QschOutcome) -> String {
    let config = &qsch.config;
    let dev = names.get(config.dev.index()).map_or("?", String::as_str);
    let tree = match (config.handle, qsch.hook) {
        (Handle::ROOT | Handle::INGRESS, _) | (_, Hook::Egress) => "",
        (_, Hook::Ingress) => " of ingress",
    };
    format!("{dev} {} {}{tree}", config.handle, config.kind.name())
}

/// The Qschs of all lcores, in the order of their creation.
fn sums(lcores: &[LcoreOutcome]) -> Vec<QschOutcome> {
    let mut sums: Vec<QschOutcome> = Vec::new();
    for qsch in lcores.iter().flat_map(|lcore| &lcore.qschs) {
        let same = |sum: &&mut QschOutcome| {
            (sum.config.dev, sum.config.handle) == (qsch.config.dev, qsch.config.handle)
        };
        match sums.iter_mut().find(same) {
            Some(sum) => sum.stats.add(&qsch.stats),
            None => sums.push(*qsch),
        }
    }
    sums
}
