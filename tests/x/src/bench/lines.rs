//! The lines of the table: what is measured, against what, and what is to be reached.

use super::side::Side::{self, Bench, Fuzz, Peer, Testpmd};

/// A line of the table.
pub(super) struct Line {
    pub name: &'static str,
    pub what: &'static str,
    pub against: &'static str,
    pub measure: Measure,
}

/// How it is measured, and what has to come out.
pub(super) enum Measure {
    /// The ratio to a peer. Nothing to reach: the line only tells.
    Against { ours: Side, peer: Side, at_most: Option<f64> },
    /// A time of our own, in nanoseconds; a peer is measured to say what of it is whose.
    Alone { ours: Side, peer: Option<Side>, at_most: f64 },
    /// The cost of the same thing at several sizes: the last to the first. With `flat`, resident
    /// memory is to stay below so many MiB, too.
    Grows { of: Side, sizes: &'static [u64], at_most: f64, flat: Option<u64> },
}

impl Line {
    pub fn needs_fuzz(&self) -> bool {
        matches!(self.measure, Measure::Alone { ours: Fuzz(..), .. })
    }

    pub fn needs_testpmd(&self) -> bool {
        matches!(self.measure, Measure::Against { peer: Testpmd, .. })
    }
}

pub(super) fn is_one(name: &str) -> bool {
    LINES.iter().any(|line| line.name == name)
}

const MILLION: &str = "@1000000";
const FORWARD: Side = Bench(&["tick", "forward"]);

/// A million packets of a capture, against a loop in C that only passes them on.
const fn replayed(
    name: &'static str,
    what: &'static str,
    ours: &'static [&'static str],
    at_most: Option<f64>,
) -> Line {
    let peer = Peer("pcap_loop", &[MILLION, "%peer.pcap"]);
    let against = "C: net_pcap to net_pcap, the same file, packets untouched";
    Line { name, what, against, measure: Measure::Against { ours: Bench(ours), peer, at_most } }
}

/// A line of the forwarding loop, against forwarding itself.
const fn tick(name: &'static str, what: &'static str, args: &'static [&'static str]) -> Line {
    let measure = Measure::Against { ours: Bench(args), peer: FORWARD, at_most: Some(1.5) };
    Line { name, what, against: "forwarding alone", measure }
}

/// A line of reassembly: fragments, bytes of payload in each, and their order.
const fn fragments(name: &'static str, what: &'static str, args: &'static [&'static str]) -> Line {
    let (ours, peer) = (Bench(args), Peer("ip_frag", args.split_at(1).1));
    let measure = Measure::Against { ours, peer, at_most: Some(0.7) };
    Line { name, what, against: "librte_ip_frag on the same mbufs", measure }
}

/// Fragments in reversed order, against the same ones in order.
const fn reversed(
    name: &'static str,
    what: &'static str,
    ours: &'static [&'static str],
    peer: &'static [&'static str],
) -> Line {
    let measure = Measure::Against { ours: Bench(ours), peer: Bench(peer), at_most: Some(1.1) };
    Line { name, what, against: "in order", measure }
}

const fn grows(
    name: &'static str,
    what: &'static str,
    args: &'static [&'static str],
    sizes: &'static [u64],
) -> Line {
    let measure = Measure::Grows { of: Bench(args), sizes, at_most: 2.0, flat: None };
    Line { name, what, against: "the smallest", measure }
}

