//! The report of a run, for people: what came, what became of it, and who worked how much.
//!
//! Invariant: it depends on the run alone, not on the machine, the pace or the fabric. Its last line
//! is the law of conservation.

mod peers;
mod talkers;
mod tc;

pub(crate) use talkers::lines as talker_lines;

use crate::chart;
use crate::engine::{Ended, Outcome};
use crate::jobs;
use crate::ledger::Ledger;
use crate::plan::{Input, Plan};
use crate::source::InputTotals;
use dataplane::{Counters, Instant, Mac, PortId};
use std::fmt::Write as _;

/// Neighbours that a report lists, at most.
const NEIGHBOURS: usize = 20;
/// Orders that a report lists, at most.
const ORDERS: usize = 20;
/// Rows of a sequence chart, at most.
const ROWS: usize = 40;

/// The text of the report.
pub fn text(name: &str, plan: &Plan, outcome: &Outcome) -> String {
    let mut text = String::new();
    let why = match outcome.ended {
        Ended::Quiet => "until all input was through",
        Ended::Until => "as long as it was told",
        Ended::Interrupted => "when it was interrupted",
        Ended::Restless => "when it had not come to rest",
    };
    let _ = writeln!(text, "{name}: {} s of virtual time, {why}", outcome.end);
    inputs(&mut text, plan, outcome);
    ports(&mut text, plan, outcome);
    fates(&mut text, &outcome.ledger);
    peers::section(&mut text, plan, outcome);
    lcores(&mut text, outcome);
    tc::section(&mut text, plan, outcome);
    let _ = write!(text, "\n{}", jobs::after_run(plan, outcome));
    messages(&mut text, outcome);
    talkers::section(&mut text, plan, outcome);
    orders(&mut text, outcome);
    neighbours(&mut text, outcome);
    let _ = writeln!(text, "\ntrace {}", outcome.digests.trace);
    for broken in &outcome.broken {
        let _ = writeln!(text, "BROKEN: {broken}");
    }
    let _ = writeln!(text, "{}", outcome.ledger);
    text
}

fn inputs(text: &mut String, plan: &Plan, outcome: &Outcome) {
    for (input, totals) in plan.inputs.iter().zip(&outcome.inputs) {
        let _ = writeln!(text, "  {}", input_line(plan, input, totals));
    }
    for (port, info) in &outcome.polled {
        let port = &plan.config.ports[port.index()].name;
        let _ = writeln!(text, "  {port} polls {}: {} packets", info.path.display(), info.packets);
    }
}

/// `demo.pcapng to lan: 120 packets, 60 of them input, 3 filled up with zeros`
fn input_line(plan: &Plan, input: &Input, totals: &InputTotals) -> String {
    let port = &plan.config.ports[input.port.index()].name;
    let Some(info) = &totals.capture else {
        return format!("the scenario's own frames to {port}: {}", totals.read);
    };
    let mut line = format!("{} to {port}: {} packets", info.path.display(), info.packets);
    if totals.read < info.packets {
        let _ = write!(line, ", {} read", totals.read);
    }
    if totals.selected < totals.read {
        let _ = write!(line, ", {} of them input", totals.selected);
    }
    if totals.padded > 0 {
        let _ = write!(line, ", {} filled up with zeros", totals.padded);
    }
    if let Some(tail) = &info.tail {
        let _ = write!(line, "; the file ends inside a record, at byte {}", tail.offset);
    }
    if info.backward > 0 {
        let _ = write!(line, "; time runs back {} times", info.backward);
    }
    if let (steps @ 1.., most) = totals.steps {
        let _ = write!(
            line,
            "; its clock was set back {steps} times, by up to {most}: each time it goes on from there"
        );
    }
    line
}

fn ports(text: &mut String, plan: &Plan, outcome: &Outcome) {
    let width = plan.config.ports.iter().map(|port| port.name.len()).max().unwrap_or(0).max(4);
    let _ = writeln!(
        text,
        "\n{:width$} {:>10} {:>13} {:>10} {:>10} {:>13}",
        "port", "in", "bytes", "refused", "out", "bytes"
    );
    for (config, port) in plan.config.ports.iter().zip(&outcome.ledger.ports) {
        let _ = writeln!(
            text,
            "{:width$} {:>10} {:>13} {:>10} {:>10} {:>13}",
            config.name,
            port.arrived,
            port.arrived_bytes,
            port.refused.total(),
            port.left,
            port.left_bytes
        );
    }
}

fn fates(text: &mut String, ledger: &Ledger) {
    let made = parts(&[
        (ledger.made.arp_requests, "ARP requests"),
        (ledger.made.arp_copies, "copies of ARP packets"),
        (ledger.made.kni_copies, "copies for the kernel"),
        (ledger.made.icmp_errors, "ICMP errors"),
        (ledger.made.fragments, "fragments"),
    ]);
    let made = if made.is_empty() { made } else { format!(" ({made})") };
    let _ = writeln!(text, "\nwhat became of {} packets", ledger.came + ledger.made.total());
    let _ = writeln!(text, "{:>12}  came in, {} made here{made}", ledger.came, ledger.made.total());
    let mut fate = |name: &str, n: u64, why: &str| {
        if n > 0 {
            let _ = writeln!(text, "{}", format!("{n:>12}  {name:<22} {why}").trim_end());
        }
    };
    fate("left", ledger.out, "");
    let by = ledger.consumed;
    let consumed = [
        (by.arp, "by ARP"),
        (by.icmp, "by ICMP"),
        (by.kni, "copied to the kernel"),
        (by.reassembly, "joined with other fragments"),
        (by.fragmentation, "cut into fragments"),
    ];
    fate("consumed", ledger.consumed(), &parts(&consumed));
    for (reason, n) in ledger.dropped.iter() {
        fate(reason.name(), n, reason.explain().trim());
    }
    fate("held", ledger.held, "still waiting when the run ended");
}

