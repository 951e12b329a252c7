use super::*;
use crate::capture::{Frame, PcapngWriter};
use crate::plan::Ours;
use crate::scenario::{CaptureArg, Overrides, Request};
use fixtures::{
    ALICE, BOB, DUT_LAN, DUT_WAN, arp_reply, arp_request, icmp_echo, icmp_echo_reply, udp,
};
use std::fs;
use std::path::PathBuf;

const SCENARIO: &str = r#"
name = "router"

[[port]]
name = "lan"
mac = "02:00:00:00:00:01"
addresses = ["198.51.100.1/24"]

[[port]]
name = "wan"
mac = "02:00:00:00:00:02"
addresses = ["192.0.2.1/24"]

[[neighbour]]
dev = "lan"
address = "198.51.100.7"
mac = "02:00:00:00:00:0a"
"#;

/// A frame of a capture: milliseconds, the interface (0 is lan), and its bytes.
type Recorded = (u64, u32, Vec<u8>);

/// ALICE sends BOB two datagrams, and pings the router: what a router is recorded to do.
fn story() -> Vec<Recorded> {
    let data = |n: u16| udp(ALICE, BOB).ports(4000, 53).id(n).len(8);
    let left = |n: u16| data(n).src_mac(DUT_WAN.mac).dst_mac(BOB.mac).ttl(63).build();
    let ping = icmp_echo(ALICE, DUT_LAN).echo_id_seq(1, 1).len(8);
    let pong = icmp_echo_reply(DUT_LAN, ALICE).echo_id_seq(1, 1).len(8).id(4711);
    vec![
        (10, 0, data(1).build()),
        (10, 1, arp_request(DUT_WAN, BOB).build()),
        (11, 1, arp_reply(BOB, DUT_WAN).build()),
        (11, 1, left(1)),
        (20, 0, data(2).build()),
        (20, 1, left(2)),
        (30, 0, ping.build()),
        (30, 0, pong.build()),
    ]
}

/// What came of comparing with a capture.
struct Compared(Result<Comparison, CompareError>, PathBuf);

impl Drop for Compared {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.1);
    }
}

fn compared_with(name: &str, frames: &[Recorded], overrides: Overrides) -> Compared {
    let path =
        std::env::temp_dir().join(format!("lockstep-compare-{}-{name}.pcapng", std::process::id()));
    let mut writer = PcapngWriter::new(Vec::new(), &["lan", "wan"], None).unwrap();
    for (ms, interface, bytes) in frames {
        let (interface, time, segments) = (*interface, ms * 1_000_000, &[bytes.as_slice()][..]);
        let (direction, orig_len, comments) = (None, None, &[][..]);
        let frame = Frame { interface, time, direction, orig_len, segments, comments };
        writer.write(&frame).unwrap();
    }
    fs::write(&path, writer.finish().unwrap()).unwrap();
    let request = Request {
        file: "router.toml".into(),
        scenario: SCENARIO.into(),
        captures: vec![CaptureArg { port: None, path: path.clone() }],
        overrides,
        ..Request::default()
    };
    let plan = request.plan().unwrap().plan;
    Compared(compare(&plan, Backend::Heap, Nanos::from_millis(5)), path)
}

fn compared(name: &str, frames: &[Recorded]) -> String {
    let compared = compared_with(name, frames, Overrides::default());
    let comparison = compared.0.as_ref().unwrap();
    assert_eq!(comparison.is_same(), comparison.differences.is_empty());
    comparison.to_string()
}

