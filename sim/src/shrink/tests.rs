//! Cases of which the smallest is known.

use super::*;
use crate::bundle::CaseInput;
use crate::fabric::HeapFabric;
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, Frame, udp};

const BOX: &str = r#"
name = "planted"
seed = 7
workers = 3
[[port]]
name = "lan"
mac = "02:00:00:00:00:01"
addresses = ["198.51.100.1/24", "10.9.9.1/24"]
wire = { rate = "1G", delay = "3us" }
[[port]]
name = "wan"
mac = "02:00:00:00:00:02"
addresses = ["192.0.2.1/24"]
[[route]]
to = "203.0.113.0/25"
via = "192.0.2.254"
[[neighbour]]
dev = "wan"
address = "192.0.2.254"
mac = "02:00:00:00:00:0c"
[[control]]
at = "7ms"
do = "route add 10.0.0.0/8 via 192.0.2.254"
[limits]
pool = 9000
"#;

/// A hundred datagrams, of which number 41 dies of its age.
fn planted(asked: &[&str]) -> Case {
    let mut frames: Vec<(Instant, Vec<u8>)> = Vec::new();
    for n in 0..100u64 {
        let to = if n % 3 == 0 { BOB } else { CAROL };
        let mut frame: Frame = udp(ALICE, to);
        frame = frame.ttl(if n == 41 { 1 } else { 64 });
        frames.push((Instant::from_nanos(1_234_567 * n + 891), frame.build()));
    }
    Case {
        tables: toml::from_str(BOX).unwrap(),
        inputs: vec![CaseInput { port: "lan".to_owned(), frames }],
        faults: ["alloc:3", "tx:2"].map(|fault| fault.parse().unwrap()).to_vec(),
        asked: asked.iter().map(|asked| asked.parse().unwrap()).collect(),
    }
}

fn shrunk(case: &Case, runs: Option<u64>) -> Result<Shrunk, ShrinkError> {
    let mut go_on = |_: &Progress| true;
    let oracle = "asked".to_owned();
    let how = Shrinking { oracle, patience: None, runs, interrupted: None, go_on: &mut go_on };
    shrink(case, how, &mut HeapFabric::new())
}

#[test]
fn a_planted_frame_is_all_that_is_left() {
    let case = planted(&["drop:rx_missed", "drop:ttl_exceeded", "event:tx"]);
    let small = shrunk(&case, None).unwrap();
    insta::assert_snapshot!(format!("{}\n{small}", small.case.scenario()), @r#"
    name = "planted"

    [[port]]
    name = "lan"
    mac = "02:00:00:00:00:01"

    [[port]]
    name = "wan"
    addresses = ["192.0.2.1/24"]

    [[route]]
    to = "203.0.113.0/25"
    via = "192.0.2.254"

    [[input]]
    port = "lan"
    frames = [
      # udp 198.51.100.7:4000 > 203.0.113.5:53 ttl 1 len 0
      { at = "0s", hex = "02000000000102000000000a08004500001c0000000001115391c6336407cb0071050fa00035000889c8" },
    ]

                           before          after
    frames                    100              1
    bytes                    7400             42
    faults                      2              0
    lcores                      4              2
    tables                      6              3
    virtual time    3.053000061 s  0.000000011 s

    40 runs; 11 candidates seen before, 22 that make no plan
    "#);
    assert!(small.case.faults.is_empty());
    assert_eq!(small.case.asked, ["drop:ttl_exceeded".parse().unwrap()]);
}

#[test]
fn shrinking_is_deterministic_and_at_its_end_at_its_end() {
    let case = planted(&["drop:ttl_exceeded"]);
    let (one, other) = (shrunk(&case, None).unwrap(), shrunk(&case, None).unwrap());
    assert_eq!((&one.case, one.runs, one.seen), (&other.case, other.runs, other.seen));
    assert_eq!(shrunk(&one.case, None).unwrap().case, one.case);
}

#[test]
fn a_budget_of_runs_leaves_the_smallest_so_far() {
    let case = planted(&["drop:ttl_exceeded"]);
    let all = shrunk(&case, None).unwrap();
    let mut frames = usize::MAX;
    for runs in [1, 5, 20, all.runs - 1] {
        let part = shrunk(&case, Some(runs)).unwrap();
        assert!(part.stopped && part.runs <= runs, "{runs}: {}", part.runs);
        assert!(part.after.frames <= frames);
        assert_eq!(part.breaches[0].oracle, "asked");
        frames = part.after.frames;
    }
    assert!(!shrunk(&case, Some(all.runs)).unwrap().stopped);
}

#[test]
fn what_does_not_fail_is_not_made_smaller() {
    let error = shrunk(&planted(&["drop:rx_missed"]), None).unwrap_err();
    assert_eq!(error.to_string(), "it does not fail by the oracle \"asked\": it holds");
}

#[test]
fn a_call_that_fails_becomes_an_early_one() {
    let mut case = planted(&["drop:rx_no_buffer"]);
    case.faults.push("alloc:90".parse().unwrap());
    case.faults.remove(0);
    let small = shrunk(&case, None).unwrap();
    assert_eq!(small.case.faults, ["alloc:1".parse().unwrap()]);
    assert_eq!((small.after.frames, small.after.bytes), (1, 42));
}

#[test]
fn an_interruption_keeps_the_smallest_so_far() {
    let case = planted(&["drop:ttl_exceeded"]);
    let flag = AtomicBool::new(false);
    let mut go_on = |progress: &Progress| {
        flag.store(progress.runs >= 9, Ordering::Relaxed);
        true
    };
    let oracle = "asked".to_owned();
    let interrupted = Some(&flag);
    let how = Shrinking { oracle, patience: None, runs: None, interrupted, go_on: &mut go_on };
    let small = shrink(&case, how, &mut HeapFabric::new()).unwrap();
    assert!(small.stopped && small.runs == 9);
    assert!(small.after.frames < small.before.frames);
    assert_eq!(shrunk(&small.case, None).unwrap().after.frames, 1);
}

/// The rest of a datagram, a while after its first fragment, among those of many others.
#[test]
fn what_belongs_together_is_found_together() {
    let mut frames = Vec::new();
    for n in 0..60u16 {
        let datagram = udp(ALICE, DUT_LAN).len(64).id(n);
        let parts = if n == 33 { datagram.fragments(48) } else { vec![datagram.fragment(0, 24)] };
        for (part, frame) in (0u64..).zip(parts) {
            let at = 1_000_000 * (u64::from(n) + 20 * part);
            frames.push((Instant::from_nanos(at), frame.build()));
        }
    }
    frames.sort_by_key(|(at, _)| *at);
    let mut case = planted(&["event:reasm_complete"]);
    (case.inputs[0].frames, case.faults) = (frames, Vec::new());
    let small = shrunk(&case, None).unwrap();
    let left = &small.case.inputs[0].frames;
    assert!(left.iter().all(|(_, frame)| frame[18..20] == 33u16.to_be_bytes()), "{small}");
    assert_eq!((small.before.frames, small.after.frames), (61, 2));
    assert!(left.iter().all(|(at, _)| at.as_nanos() == 0), "{left:?}");
}