/// `ARP requests 2, ICMP errors 1`
fn parts(parts: &[(u64, &str)]) -> String {
    let parts = parts.iter().filter(|(n, _)| *n > 0);
    let parts: Vec<String> = parts.map(|(n, what)| format!("{what} {n}")).collect();
    parts.join(", ")
}

fn lcores(text: &mut String, outcome: &Outcome) {
    let _ = writeln!(
        text,
        "\n{:>5} {:<7} {:>13} {:>7} {:>13} {:>10} {:>10} {:>10}",
        "lcore", "role", "ticks", "busy", "polls", "in", "out", "dropped"
    );
    for lcore in &outcome.lcores {
        let counters = &lcore.counters;
        let _ = writeln!(
            text,
            "{:>5} {:<7} {:>13} {:>7} {:>13} {:>10} {:>10} {:>10}",
            lcore.id.0,
            lcore.role.name(),
            counters.lcore_loop,
            share(lcore.busy, outcome.end),
            counters.bursts.polls,
            counters.ipackets,
            counters.opackets,
            counters.drops.total()
        );
    }
}

/// A share of the run in per cent, to a tenth.
fn share(busy: u64, end: Instant) -> String {
    let end = u128::from(end.as_nanos().max(1));
    // A run that began before the end may cost time beyond it.
    let permille = (u128::from(busy) * 1000 / end).min(1000);
    format!("{}.{} %", permille / 10, permille % 10)
}

/// What lcores told each other: how often, and the beginning as a sequence chart.
fn messages(text: &mut String, outcome: &Outcome) {
    let lines = outcome.messages.lines();
    if lines.is_empty() {
        return;
    }
    let counters = || outcome.lcores.iter().map(|lcore| &lcore.counters);
    let sum = |of: fn(&Counters) -> u64| counters().map(of).sum::<u64>();
    let requests = parts(&[
        (sum(|c| c.msg_requests_out), "sent"),
        (sum(|c| c.msg_handled), "carried out"),
        (sum(|c| c.msg_expired), "taken too late"),
        (sum(|c| c.msg_unregistered), "without a handler"),
        (sum(|c| c.msg_refused), "not sent"),
    ]);
    let replies = parts(&[
        (sum(|c| c.msg_replies_out), "sent"),
        (sum(|c| c.msg_replies_late), "too late"),
        (sum(|c| c.msg_replies_lost), "lost"),
        (sum(|c| c.msg_timeouts), "calls timed out"),
    ]);
    let _ = writeln!(text, "\nmessages between lcores");
    let _ = writeln!(text, "  requests: {requests}");
    if !replies.is_empty() {
        let _ = writeln!(text, "  replies: {replies}");
    }
    let roles: Vec<_> = outcome.lcores.iter().map(|lcore| (lcore.id, lcore.role)).collect();
    let (chart, more) = chart::messages(lines, &roles, ROWS);
    let _ = write!(text, "\n{chart}\n{}", chart::LEGEND);
    if more > 0 || outcome.messages.has_more() {
        let _ = writeln!(text, "These are the first {ROWS} rows; all of it is in events.jsonl.");
    }
}

/// What the control plane was told, and what came of it.
fn orders(text: &mut String, outcome: &Outcome) {
    let orders = &outcome.orders;
    if orders.is_empty() {
        return;
    }
    let over = orders.iter().filter(|order| order.answered.is_some()).count();
    let refused = orders.iter().filter(|order| order.refused().is_some()).count();
    let _ = writeln!(text, "\norders to the control plane: {}, {refused} refused", orders.len());
    if over < orders.len() {
        let _ = writeln!(text, "  {} were not over when the run ended", orders.len() - over);
    }
    for order in orders.iter().take(ORDERS) {
        let _ = writeln!(text, "  {}", order.line());
    }
    if orders.len() > ORDERS {
        let _ = writeln!(text, "  and {} more, in events.jsonl", orders.len() - ORDERS);
    }
}

fn neighbours(text: &mut String, outcome: &Outcome) {
    let known = outcome.lcores.iter();
    let known = known.flat_map(|lcore| lcore.neighbours.iter().map(|known| (*known, lcore.id)));
    let mut known: Vec<_> = known.collect();
    if known.is_empty() {
        return;
    }
    known.sort_unstable();
    let names = &outcome.devices;
    let mut groups: Vec<(_, Vec<String>)> = Vec::new();
    for (neighbour, lcore) in known {
        match groups.last_mut() {
            Some((last, lcores)) if *last == neighbour => lcores.push(lcore.to_string()),
            _ => groups.push((neighbour, vec![lcore.to_string()])),
        }
    }
    let _ = writeln!(text, "\nneighbours known in the end");
    let device = |port: PortId| names.get(port.index()).map_or("?", String::as_str);
    let shown = || groups.iter().take(NEIGHBOURS);
    let width = shown().map(|(known, _)| device(known.port).len()).max().unwrap_or(0).max(8);
    for (neighbour, lcores) in shown() {
        let device = device(neighbour.port);
        let address = neighbour.address.to_string();
        let mac = match neighbour.mac {
            Mac::ZERO => "-".to_owned(),
            mac => mac.to_string(),
        };
        let lcores = lcores.join(", ");
        let state = neighbour.state;
        let _ = writeln!(
            text,
            "  {device:<width$} {address:<15} {mac:<17}  {state:<10} lcore {lcores}"
        );
    }
    if groups.len() > NEIGHBOURS {
        let _ = writeln!(text, "  and {} more", groups.len() - NEIGHBOURS);
    }
}
