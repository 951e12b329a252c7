//! A comparison in words.

use super::{Comparison, Deviation, Difference, Sent};
use crate::decode;
use dataplane::{Instant, PortId};
use std::collections::BTreeMap;
use std::fmt;

/// Differences that are told one by one; of the others there is the table.
const FIRST: usize = 20;

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        writeln!(
            f,
            "frames sent by the recorded device: {}, by the box: {}, the same: {}",
            total.recorded, total.here, total.same
        )?;
        writeln!(
            f,
            "free by the RFCs, and not compared: the identification of the device's own packets, \
             padding,\nhow often it asks for a neighbour ({} requests recorded only, {} here only)",
            self.free_requests.0, self.free_requests.1
        )?;
        if let Some((least, middle, most)) = self.later {
            writeln!(
                f,
                "what is the same left {} than recorded (from {} to {})",
                later(middle),
                later(least),
                later(most)
            )?;
        }
        for broken in &self.outcome.broken {
            writeln!(f, "BROKEN: {broken}")?;
        }
        if self.differences.is_empty() {
            return writeln!(f, "\nno difference; flows: {}", self.flows.len());
        }
        self.table(f)?;
        self.list(f)
    }
}

/// A difference of times in microseconds, with three decimals, and in which direction.
fn later(nanos: i128) -> String {
    let direction = if nanos < 0 { "earlier" } else { "later" };
    let nanos = nanos.unsigned_abs();
    format!("{}.{:03} us {direction}", nanos / 1000, nanos % 1000)
}

impl Comparison {
    fn port(&self, port: PortId) -> &str {
        self.ports.get(port.index()).map_or("?", String::as_str)
    }

    /// The flows in which something differs.
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut differences: BTreeMap<(PortId, &str), usize> = BTreeMap::new();
        for difference in &self.differences {
            *differences.entry((difference.port, &difference.flow)).or_default() += 1;
        }
        writeln!(f, "\nrecorded     here     same  differences  port   flow")?;
        let mut alike = 0;
        for ((port, flow), tally) in &self.flows {
            let Some(n) = differences.get(&(*port, flow.as_str())) else {
                alike += 1;
                continue;
            };
            let (recorded, here, same) = (tally.recorded, tally.here, tally.same);
            let port = self.port(*port);
            writeln!(f, "{recorded:>8} {here:>8} {same:>8} {n:>12}  {port:<6} {flow}")?;
        }
        writeln!(f, "flows without a difference: {alike}")
    }

    fn list(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.differences.len();
        match all > FIRST {
            true => writeln!(f, "\nthe first {FIRST} of {all} differences:")?,
            false => writeln!(f, "\n{all} difference{}:", if all == 1 { "" } else { "s" })?,
        }
        for (n, difference) in (1..).zip(self.differences.iter().take(FIRST)) {
            self.one(f, n, difference)?;
        }
        Ok(())
    }

    fn one(&self, f: &mut fmt::Formatter<'_>, n: usize, difference: &Difference) -> fmt::Result {
        let port = self.port(difference.port);
        let line = |sent: &Sent| decode::line(&sent.bytes);
        let at = |at: Instant| format!("{at} s");
        let start = format!("{n:>3}. {} {port}", at(difference.what.at()));
        match &difference.what {
            Deviation::Missing { recorded } => {
                writeln!(f, "{start} missing: {}", line(recorded))?;
                self.why(f, &difference.flow)
            }
            Deviation::Extra { here } => writeln!(f, "{start} extra: {}", line(here)),
            Deviation::Changed { recorded, here, fields } => {
                writeln!(f, "{start} changed: {}", line(recorded))?;
                writeln!(f, "     here: {} at {}", line(here), at(here.at))?;
                fields.iter().try_for_each(|(name, recorded, here)| {
                    writeln!(f, "     {name}: recorded {recorded}, here {here}")
                })
            }
            Deviation::Order { here, recorded, now } => {
                writeln!(f, "{start} order: {}", line(here))?;
                writeln!(f, "     it was number {recorded} of its flow, and is number {now}")
            }
            Deviation::Time { recorded, here } => {
                writeln!(f, "{start} time: {}", line(recorded))?;
                let slack = self.slack;
                writeln!(f, "     here it left at {}: more than {slack} apart", at(*here))
            }
        }
    }

    /// What became of the flow's packets here, where they were refused.
    fn why(&self, f: &mut fmt::Formatter<'_>, flow: &str) -> fmt::Result {
        let Some(reasons) = self.refused.get(flow) else { return Ok(()) };
        let reasons: Vec<String> = reasons.iter().map(|(why, n)| format!("{why} {n}")).collect();
        writeln!(f, "     packets of this flow that were dropped here: {}", reasons.join(", "))
    }
}