#[test]
fn a_router_that_does_what_the_box_does_has_no_difference() {
    // The echo reply has an identification of its own: that is free.
    let told = compared("same", &story());
    insta::assert_snapshot!(told, @r"
    frames sent by the recorded device: 4, by the box: 4, the same: 4
    free by the RFCs, and not compared: the identification of the device's own packets, padding,
    how often it asks for a neighbour (0 requests recorded only, 0 here only)
    what is the same left 0.260 us later than recorded (from 0.220 us later to 0.290 us later)

    no difference; flows: 3
    ");
}

#[test]
fn each_kind_of_difference_is_told_with_its_frame() {
    let mut frames = story();
    // The router counted the TTL of the first datagram down twice.
    frames[3].2[22] = 62;
    // It sent the second twelve milliseconds late, and the pong twice.
    frames[5].0 = 32;
    let pong = frames[7].clone();
    frames.push(pong);
    // What came last did not interest it, while the box forwards it.
    frames.push((40, 0, udp(ALICE, BOB).ports(1, 2).len(4).build()));
    frames.sort_by_key(|(ms, ..)| *ms);
    insta::assert_snapshot!(compared("each", &frames), @r"
    frames sent by the recorded device: 5, by the box: 5, the same: 2
    free by the RFCs, and not compared: the identification of the device's own packets, padding,
    how often it asks for a neighbour (0 requests recorded only, 0 here only)
    what is the same left 0.220 us later than recorded (from 0.220 us later to 0.220 us later)

    recorded     here     same  differences  port   flow
           2        1        1            1  lan    icmp 198.51.100.1 > 198.51.100.7 echo reply id 1
           0        1        0            1  wan    udp 198.51.100.7:1 > 192.0.2.9:2
           2        2        0            2  wan    udp 198.51.100.7:4000 > 192.0.2.9:53
    flows without a difference: 1

    4 differences:
      1. 0.001000000 s wan changed: udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 62 len 8 BAD-IP-CHECKSUM
         here: udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 8 at 0.001000260 s
         ttl: recorded 62, here 63
      2. 0.020000000 s lan missing: icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 8
      3. 0.022000000 s wan time: udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 8
         here it left at 0.010000290 s: more than 5ms apart
      4. 0.030000250 s wan extra: udp 198.51.100.7:1 > 192.0.2.9:2 ttl 63 len 4
    ");
}

#[test]
fn what_is_missing_is_told_with_what_became_of_it_here() {
    // Nobody but the recorded router knows where CAROL is.
    let lost = udp(ALICE, fixtures::CAROL).ports(5, 6).len(4);
    let left = lost.clone().src_mac(DUT_WAN.mac).dst_mac(fixtures::GW.mac).ttl(63);
    let frames = [(1, 0, lost.build()), (1, 1, left.build())];
    insta::assert_snapshot!(compared("missing", &frames), @r"
    frames sent by the recorded device: 1, by the box: 1, the same: 0
    free by the RFCs, and not compared: the identification of the device's own packets, padding,
    how often it asks for a neighbour (0 requests recorded only, 0 here only)

    recorded     here     same  differences  port   flow
           0        1        0            1  lan    icmp 198.51.100.1 > 198.51.100.7 3/0
           1        0        0            1  wan    udp 198.51.100.7:5 > 203.0.113.5:6
    flows without a difference: 0

    2 differences:
      1. 0.000000000 s wan missing: udp 198.51.100.7:5 > 203.0.113.5:6 ttl 63 len 4
         packets of this flow that were dropped here: ip_no_route 1
      2. 0.000000210 s lan extra: icmp 198.51.100.1 > 198.51.100.7 net unreachable (3/0) for [udp 198.51.100.7:5 > 203.0.113.5:6 ttl 64] ttl 64 tos 0xc0
    ");
}

#[test]
fn frames_that_overtook_each_other_are_out_of_order() {
    let mut frames = story();
    let (first, second) = (frames[3].2.clone(), frames[5].2.clone());
    frames[3].2 = second;
    frames[5].2 = first;
    let told = compared("order", &frames);
    assert!(told.contains(" order: udp 198.51.100.7:4000 > 192.0.2.9:53"), "{told}");
    assert!(told.contains("it was number 1 of its flow, and is number 2"), "{told}");
}

#[test]
fn there_has_to_be_something_to_compare_with() {
    let frames: Vec<Recorded> = story().into_iter().filter(|(.., f)| f[11] == 0x0a).collect();
    let none = compared_with("none", &frames, Overrides::default());
    let why = none.0.as_ref().unwrap_err().to_string();
    assert!(why.contains("no frame that the recorded device sent"), "{why}");
    assert!(why.contains("(now: 02:00:00:00:00:01, 02:00:00:00:00:02)"), "{why}");

    let timing = Some(Timing::BackToBack);
    let untimed = compared_with("timing", &story(), Overrides { timing, ..Overrides::default() });
    assert!(matches!(untimed.0, Err(CompareError::Timing)));

    // By its address, the router is known too; but for what it forwards.
    let ours = vec![Ours::Ip(DUT_LAN.ip)];
    let by_ip = compared_with("by-ip", &story(), Overrides { ours, ..Overrides::default() });
    assert_eq!(by_ip.0.as_ref().unwrap().total().recorded, 1, "the pong");

    let request = Request { file: "x".into(), scenario: SCENARIO.into(), ..Request::default() };
    let plan = request.plan().unwrap().plan;
    assert!(matches!(compare(&plan, Backend::Heap, SLACK), Err(CompareError::NoCapture)));
}

#[test]
fn a_request_is_free_in_number_but_not_in_whom_it_asks() {
    let mut frames = story();
    frames.insert(2, (10, 1, arp_request(DUT_WAN, BOB).build()));
    let compared = compared_with("requests", &frames, Overrides::default());
    let comparison = compared.0.as_ref().unwrap();
    assert!(comparison.is_same(), "{comparison}");
    assert_eq!(comparison.free_requests, (1, 0));

    let mut frames = story();
    frames.insert(2, (10, 1, arp_request(DUT_WAN, fixtures::GW).build()));
    let told = super::tests::compared("whom", &frames);
    assert!(told.contains("missing: arp who-has 192.0.2.254"), "{told}");
}
