//! counters.txt: what lcores, ports and queues counted. Zeros are left out, names never change.

use super::device_names;
use crate::engine::{Outcome, QschOutcome};
use crate::ledger::PortTotals;
use crate::plan::Plan;
use crate::report::talker_lines;
use dataplane::counters::Counters;
use dataplane::event::Value;
use dataplane::job::JobKind;
use std::fmt::Write as _;

/// The text of the file.
pub(super) fn text(plan: &Plan, outcome: &Outcome) -> String {
    let mut text = String::new();
    let names = device_names(plan);
    for lcore in &outcome.lcores {
        let _ = writeln!(text, "lcore {} {}", lcore.id, lcore.role);
        lcore_counters(&mut text, &lcore.counters);
        for QschOutcome { config, stats, .. } in &lcore.qschs {
            let dev = names.get(config.dev.index()).map_or("?", String::as_str);
            stats.fields(&mut |name, value| {
                if let Value::U64(n) = value {
                    line(&mut text, &format!("qsch.{dev}.{}.{name}", config.handle), n);
                }
            });
        }
    }
    for (config, port) in plan.config.ports.iter().zip(&outcome.ledger.ports) {
        let _ = writeln!(text, "port {}", config.name);
        port_counters(&mut text, port);
    }
    let _ = writeln!(text, "dropped");
    for (reason, n) in outcome.ledger.dropped.iter() {
        line(&mut text, reason.name(), n);
    }
    if outcome.iftraf.is_some() {
        let _ = writeln!(text, "iftraf");
        for line in talker_lines(plan, outcome) {
            let _ = writeln!(text, "  {line}");
        }
    }
    let _ = writeln!(text, "all\n  {}", outcome.ledger);
    text
}

fn lcore_counters(text: &mut String, counters: &Counters) {
    for (name, n) in counters.plain() {
        line(text, name, n);
    }
    let bursts = &counters.bursts;
    line(text, "bursts.polls", bursts.polls);
    line(text, "bursts.zero", bursts.zero);
    line(text, "bursts.zero_to_half", bursts.zero_to_half);
    line(text, "bursts.half_to_full", bursts.half_to_full);
    line(text, "bursts.full", bursts.full);
    for kind in JobKind::ALL {
        line(text, &format!("runs.{kind}"), counters.job_runs[kind.index()]);
    }
    for (reason, n) in counters.drops.iter() {
        line(text, &format!("drops.{reason}"), n);
    }
}

fn port_counters(text: &mut String, port: &PortTotals) {
    line(text, "arrived", port.arrived);
    line(text, "arrived_bytes", port.arrived_bytes);
    line(text, "left", port.left);
    line(text, "left_bytes", port.left_bytes);
    for (index, rx) in port.rx.iter().enumerate() {
        line(text, &format!("rx{index}.arrived"), rx.arrived);
        line(text, &format!("rx{index}.imissed"), rx.missed);
        line(text, &format!("rx{index}.rx_nombuf"), rx.no_buffer);
    }
    for (index, left) in port.tx.iter().enumerate() {
        line(text, &format!("tx{index}.left"), *left);
    }
    for (reason, n) in port.refused.iter() {
        line(text, &format!("refused.{reason}"), n);
    }
}

fn line(text: &mut String, name: &str, n: u64) {
    if n > 0 {
        let _ = writeln!(text, "  {name:<24} {n}");
    }
}