/// A fuzz target, beside one that does nothing.
const fn fuzz(
    name: &'static str,
    what: &'static str,
    [target, runs]: [&'static str; 2],
    at_most: f64,
) -> Line {
    let peer = Some(Fuzz("empty", "8000000"));
    let measure = Measure::Alone { ours: Fuzz(target, runs), peer, at_most };
    Line { name, what, against: "a target that does nothing", measure }
}

pub(super) const LINES: &[Line] = &[
    replayed(
        "replay",
        "timed replay of 1 M packets: net_pcap, wire, ring, worker, pcapng; digest, counters",
        &["replay", MILLION, "%ours.pcapng"],
        Some(1.0),
    ),
    replayed(
        "replay-bare",
        "what no simulator can leave out: net_pcap, a worker, pcapng; in bursts, without time",
        &["replay-bare", MILLION, "%ours.pcapng"],
        None,
    ),
    Line {
        name: "replay-events",
        what: "the same with events.jsonl",
        against: "without",
        measure: Measure::Against {
            ours: Bench(&["replay-events", MILLION, "%events.pcapng"]),
            peer: Bench(&["replay", MILLION, "%ours.pcapng"]),
            at_most: Some(2.0),
        },
    },
    Line {
        name: "replay-files",
        what: "the same with all that --out leaves: frames in and out with fates, events, ticks",
        against: "without",
        measure: Measure::Against {
            ours: Bench(&["replay-files", MILLION, "%files"]),
            peer: Bench(&["replay", MILLION, "%ours.pcapng"]),
            at_most: None,
        },
    },
    Line {
        name: "forward",
        what: "forwarding alone: ring port, a worker's whole tick, ring port; bursts of 32 x 60 B",
        against: "testpmd macswap on net_null",
        measure: Measure::Against { ours: FORWARD, peer: Testpmd, at_most: Some(2.0) },
    },
    tick("echo", "a ping answered, through the same loop", &["tick", "echo"]),
    tick("vlan", "forwarded from VLAN to VLAN, through the same loop", &["tick", "vlan"]),
    tick("arp", "an ARP request answered, through the same loop", &["tick", "arp"]),
    tick("tbf", "forwarded through a tbf, through the same loop", &["tick", "tbf"]),
    fragments("reassembly-2x64", "2 fragments of 64 B", &["reassembly", "2", "64", "order"]),
    fragments(
        "reassembly-2x64r",
        "2 fragments of 64 B, reversed",
        &["reassembly", "2", "64", "reversed"],
    ),
    fragments("reassembly-4x64", "4 fragments of 64 B", &["reassembly", "4", "64", "order"]),
    fragments(
        "reassembly-4x64r",
        "4 fragments of 64 B, reversed",
        &["reassembly", "4", "64", "reversed"],
    ),
    fragments("reassembly-8x64", "8 fragments of 64 B", &["reassembly", "8", "64", "order"]),
    fragments(
        "reassembly-8x64r",
        "8 fragments of 64 B, reversed",
        &["reassembly", "8", "64", "reversed"],
    ),
    fragments("reassembly-2x1480", "2 fragments of 1480 B", &["reassembly", "2", "1480", "order"]),
    fragments(
        "reassembly-2x1480r",
        "2 fragments of 1480 B, reversed",
        &["reassembly", "2", "1480", "reversed"],
    ),
    fragments("reassembly-4x1480", "4 fragments of 1480 B", &["reassembly", "4", "1480", "order"]),
    fragments(
        "reassembly-4x1480r",
        "4 fragments of 1480 B, reversed",
        &["reassembly", "4", "1480", "reversed"],
    ),
    fragments("reassembly-8x1480", "8 fragments of 1480 B", &["reassembly", "8", "1480", "order"]),
    fragments(
        "reassembly-8x1480r",
        "8 fragments of 1480 B, reversed",
        &["reassembly", "8", "1480", "reversed"],
    ),
    Line {
        name: "reassembly-45x1456",
        what: "45 fragments of 1456 B: the longest datagram there is",
        against: "librte_ip_frag, 8 fragments of 1480 B: it takes no more than 8",
        measure: Measure::Against {
            ours: Bench(&["reassembly", "45", "1456", "order"]),
            peer: Peer("ip_frag", &["8", "1480", "order"]),
            at_most: Some(0.7),
        },
    },
    reversed(
        "reversed-8x64",
        "8 fragments of 64 B, the last one first",
        &["reassembly", "8", "64", "reversed"],
        &["reassembly", "8", "64", "order"],
    ),
    reversed(
        "reversed-8x1480",
        "8 fragments of 1480 B, the last one first",
        &["reassembly", "8", "1480", "reversed"],
        &["reassembly", "8", "1480", "order"],
    ),
    reversed(
        "reversed-45x1456",
        "45 fragments of 1456 B, the last one first",
        &["reassembly", "45", "1456", "reversed"],
        &["reassembly", "45", "1456", "order"],
    ),
    Line {
        name: "idle-hour",
        what: "one virtual hour, 4 workers and a master, 100 neighbours with timers, no traffic",
        against: "10 ms of it with --no-skip, extrapolated",
        measure: Measure::Alone {
            ours: Bench(&["idle-hour"]),
            peer: Some(Bench(&["idle-stepped"])),
            at_most: 1e6,
        },
    },
    Line {
        name: "virtual-second",
        what: "a virtual second of 10 kpps of mixed traffic, 4 workers: 20 x faster than real time",
        against: "50 ms",
        measure: Measure::Alone { ours: Bench(&["virtual-second"]), peer: None, at_most: 5e7 },
    },
    Line {
        name: "scenario",
        what: "a whole scenario: 10 packets, 2 ports, 2 workers, all checks: 30,000 a second",
        against: "C: two fresh ring ports, 10 packets through them",
        measure: Measure::Alone {
            ours: Bench(&["warm"]),
            peer: Some(Peer("fresh_ports", &[])),
            at_most: 1e9 / 30_000.0,
        },
    },
    Line {
        name: "grow-capture",
        what: "replay of 10 k to 10 M packets: per packet within 10 %, at most 128 MiB",
        against: "10 k packets",
        measure: Measure::Grows {
            of: Bench(&["replay", "@$", "%ours.pcapng"]),
            sizes: &[10_000, 100_000, 1_000_000, 10_000_000],
            at_most: 1.1,
            flat: Some(128),
        },
    },
    grows(
        "grow-routes",
        "a packet forwarded, with 1 to 1 M routes",
        &["grow", "routes", "$"],
        &[1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
    ),
    grows(
        "grow-neighbours",
        "a packet forwarded, with 1 to 100 k neighbours",
        &["grow", "neighbours", "$"],
        &[1, 10, 100, 1_000, 10_000, 100_000],
    ),
    grows(
        "grow-timers",
        "a timer armed and run, while 1 to 1 M others wait",
        &["grow", "timers", "$"],
        &[1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
    ),
    grows(
        "grow-lcores",
        "a packet replayed, on a box of 2 to 32 lcores",
        &["grow", "lcores", "$"],
        &[2, 3, 5, 9, 17, 32],
    ),
    grows(
        "grow-reassembly",
        "a fragment of a datagram of two, while 1 to 64 k other datagrams are held",
        &["grow", "reassembly", "$"],
        &[1, 16, 256, 4_096, 65_535],
    ),
    grows(
        "grow-qsch",
        "a packet through a tbf with a backlog of 1 to 64 k packets",
        &["grow", "qsch", "$"],
        &[1, 16, 256, 4_096, 65_536],
    ),
    fuzz("fuzz-parse", "parse_frame, 1 M executions a second", ["parse_frame", "4000000"], 1e3),
    fuzz("fuzz-dataplane", "a whole box, 200 k a second", ["dataplane", "20000"], 5e3),
];
