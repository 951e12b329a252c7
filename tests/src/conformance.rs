//! Linux is the second reference: each case that was captured of a Linux router goes through the
//! box, and what the box sends is what Linux sent; or `docs/conformance.md` has a row that says what
//! differs and why.
//!
//! The captures are looked for where `captures.rs` looks. Where there are none, the test says that it
//! was skipped. A row that is missing is printed, without its reason.

use crate::captures;
use crate::cli::repository;
use dataplane::config::{NeighConfig, RouteConfig};
use dataplane::{Event, Mac, PortId};
use fixtures::{Host, arp_request};
use sim::capture::CaptureReader;
use sim::engine::Outcome;
use sim::plan::{Backend, Pace};
use sim::run::simulate;
use sim::trace::{Observer, Passing, Record, Way, What};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use tests::{Dut, LAN, WAN, dut, ms};

/// R, the router, on either side.
const RA: Host = Host::new(0, [10, 1, 0, 1]).with_mac([2, 0, 0, 0, 1, 1]);
const RB: Host = Host::new(0, [10, 2, 0, 1]).with_mac([2, 0, 0, 0, 2, 1]);
/// R with one interface.
const R0: Host = Host::new(0, [10, 5, 0, 1]).with_mac([2, 0, 0, 0, 5, 1]);
/// A host on each side.
const A: Host = Host::new(0, [10, 1, 0, 2]).with_mac([2, 0, 0, 0, 0x0a, 2]);
const B: Host = Host::new(0, [10, 2, 0, 2]).with_mac([2, 0, 0, 0, 0x0b, 2]);
/// The first thing that was captured arrives at this time.
const START: u64 = 10;
/// So long after the last arrival the run ends: a silent neighbour has been given up by then.
const REST: u64 = 4_500;

/// A capture: the frames on each side of R, with their times in nanoseconds.
#[derive(Default)]
struct Case([Vec<(u64, Vec<u8>)>; 2]);

/// Every case of a folder of captures: one file, or one for each side, with the name of the case.
fn cases(folder: &Path) -> BTreeMap<String, Case> {
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".pcap") else { continue };
        let (case, side) = match name.rsplit_once('.') {
            Some((case, "rb")) => (case, 1),
            Some((case, _)) => (case, 0),
            None if name == "ra" || name == "r0" => ("all", 0),
            None if name == "rb" => ("all", 1),
            None => (name, 0),
        };
        let mut reader = CaptureReader::open(&entry.path()).unwrap();
        let frames = &mut cases.entry(case.to_owned()).or_default().0[side];
        while let Some(record) = reader.next_record().unwrap() {
            let left_out = !name.contains("88a8") && is_double_tagged(record.data);
            if !left_out {
                frames.push((record.time, record.data.to_vec()));
            }
        }
    }
    cases
}

/// R as it was configured for a folder of captures.
fn router(folder: &str) -> Dut {
    let mut net = dut();
    for (port, host, name) in [(LAN, RA, "ra"), (WAN, RB, "rb")] {
        let config = &mut net.plan.config.ports[port.index()];
        config.name = name.into();
        config.mac = Mac(host.mac);
        config.addresses = vec![format!("{}/24", host.ip).parse().unwrap()];
    }
    let to = "192.0.2.0/24".parse().unwrap();
    net.plan.config.routes = vec![RouteConfig { to, via: Some(B.ip), dev: WAN, mtu: None }];
    if folder.starts_with("04") {
        // One interface, and a nearer gateway for two networks.
        let r0 = &mut net.plan.config.ports[LAN.index()];
        r0.mac = Mac(R0.mac);
        r0.addresses = vec!["10.5.0.1/24".parse().unwrap()];
        let via = Some(Ipv4Addr::new(10, 5, 0, 2));
        let to = |text: &str| RouteConfig { to: text.parse().unwrap(), via, dev: LAN, mtu: None };
        net.plan.config.routes = vec![to("10.9.0.0/24"), to("10.9.1.0/24")];
        net.plan.config.policy.icmp_redirects = folder != "04d-redirect-off";
    } else if !matches!(folder, "01-arp-ping" | "06-arp" | "09a-vlan-forward") {
        net = net.knows(LAN, A).knows(WAN, B);
    }
    if folder.starts_with("09") {
        net = net.vlan(LAN, 100, "10.1.100.1/24").vlan(LAN, 200, "10.1.200.1/24");
        if folder != "09a-vlan-forward" {
            net = net.knows(PortId(2), A.with_ip([10, 1, 100, 2]));
            net = net.knows(PortId(3), A.with_ip([10, 1, 200, 2]));
        }
    }
    net
}

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
        if frame.way == Way::Out && frame.at.as_nanos() > START * 1_000_000 {
            self.sent[frame.port.index()].push(frame.bytes.to_vec());
        }
    }
}

