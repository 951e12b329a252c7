//! Linux is the second reference: each case that was recorded of a Linux router goes through the box,
//! and what the box sends is what Linux sent; or `docs/conformance.md` has a row that says what
//! differs and why.
//!
//! `kernel` takes the cases that are recorded in `pcaps/kernel`, `captured` those of the folder of
//! captures, if there is one. A row that is missing is printed, without its reason.
//!
//! Here is what both share: what counts as a difference, and the page.

mod captured;
mod kernel;

use crate::cli::repository;
use dataplane::{Event, Mac, Nanos};
use sim::engine::Outcome;
use sim::plan::{Backend, Pace, Plan};
use sim::run::simulate;
use sim::trace::{Observer, Passing, Record, Way, What};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use tests::ms;

/// The first thing that was recorded arrives at this time: by then the box has come up.
const START: Nanos = ms(10);

/// What left the box, and whom it knows.
#[derive(Default)]
struct Seen {
    sent: [Vec<Vec<u8>>; 2],
    known: BTreeMap<Ipv4Addr, Mac>,
}

impl Observer for Seen {
    fn event(&mut self, record: &Record) {
        if let What::Lcore(Event::NeighMac { address, mac, .. }) = record.what {
            self.known.insert(address, mac);
        }
    }

    fn frame(&mut self, frame: &Passing<'_>) {
        if frame.way == Way::Out && frame.at.as_nanos() > START.get() {
            self.sent[frame.port.index()].push(frame.bytes.to_vec());
        }
    }
}

/// Runs a plan to its end.
fn ran(plan: &Plan) -> (Outcome, Seen) {
    simulate(plan, Backend::Dpdk, Pace::Skip, Seen::default()).unwrap()
}

/// Clears what nobody promises of a packet that a router makes itself: its identification (RFC 6864),
/// and the checksum that covers it. `at` is where its IPv4 header begins.
pub fn clear_identification(frame: &mut [u8], at: usize) {
    frame[at + 4..at + 6].fill(0);
    frame[at + 10..at + 12].fill(0);
}

/// A frame of R's without what is not compared: the identification of its own packets, by their source
/// address, and what Ethernet has behind ARP.
fn compared(mut frame: Vec<u8>, is_own: impl Fn([u8; 4]) -> bool) -> Vec<u8> {
    let tagged = frame.get(12..14) == Some(&[0x81, 0x00]);
    let at = if tagged { 18 } else { 14 };
    let source = frame.get(at + 12..at + 16).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    match frame.get(at - 2..at) {
        Some([0x08, 0x06]) => frame.truncate(at + 28),
        Some([0x08, 0x00]) if source.is_some_and(is_own) => clear_identification(&mut frame, at),
        _ => {}
    }
    frame
}

fn told(port: usize, frame: &[u8]) -> String {
    format!("{} {}", ["ra", "rb"][port], sim::decode::line(frame))
}

/// What Linux did and what we did, where it is not the same.
#[derive(Default)]
struct Difference {
    linux: Vec<String>,
    ours: Vec<String>,
}

impl Difference {
    /// That of the frames that left by both ports.
    fn of(
        theirs: &[Vec<Vec<u8>>; 2],
        ours: &[Vec<Vec<u8>>; 2],
        compared: impl Fn(Vec<u8>) -> Vec<u8>,
    ) -> Difference {
        let mut different = Difference::default();
        for (port, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
            different.frames(port, theirs, ours, &compared);
        }
        different
    }

    /// Notes the frames that left by a port, if they are not the same once `compared` has taken away
    /// what is not compared.
    fn frames(
        &mut self,
        port: usize,
        theirs: &[Vec<u8>],
        ours: &[Vec<u8>],
        compared: impl Fn(Vec<u8>) -> Vec<u8>,
    ) {
        let alike = |frames: &[Vec<u8>]| frames.iter().cloned().map(&compared).collect::<Vec<_>>();
        let (a, b) = (alike(theirs), alike(ours));
        if a == b {
            return;
        }
        let only = |of: &[Vec<u8>], frames: &[Vec<u8>], other: &[Vec<u8>]| -> Vec<String> {
            let mut other = other.to_vec();
            let mut missing = |frame: &Vec<u8>| {
                let found = other.iter().position(|o| o == frame);
                found.map(|at| other.swap_remove(at)).is_none()
            };
            let pairs = of.iter().zip(frames).filter(|(frame, _)| missing(frame));
            pairs.map(|(_, frame)| told(port, frame)).collect()
        };
        let mut linux = only(&a, theirs, &b);
        let mut here = only(&b, ours, &a);
        if linux == here {
            let different = a.iter().zip(&b).filter(|(a, b)| a != b);
            for (n, (a, b)) in different.enumerate().take(linux.len()) {
                let at = first_difference(a, b);
                let byte = |frame: &[u8]| match frame.get(at) {
                    Some(byte) => format!(" (byte {at}: {byte:02x})"),
                    None => format!(" ({at} bytes)"),
                };
                linux[n] += &byte(a);
                here[n] += &byte(b);
            }
        }
        self.linux.append(&mut linux);
        self.ours.append(&mut here);
    }

