//! Fragments as a Linux router treats them: every case of the captures `05-frag-local` and
//! `05b-frag-transit-table`, if the folder of captures is there (see `captures`).
//!
//! The frames that the router received are given to us at their times; what we send must be what it
//! sent, byte for byte, and our counters must count what its own did. What differs is in a table
//! here, with its reason. And of each public capture with fragments as many datagrams must become
//! whole as Linux joined: `05d-public-reassembly.tsv`.
//!
//! Most cases of the first are in `pcaps/linux-fragments.pcap` too, so that they are always tested.

use crate::captures::folder;
use crate::cli::repository;
use crate::conformance::clear_identification;
use dataplane::Counters;
use dataplane::{Mac, Nanos, PortId};
use sim::capture::CaptureReader;
use sim::plan::{Backend, Pace, Plan};
use sim::run::simulate;
use sim::trace::{Observer, Passing, Way};
use std::collections::BTreeMap;
use std::path::Path;
use tests::{Dut, LAN, WAN, dut, ms, secs};

/// The router's interfaces, as `config.json` of both folders has them.
const RA: [u8; 6] = [2, 0, 0, 0, 1, 1];
const RB: [u8; 6] = [2, 0, 0, 0, 2, 1];
/// The hosts on its two sides: address and MAC.
const A: ([u8; 4], [u8; 6]) = ([10, 1, 0, 2], [2, 0, 0, 0, 0x0a, 2]);
const B: ([u8; 4], [u8; 6]) = ([10, 2, 0, 2], [2, 0, 0, 0, 0x0b, 2]);

/// A row of a table of verdicts, by the names of its columns.
type Row = BTreeMap<String, String>;

fn table(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t'));
    let names: Vec<&str> = lines.next().unwrap().collect();
    let row = |line: std::str::Split<'_, char>| {
        names.iter().zip(line).map(|(name, cell)| ((*name).to_owned(), cell.to_owned())).collect()
    };
    lines.map(row).collect()
}

/// A frame and when it was recorded, in nanoseconds.
type Timed = (u64, Vec<u8>);

/// The frames of a capture that the router with this MAC received, and those that it sent.
fn sides(path: &Path, mac: [u8; 6]) -> (Vec<Timed>, Vec<Vec<u8>>) {
    let (mut received, mut sent) = (Vec::new(), Vec::new());
    let mut reader = CaptureReader::open(path).unwrap();
    while let Some(record) = reader.next_record().unwrap() {
        if record.data[6..12] == mac {
            sent.push(record.data.to_vec());
        } else {
            received.push((record.time, record.data.to_vec()));
        }
    }
    (received, sent)
}

/// The router, with the captures' addresses and neighbours.
fn router() -> Dut {
    let mut net = dut();
    let config = &mut net.plan.config;
    for (port, mac, address) in [(0, RA, "10.1.0.1/24"), (1, RB, "10.2.0.1/24")] {
        config.ports[port].mac = Mac(mac);
        config.ports[port].addresses = vec![address.parse().unwrap()];
    }
    for (dev, (address, mac)) in [(LAN, A), (WAN, B)] {
        let (address, mac) = (address.into(), Mac(mac));
        config.neighbours.push(dataplane::config::NeighConfig { dev, address, mac });
    }
    net
}

/// What left by each port, and what was counted.
fn replay(net: &mut Dut, received: Vec<Timed>) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, Counters) {
    let start = received.first().map_or(0, |(time, _)| *time);
    let mut now = Nanos::ZERO;
    for (time, frame) in received {
        // A few of the recorded times run back by some microseconds.
        now = now.max(Nanos::new(time.saturating_sub(start)));
        net.at(now + ms(1)).bytes(LAN, frame);
    }
    net.plan.until = Some(now + secs(4));
    let (outcome, leaving) = ran(&net.plan);
    assert!(outcome.broken.is_empty(), "{:?}", outcome.broken);
    let by = |port: PortId| {
        let frames = leaving.0.iter().filter(|(by, _)| *by == port);
        frames.map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>()
    };
    let worker = outcome.lcores.iter().find(|lcore| lcore.id.0 == 1).unwrap();
    (by(LAN), by(WAN), worker.counters.clone())
}

fn ran(plan: &Plan) -> (sim::engine::Outcome, Leaving) {
    simulate(plan, Backend::Dpdk, Pace::Skip, Leaving(Vec::new())).unwrap()
}

struct Leaving(Vec<(PortId, Vec<u8>)>);

impl Observer for Leaving {
    fn frame(&mut self, frame: &Passing<'_>) {
        if frame.way == Way::Out {
            self.0.push((frame.port, frame.bytes.to_vec()));
        }
    }
}

/// A packet that a router made itself, without what nobody promises: its identification, and the
/// checksum that covers it.
fn own(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    clear_identification(&mut frame, 14);
    frame
}

