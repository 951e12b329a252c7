//! Who talked most: what `dpip iftraf show` would say at the end of the run.

use crate::engine::Outcome;
use crate::output::device_names;
use crate::plan::Plan;
use dataplane::PortId;
use dataplane::iftraf::Talker;
use std::fmt::{Display, Write as _};

/// The section of the report; none while statistics are off.
pub(super) fn section(text: &mut String, plan: &Plan, outcome: &Outcome) {
    let Some(show) = &outcome.iftraf else { return };
    let sum = |of: fn(&dataplane::Counters) -> u64| {
        outcome.lcores.iter().map(|lcore| of(&lcore.counters)).sum::<u64>()
    };
    let (summed, lost) = (sum(|c| c.iftraf_summed), sum(|c| c.iftraf_lost));
    let (every, span) = (show.every, show.span);
    let _ = writeln!(text, "\ntop talkers of the last {span}");
    let _ = writeln!(
        text,
        "  bytes of sampled packets: one in {every} with ports, of each worker, in and out"
    );
    let _ = writeln!(text, "  samples: {summed} summed up, {lost} lost");
    for line in lines(plan, outcome) {
        let _ = writeln!(text, "  {line}");
    }
}

/// A line for each flow, then one for each host, most bytes first, with titles.
pub(crate) fn lines(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let Some(show) = &outcome.iftraf else { return Vec::new() };
    let names = device_names(plan);
    let mut lines = Vec::new();
    let flows = show.flows.iter().map(|t| (t.key.device, line(t, &t.key)));
    table(&mut lines, "flow", &names, flows);
    let hosts = show.hosts.iter().map(|t| (t.key.device, line(t, &t.key.address)));
    table(&mut lines, "host", &names, hosts);
    lines
}

fn line<K>(talker: &Talker<K>, who: &dyn Display) -> String {
    format!("{:>13} {:>13}  {who}", talker.recv, talker.sent)
}

fn table(
    lines: &mut Vec<String>,
    what: &str,
    names: &[String],
    rows: impl Iterator<Item = (PortId, String)>,
) {
    let mut rows = rows.peekable();
    if rows.peek().is_some() {
        lines.push(format!("{:<8} {:>13} {:>13}  {what}", "port", "recv", "sent"));
    }
    lines.extend(rows.map(|(device, row)| {
        let device = names.get(device.index()).map_or("?", String::as_str);
        format!("{device:<8} {row}")
    }));
}