    /// Notes where a neighbour is, if it is not the same.
    fn neighbour(&mut self, address: Ipv4Addr, theirs: Option<Mac>, ours: Option<Mac>) {
        if ours == theirs {
            return;
        }
        let said = |mac: Option<Mac>| match mac {
            Some(mac) => format!("{address} is at {mac}"),
            None => format!("{address} is not known"),
        };
        self.linux.push(said(theirs));
        self.ours.push(said(ours));
    }

    fn is_none(&self) -> bool {
        self.linux.is_empty() && self.ours.is_empty()
    }
}

/// The first byte that differs, but for the header checksum, which tells nothing.
fn first_difference(a: &[u8], b: &[u8]) -> usize {
    let checksum = 24..26;
    let differs = |(at, (a, b)): &(usize, (&u8, &u8))| a != b && !checksum.contains(at);
    let found = a.iter().zip(b).enumerate().find(differs);
    found.map_or(a.len().min(b.len()), |(at, _)| at)
}

/// A cell of the table: what happened, without what would end the cell.
fn cell(lines: &[String], outcome: Option<&Outcome>) -> String {
    let drops = outcome.map_or(String::new(), |outcome| {
        let names: Vec<_> = outcome.ledger.dropped.iter().map(|(r, _)| r.to_string()).collect();
        names.join(", ")
    });
    match (lines, drops.as_str()) {
        ([], "") => "nothing".to_owned(),
        ([], drops) => format!("nothing: `{drops}`"),
        (lines, _) => lines.join("<br>").replace('|', "/"),
    }
}

/// The page, and the rows that a test found a reason for.
struct Page {
    kept: String,
    /// What the names of this test's cases begin with, and those of no other.
    prefix: &'static str,
    missing: String,
    seen: BTreeSet<String>,
    cases: usize,
}

impl Page {
    fn open(prefix: &'static str) -> Page {
        let kept = fs::read_to_string(repository().join("docs/conformance.md")).unwrap();
        Page { kept, prefix, missing: String::new(), seen: BTreeSet::new(), cases: 0 }
    }

    /// Looks for the row of a case that differs.
    fn case(&mut self, id: String, different: &Difference, outcome: &Outcome) {
        assert!(outcome.broken.is_empty(), "{id}: {:?}", outcome.broken);
        assert!(id.starts_with(self.prefix), "{id}");
        self.cases += 1;
        if different.is_none() {
            return;
        }
        let linux = cell(&different.linux, None);
        let ours = cell(&different.ours, Some(outcome));
        let row = format!("| {id} | {linux} | {ours} | ");
        if !self.kept.contains(&row) {
            let _ = writeln!(self.missing, "{row}");
        }
        self.seen.insert(id);
    }

    /// Every difference has a row, every row a difference and a verdict, and the page says how many.
    fn close(self) {
        println!("{} cases, {} differ", self.cases, self.seen.len());
        assert!(self.missing.is_empty(), "not in the table of the page:\n{}", self.missing);
        let begin = format!("| {}", self.prefix);
        for line in self.kept.lines().filter(|line| line.starts_with(&begin)) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            assert!(self.seen.contains(cells[1]), "{} does not differ", cells[1]);
            let verdicts =
                ["bug: ", "Linux is stricter: ", "we are stricter: ", "not planned: ", "other: "];
            assert!(verdicts.iter().any(|v| cells[4].starts_with(v)), "{}: {}", cells[1], cells[4]);
        }
        let said = format!("{} cases, of which {} differ", self.cases, self.seen.len());
        assert!(self.kept.contains(&said), "the page does not say: {said}");
    }
}