/// Where our counters disagree with what the kernel says that it counted.
fn counted(row: &Row, ours: &Counters) -> Vec<String> {
    let theirs: BTreeMap<&str, u64> = row["counters"]
        .split(' ')
        .filter_map(|counter| counter.split_once('+'))
        .map(|(name, n)| (name, n.parse().unwrap()))
        .collect();
    let pairs = [
        ("Ip.ReasmReqds", ours.reasm_requests),
        ("Ip.ReasmOKs", ours.reasm_ok),
        ("Ip.ReasmFails", ours.reasm_fails),
        ("Ip.ReasmTimeout", ours.reasm_timeouts),
        ("Ip.FragOKs", ours.frag_ok),
        ("Ip.FragFails", ours.frag_fails),
        ("Ip.FragCreates", ours.frag_creates),
    ];
    let differs = |(name, ours): &(&str, u64)| theirs.get(name).copied().unwrap_or(0) != *ours;
    let differing = pairs.iter().filter(|pair| differs(pair));
    differing.map(|(name, ours)| format!("{name}: we count {ours}, {theirs:?}")).collect()
}

fn decoded(frames: &[Vec<u8>]) -> String {
    frames.iter().map(|frame| format!("    {}\n", sim::decode::line(frame))).collect()
}

/// Cases of `05-frag-local` in which we do otherwise, and why.
const OTHERWISE_LOCAL: [(&str, &str); 1] = [(
    "d46-distance-70",
    "Linux gives a datagram up when 64 others from the same host began before it was whole \
     (ipfrag_max_dist); we hold as many as our limits say",
)];