/// Whether a frame is of the network behind two tags (802.1ad), which the box does not have.
fn is_double_tagged(frame: &[u8]) -> bool {
    let network = [10, 2, 20];
    frame.get(12..14) == Some(&[0x88, 0xa8]) || frame.windows(3).any(|bytes| bytes == network)
}

/// What of a frame of R's is compared: all but the identification of its own packets, the checksum
/// that has it, the priority in a tag (R was told to map it), and what Ethernet has behind ARP.
fn compared(mut frame: Vec<u8>) -> Vec<u8> {
    let mut at = 12;
    if frame.get(at..at + 2) == Some(&[0x81, 0x00]) {
        frame[at + 2] &= 0x1f;
        at += 4;
    }
    match frame.get(at..at + 2) {
        Some([0x08, 0x06]) => frame.truncate(at + 2 + 28),
        Some([0x08, 0x00]) if frame.len() >= at + 22 && frame[at + 2 + 12] == 10 => {
            let header = &mut frame[at + 2..];
            if header[15] == 1 {
                header[4..6].fill(0);
                header[10..12].fill(0);
            }
        }
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
    /// Notes the frames that left by a port, if they are not the same.
    fn frames(&mut self, port: usize, theirs: &[Vec<u8>], ours: &[Vec<u8>]) {
        let alike = |frames: &[Vec<u8>]| frames.iter().cloned().map(compared).collect::<Vec<_>>();
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
                let at = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
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

/// A row of `verdicts.tsv`, by its columns.
fn verdicts(folder: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let Ok(text) = fs::read_to_string(folder.join("verdicts.tsv")) else { return BTreeMap::new() };
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    let names: Vec<String> = lines.next().unwrap().collect();
    let row = |cells: Vec<String>| (cells[0].clone(), names.iter().cloned().zip(cells).collect());
    lines.map(|cells| row(cells.collect())).collect()
}

/// `10.1.0.110 lladdr 02:aa:00:00:0a:64 STALE`, or `none`.
fn neighbour(text: &str) -> Option<(Host, bool)> {
    let mut words = text.split(' ');
    let address: Ipv4Addr = words.next()?.parse().ok()?;
    let mac: Mac = words.nth(1)?.parse().ok()?;
    let host = Host::new(0, address.octets()).with_mac(mac.0);
    Some((host, words.next() == Some("PERMANENT")))
}

fn difference(
    folder: &str,
    case: &Case,
    verdict: Option<&BTreeMap<String, String>>,
) -> (Difference, Outcome) {
    let mut net = router(folder);
    let column = |name: &str| verdict.and_then(|row| row.get(name)).map_or("", String::as_str);
    match neighbour(column("neigh_before")) {
        Some((host, true)) => {
            let (address, mac) = (host.ip, Mac(host.mac));
            net.plan.config.neighbours.push(NeighConfig { dev: LAN, address, mac });
        }
        // Whoever asked us once is known; his question and its answer come before the capture.
        Some((host, false)) => drop(net.at(ms(0)).lan(&arp_request(host, RA)).plan.clone()),
        None => {}
    }
    if column("settings").contains("arp_ignore=1") {
        net.plan.config.policy.weak_host = false;
    }
    let own = [LAN, WAN].map(|port| net.plan.config.ports[port.index()].mac.0);
    let first = case.0.iter().flatten().map(|(time, _)| *time).min().unwrap();
    let mut expected: [Vec<Vec<u8>>; 2] = Default::default();
    let mut end = ms(START);
    for (port, frames) in case.0.iter().enumerate() {
        for (time, frame) in frames {
            if frame.get(6..12) == Some(&own[port][..]) {
                // Linux asks an old neighbour himself, when its timers say so.
                if frame[0] & 1 == 1 || frame.get(12..14) != Some(&[0x08, 0x06]) || frame[21] == 2 {
                    expected[port].push(frame.clone());
                }
            } else {
                let at = ms(START) + dataplane::Nanos::new(time - first);
                net.at(at).bytes([LAN, WAN][port], frame.clone());
                end = end.max(at);
            }
        }
    }
    net.plan.until = Some(end + ms(REST));
    let (outcome, seen) = simulate(&net.plan, Backend::Dpdk, Pace::Skip, Seen::default()).unwrap();
    let mut different = Difference::default();
    for (port, (theirs, ours)) in expected.iter().zip(&seen.sent).enumerate() {
        different.frames(port, theirs, ours);
    }
    if let Ok(address) = column("neigh_of").parse::<Ipv4Addr>() {
        let fixed = net.plan.config.neighbours.iter().find(|n| n.address == address);
        let ours = fixed.map(|n| n.mac).or(seen.known.get(&address).copied());
        let theirs = neighbour(column("neigh_after")).map(|(host, _)| Mac(host.mac));
        different.neighbour(address, theirs, ours);
    }
    (different, outcome)
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

#[test]
fn what_differs_from_linux_is_in_the_table_and_nothing_else_is() {
    let Some(folder) = captures::folder().map(|folder| folder.join("linux")) else {
        println!("skipped: there is no folder of captures (set LOCKSTEP_CAPTURES to one)");
        return;
    };
    let path = repository().join("docs/conformance.md");
    let kept = fs::read_to_string(&path).unwrap();
    let mut text = String::new();
    let (mut all, mut seen) = (0, BTreeSet::new());
    for name in [
        "01-arp-ping",
        "03-ttl",
        "04a-redirect-followed",
        "04c-redirect-cases",
        "04d-redirect-off",
        "06-arp",
        "07-ipv4",
        "09a-vlan-forward",
        "09c-vlan-icmp-errors",
        "09d-vlan-tags",
    ] {
        let verdicts = verdicts(&folder.join(name));
        for (case, frames) in cases(&folder.join(name)) {
            if frames.0.iter().all(Vec::is_empty) {
                println!("{name}/{case}: nothing was captured");
                continue;
            }
            all += 1;
            let (different, outcome) = difference(name, &frames, verdicts.get(&case));
            assert!(outcome.broken.is_empty(), "{name}/{case}: {:?}", outcome.broken);
            let id = format!("{name}/{case}");
            if different.is_none() {
                continue;
            }
            let linux = cell(&different.linux, None);
            let ours = cell(&different.ours, Some(&outcome));
            let row = format!("| {id} | {linux} | {ours} | ");
            if !kept.contains(&row) {
                let _ = writeln!(text, "{row}");
            }
            seen.insert(id);
        }
    }
    println!("{all} cases, {} differ", seen.len());
    assert!(text.is_empty(), "not in the table:\n{text}");
    for line in kept.lines().filter(|line| line.starts_with("| 0")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert!(seen.contains(cells[1]), "{} does not differ", cells[1]);
        let verdicts =
            ["bug: ", "Linux is stricter: ", "we are stricter: ", "not planned: ", "other: "];
        assert!(verdicts.iter().any(|v| cells[4].starts_with(v)), "{}: {}", cells[1], cells[4]);
    }
    let said = format!("{all} cases, of which {} differ", seen.len());
    assert!(kept.contains(&said), "the page does not say: {said}");
}