#[test]
fn fragments_for_us_get_the_answers_that_linux_gives() {
    let Some(folder) = folder().map(|folder| folder.join("linux/05-frag-local")) else {
        println!("skipped: there is no folder of captures (set LOCKSTEP_CAPTURES to one)");
        return;
    };
    let mut wrong = String::new();
    let rows = table(&folder.join("verdicts.tsv"));
    for row in &rows {
        let case = &row["case"];
        let (received, sent) = sides(&folder.join(format!("{case}.pcap")), RA);
        let mut net = router();
        // The recorded kernel's: `ipfrag_time=3`.
        net.plan.config.policy.reassembly_timeout = secs(3);
        let (back, through, counters) = replay(&mut net, received);
        assert!(through.is_empty(), "{case}: all are for the router");
        let mut faults = counted(row, &counters);
        if back.iter().map(|frame| own(frame)).ne(sent.iter().map(|frame| own(frame))) {
            faults.push(format!("we send\n{}  and not\n{}", decoded(&back), decoded(&sent)));
        }
        match OTHERWISE_LOCAL.iter().find(|(other, _)| other == case) {
            Some(_) if faults.is_empty() => {
                wrong += &format!("{case} is in the table for nothing\n")
            }
            None if !faults.is_empty() => wrong += &format!("{case}: {}\n", faults.join("\n  ")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    println!("{} cases, {} otherwise", rows.len(), OTHERWISE_LOCAL.len());
}

#[test]
fn the_recorded_router_and_we_send_the_same() {
    let (received, sent) = sides(&repository().join("pcaps/linux-fragments.pcap"), RA);
    let mut net = router();
    net.plan.config.policy.reassembly_timeout = secs(3);
    let (back, through, counters) = replay(&mut net, received);
    assert!(through.is_empty(), "all are for the router");
    let ours: Vec<_> = back.iter().map(|frame| own(frame)).collect();
    let theirs: Vec<_> = sent.iter().map(|frame| own(frame)).collect();
    assert!(ours == theirs, "we send\n{}and not\n{}", decoded(&back), decoded(&sent));
    // What that kernel counted in these cases.
    assert_eq!((counters.reasm_requests, counters.reasm_ok), (126, 27));
    assert_eq!((counters.reasm_fails, counters.reasm_timeouts), (28, 19));
    assert_eq!((counters.frag_ok, counters.frag_creates, sent.len()), (22, 44, 57));
}

/// Cases of `05b-frag-transit-table` in which the options are others, and why; and whether those of
/// later fragments are too.
const OTHERWISE_TRANSIT: [(&str, bool, &str); 3] = [
    ("d14-option-rr", false, "we leave a record route as it came (docs/scenario.md)"),
    ("d25-option-mixed", false, "the same; in later fragments it is blanked, as in Linux"),
    (
        "d16-bytes-after-eol",
        true,
        "Linux clears what is behind the end of the list when it receives a packet, cut or not",
    ),
];

/// A frame without its options and the checksum that covers them.
fn without_options(frame: &mut [u8]) {
    let options = 34..14 + usize::from(frame[14] & 0x0f) * 4;
    frame[24..26].fill(0);
    frame[options].fill(0);
}

#[test]
fn packets_in_transit_are_cut_as_linux_cuts_them() {
    let Some(folder) = folder().map(|folder| folder.join("linux/05b-frag-transit-table")) else {
        println!("skipped: there is no folder of captures (set LOCKSTEP_CAPTURES to one)");
        return;
    };
    let mut wrong = String::new();
    let rows = table(&folder.join("verdicts.tsv"));
    for row in &rows {
        let case = &row["case"];
        let (received, mut errors) = sides(&folder.join(format!("{case}.ra.pcap")), RA);
        let out = folder.join(format!("{case}.rb.pcap"));
        let mut sent = if out.is_file() { sides(&out, RB).1 } else { Vec::new() };
        let mut net = router();
        net.plan.config.ports[1].mtu = row["egress_mtu"].parse().unwrap();
        let (mut back, mut through, counters) = replay(&mut net, received);
        let mut faults = counted(row, &counters);
        let same = through == sent;
        if let Some((_, all, _)) = OTHERWISE_TRANSIT.iter().find(|(other, ..)| other == case) {
            if same {
                faults.push("it is in the table for nothing".to_owned());
            }
            let first = |frame: &&mut Vec<u8>| *all || frame[20] & 0x1f == 0 && frame[21] == 0;
            through.iter_mut().filter(first).for_each(|frame| without_options(frame));
            sent.iter_mut().filter(first).for_each(|frame| without_options(frame));
        }
        if through != sent {
            faults.push(format!("we send\n{}  and not\n{}", decoded(&through), decoded(&sent)));
        }
        back.iter_mut().chain(&mut errors).for_each(|frame| *frame = own(frame));
        if back != errors {
            faults.push(format!("we say\n{}  and not\n{}", decoded(&back), decoded(&errors)));
        }
        if !faults.is_empty() {
            wrong += &format!("{case}: {}\n", faults.join("\n  "));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    println!("{} cases, {} with other options", rows.len(), OTHERWISE_TRANSIT.len());
}

/// The frames of a public capture that Linux was sent, each to an address of the router: as many as
/// the capture has destinations.
fn readdressed(path: &Path) -> (Vec<Timed>, usize) {
    let mut reader = CaptureReader::open(path).unwrap();
    let (mut frames, mut destinations) = (Vec::new(), Vec::new());
    while let Some(record) = reader.next_record().unwrap() {
        let mut frame = record.data.to_vec();
        if frame.len() > 1514 || frame.get(12..14) != Some(&[8, 0]) || frame.len() < 34 {
            continue;
        }
        let to = frame[30..34].to_vec();
        let known = destinations.iter().position(|other| *other == to);
        let number = known.unwrap_or_else(|| {
            destinations.push(to.clone());
            destinations.len() - 1
        });
        frame[..6].copy_from_slice(&RA);
        frame[30..34].copy_from_slice(&destination(number));
        // By difference, so that a checksum that was wrong stays so: RFC 1624.
        let words = |bytes: &[u8]| u32::from(bytes[0]) << 8 | u32::from(bytes[1]);
        let mut sum = 0xffff - words(&frame[24..26]);
        for at in [0, 2] {
            sum += 0xffff - words(&to[at..at + 2]) + words(&frame[30 + at..32 + at]);
        }
        let folded = (sum & 0xffff) + (sum >> 16);
        let folded = (folded & 0xffff) + (folded >> 16);
        let check = 0xffff - u16::try_from(folded).unwrap();
        frame[24..26].copy_from_slice(&check.to_be_bytes());
        frames.push((frames.len() as u64 * 10_000, frame));
    }
    (frames, destinations.len())
}

/// The router's address that stands for the `number`-th destination of a capture.
fn destination(number: usize) -> [u8; 4] {
    [10, 1, 0, 100 + u8::try_from(number).unwrap()]
}

#[test]
fn as_many_datagrams_of_public_captures_become_whole_as_in_linux() {
    let Some(folder) = folder() else {
        println!("skipped: there is no folder of captures (set LOCKSTEP_CAPTURES to one)");
        return;
    };
    let mut wrong = String::new();
    let rows = table(&folder.join("linux/05d-public-reassembly.tsv"));
    for row in &rows {
        let (frames, destinations) = readdressed(&folder.join("public").join(&row["capture"]));
        let mut net = router();
        for number in 0..destinations {
            let address = std::net::Ipv4Addr::from(destination(number));
            net.plan.config.ports[0].addresses.push(format!("{address}/32").parse().unwrap());
        }
        net.plan.config.policy.reassembly_timeout = secs(3);
        // Somebody who made a capture's addresses anonymous made one of a group of a sender's.
        net.plan.config.policy.drop_martians = false;
        let sent = frames.len();
        let (_, _, ours) = replay(&mut net, frames);
        let counted = [
            ("sent_packets", sent as u64),
            ("ReasmReqds", ours.reasm_requests),
            ("ReasmOKs", ours.reasm_ok),
            ("ReasmFails", ours.reasm_fails),
            ("ReasmTimeout", ours.reasm_timeouts),
        ];
        for (name, ours) in counted {
            if row[name] != ours.to_string() {
                wrong += &format!("{}: {name} {ours}, not {}\n", row["capture"], row[name]);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    println!("{} public captures", rows.len());
}
