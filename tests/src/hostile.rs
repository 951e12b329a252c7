//! Hostile peers: by which name the box refuses what each sends, and what becomes of an honest
//! transfer beside it.

use crate::peers::{ALICE, BOB, BOX, host, plan, skipped, summary};
use insta::assert_snapshot;
use sim::engine::Outcome;
use sim::plan::Plan;
use std::fmt::Write as _;
use tests::tell;

/// Long enough for the transfer, and so short that all idle ticks can be stepped.
const SHORT: &str = "until = \"50ms\"";

/// Somebody on the LAN, without what it does.
const MALLORY: &str = r#"
    [[peer]]
    name = "mallory"
    kind = "hostile"
    port = "lan"
    mac = "02:00:00:00:00:66"
    address = "198.51.100.66/24"
"#;

/// ALICE as the box knows her from its configuration.
const ALICE_FIXED: &str = r#"
    [[neighbour]]
    dev = "lan"
    address = "198.51.100.7"
    mac = "02:00:00:00:00:0a"
"#;

/// What ALICE sends to BOB while MALLORY does what it does.
const TRANSFER: &str = r#"tcp_send = [{ to = "192.0.2.9", port = 9, at = "1ms", bytes = 30000 }]"#;

/// An attack beside a transfer.
fn attacked(top: &str, more: &str, attack: &str) -> Plan {
    let bob = format!("{BOB}\ntcp_listen = 9");
    plan(&[top, BOX, more, ALICE, TRANSFER, &bob, MALLORY, attack])
}

/// What peers experienced, what was dropped, and what else the box counted of it.
fn account(plan: &Plan, outcome: &Outcome) -> String {
    let mut text = summary(plan, outcome);
    for lcore in &outcome.lcores {
        let odd = lcore.counters.plain().filter(|(name, n)| {
            let told = ["icmp_errors_out", "icmp_suppressed", "reasm_fails"];
            *n > 0 && told.contains(name)
        });
        odd.for_each(|(name, n)| {
            let _ = writeln!(text, "lcore {} {name} {n}", lcore.id);
        });
    }
    text
}

/// Runs an attack beside a transfer, four times, and tells what came of it.
fn beside(more: &str, attack: &str) -> (String, Outcome) {
    let plan = attacked(SHORT, more, attack);
    let outcome = tell(&plan).outcome;
    (account(&plan, &outcome), outcome)
}

/// Whether BOB has all that ALICE sent.
fn completes(outcome: &Outcome) -> bool {
    host(outcome, "alice").tcp_sent[0].finished.is_some()
        && host(outcome, "bob").tcp_received.iter().any(|tcp| tcp.bytes == 30_000)
}

#[test]
fn a_storm_of_announcements_is_refused_as_not_for_us() {
    let attack = r#"does = [{ what = "gratuitous_storm", count = 200, every = "50us" }]"#;
    let plan = attacked(&format!("seed = 4\n{SHORT}"), "", attack);
    let outcome = tell(&plan).outcome;
    assert_snapshot!(account(&plan, &outcome), @"
    end 0.050000000 s
      alice on lan: 27 frames sent, 14 heard
        tcp to 192.0.2.9:9: 30000 of 30000 bytes acknowledged, finished at 0.004657000 s, 65627563 bit/s; 23 segments, 0 sent again
      bob on wan: 14 frames sent, 27 heard
        tcp port 9 from 198.51.100.7:49152: 30000 bytes in order, digest e18b60834e916abe, all at 0.004395000 s
      mallory on lan: 200 frames sent, 14 heard
        gratuitous_storm: 200 frames
    dropped arp_sender: 2
    dropped arp_not_ours: 198
    in 241 + made 1 = out 41 + consumed 1 + dropped 200 + held 0
    ");
    assert!(completes(&outcome));
}

// RFC 826 has no other defence than a static entry: whoever is announced is believed.
#[test]
fn an_announcement_that_names_a_known_neighbour_wins() {
    let attack = r#"does = [{ what = "gratuitous_storm", count = 200, every = "50us" }]"#;
    let plan = attacked(&format!("seed = 2\n{SHORT}"), "", attack);
    let outcome = tell(&plan).outcome;
    assert_snapshot!(account(&plan, &outcome), @"
    end 0.050000000 s
      alice on lan: 17 frames sent, 9 heard
        tcp to 192.0.2.9:9: 9936 of 30000 bytes acknowledged, not finished; 14 segments, 0 sent again
      bob on wan: 9 frames sent, 17 heard
        tcp port 9 from 198.51.100.7:49152: 17824 bytes in order, digest 5c4d270bf228525d, not all
      mallory on lan: 200 frames sent, 9 heard
        gratuitous_storm: 200 frames
    dropped arp_not_ours: 199
    in 226 + made 1 = out 26 + consumed 2 + dropped 199 + held 0
    ");
    assert!(!completes(&outcome));
    let plan = attacked(&format!("seed = 2\n{SHORT}"), ALICE_FIXED, attack);
    let outcome = tell(&plan).outcome;
    assert_snapshot!(account(&plan, &outcome), @"
    end 0.050000000 s
      alice on lan: 27 frames sent, 14 heard
        tcp to 192.0.2.9:9: 30000 of 30000 bytes acknowledged, finished at 0.004657000 s, 65627563 bit/s; 23 segments, 0 sent again
      bob on wan: 14 frames sent, 27 heard
        tcp port 9 from 198.51.100.7:49152: 30000 bytes in order, digest ee04ccdbed4f4da0, all at 0.004395000 s
      mallory on lan: 200 frames sent, 14 heard
        gratuitous_storm: 200 frames
    dropped arp_not_ours: 199
    dropped arp_static: 1
    in 241 + made 1 = out 41 + consumed 1 + dropped 200 + held 0
    ");
    assert!(completes(&outcome));
}

#[test]
fn teardrop_and_overlap_are_refused_whole() {
    let attack = r#"does = [
        { what = "teardrop", count = 20, every = "200us" },
        { what = "overlap", at = "1ms", count = 20, every = "200us" },
    ]"#;
    let (text, outcome) = beside("", attack);
    assert_snapshot!(text, @"
    end 0.050000000 s
      alice on lan: 27 frames sent, 14 heard
        tcp to 192.0.2.9:9: 30000 of 30000 bytes acknowledged, finished at 0.004660000 s, 65573770 bit/s; 23 segments, 0 sent again
      bob on wan: 14 frames sent, 27 heard
        tcp port 9 from 198.51.100.7:49152: 30000 bytes in order, digest c03a4c19c1025df4, all at 0.004400000 s
      mallory on lan: 100 frames sent, 14 heard
        teardrop: 40 frames
        overlap: 60 frames
    dropped reasm_overlap: 40
    dropped reasm_end: 40
    in 141 + made 1 = out 41 + consumed 1 + dropped 80 + held 20
    lcore 1 reasm_fails 40
    ");
    assert!(completes(&outcome));
}

#[test]
fn who_fills_the_reassembly_table_evicts_its_own_oldest() {
    let attack = r#"does = [{ what = "reassembly_exhauster", count = 300, every = "20us" }]"#;
    let (text, outcome) = beside("[limits]\nreasm_datagrams = 32", attack);
    assert_snapshot!(text, @"
    end 0.050000000 s
      alice on lan: 27 frames sent, 14 heard
        tcp to 192.0.2.9:9: 30000 of 30000 bytes acknowledged, finished at 0.004643000 s, 65879769 bit/s; 23 segments, 0 sent again
      bob on wan: 14 frames sent, 27 heard
        tcp port 9 from 198.51.100.7:49152: 30000 bytes in order, digest c03a4c19c1025df4, all at 0.004385000 s
      mallory on lan: 300 frames sent, 14 heard
        reassembly_exhauster: 300 frames
    dropped reasm_evicted: 268
    in 341 + made 1 = out 41 + consumed 1 + dropped 268 + held 32
    lcore 1 reasm_fails 268
    ");
    assert!(completes(&outcome));
}

#[test]
fn who_scans_a_subnet_fills_the_neighbour_table_and_no_further() {
    let attack = r#"does = [
        { what = "neighbour_exhauster", target = "192.0.2.9", at = "5ms", count = 200, every = "20us" },
    ]"#;
    let (text, outcome) = beside("[limits]\nneigh_entries = 16", attack);
    assert_snapshot!(text, @"
    end 0.050000000 s
      alice on lan: 27 frames sent, 14 heard
        tcp to 192.0.2.9:9: 30000 of 30000 bytes acknowledged, finished at 0.004646000 s, 65825562 bit/s; 23 segments, 0 sent again
      bob on wan: 15 frames sent, 42 heard
        tcp port 9 from 198.51.100.7:49152: 30000 bytes in order, digest c03a4c19c1025df4, all at 0.004382000 s
      mallory on lan: 200 frames sent, 14 heard
        neighbour_exhauster: 200 frames
    dropped neigh_table_full: 172
    in 242 + made 15 = out 56 + consumed 1 + dropped 172 + held 28
    ");
    assert!(completes(&outcome));
}

#[test]
fn a_scan_before_the_honest_hosts_are_known_wins_until_it_times_out() {
    let attack = r#"does = [
        { what = "neighbour_exhauster", target = "192.0.2.9", count = 200, every = "20us" },
    ]"#;
    let plan = attacked("", "[limits]\nneigh_entries = 16", attack);
    let outcome = skipped(&plan);
    assert_snapshot!(account(&plan, &outcome), @"
    end 7.016581001 s
      alice on lan: 36 frames sent, 18 heard
        tcp to 192.0.2.9:9: 30000 of 30000 bytes acknowledged, finished at 7.016323000 s, 34210 bit/s; 28 segments, 0 sent again
      bob on wan: 17 frames sent, 80 heard
        tcp port 9 from 198.51.100.7:49152: 30000 bytes in order, digest c03a4c19c1025df4, all at 7.016066000 s
      mallory on lan: 200 frames sent, 18 heard
        neighbour_exhauster: 200 frames
    dropped neigh_table_full: 203
    dropped neigh_unreachable: 33
    in 253 + made 83 = out 98 + consumed 2 + dropped 236 + held 0
    lcore 1 icmp_errors_out 33
    ");
    assert!(completes(&outcome));
}

#[test]
fn a_prober_of_ttls_gets_answers_at_the_rate_that_the_policy_allows() {
    let attack =
        r#"does = [{ what = "ttl_prober", target = "192.0.2.9", count = 100, every = "100us" }]"#;
    let policy = "[policy]\nicmp_rate_limit = { per_second = 100, burst = 10 }";
    let (text, outcome) = beside(policy, attack);
    assert_snapshot!(text, @"
    end 0.050000000 s
      alice on lan: 27 frames sent, 15 heard
        tcp to 192.0.2.9:9: 30000 of 30000 bytes acknowledged, finished at 0.004643000 s, 65879769 bit/s; 23 segments, 0 sent again
      bob on wan: 14 frames sent, 27 heard
        tcp port 9 from 198.51.100.7:49152: 30000 bytes in order, digest c03a4c19c1025df4, all at 0.004385000 s
      mallory on lan: 100 frames sent, 15 heard
        ttl_prober: 100 frames
    dropped ttl_exceeded: 100
    in 141 + made 12 = out 42 + consumed 1 + dropped 100 + held 10
    lcore 1 icmp_errors_out 10
    lcore 1 icmp_suppressed 90
    ");
    assert!(completes(&outcome));
}

#[test]
fn martians_and_land_are_refused_but_the_neighbour_s_address_passes() {
    let attack =
        r#"does = [{ what = "spoofer", target = "192.0.2.9", count = 50, every = "100us" }]"#;
    let (text, outcome) = beside("", attack);
    assert_snapshot!(text, @"
    end 0.050000000 s
      alice on lan: 27 frames sent, 14 heard
        tcp to 192.0.2.9:9: 30000 of 30000 bytes acknowledged, finished at 0.004268000 s, 73439412 bit/s; 23 segments, 0 sent again
      bob on wan: 15 frames sent, 37 heard
        tcp port 9 from 198.51.100.7:49152: 30000 bytes in order, digest c03a4c19c1025df4, all at 0.004005000 s
      mallory on lan: 50 frames sent, 14 heard
        spoofer: 50 frames
    dropped ip_martian_source: 40
    in 92 + made 1 = out 51 + consumed 2 + dropped 40 + held 0
    ");
    assert!(completes(&outcome));
}

#[test]
fn giants_and_runts_are_refused_each_by_its_name() {
    let attack = r#"does = [
        { what = "giants_and_runts", target = "192.0.2.9", count = 80, every = "100us" },
    ]"#;
    let (text, outcome) = beside("", attack);
    assert_snapshot!(text, @"
    end 0.050000000 s
      alice on lan: 27 frames sent, 15 heard
        tcp to 192.0.2.9:9: 30000 of 30000 bytes acknowledged, finished at 0.004638000 s, 65970313 bit/s; 23 segments, 0 sent again
      bob on wan: 14 frames sent, 27 heard
        tcp port 9 from 198.51.100.7:49152: 30000 bytes in order, digest c03a4c19c1025df4, all at 0.004380000 s
      mallory on lan: 80 frames sent, 15 heard
        giants_and_runts: 80 frames
    dropped rx_oversize: 10
    dropped eth_truncated: 10
    dropped arp_truncated: 10
    dropped ip_truncated: 10
    dropped ip_header_length: 10
    dropped ip_beyond_frame: 10
    dropped fragmentation_needed: 20
    in 121 + made 22 = out 42 + consumed 1 + dropped 80 + held 20
    lcore 1 icmp_errors_out 20
    ");
    assert!(completes(&outcome));
}

#[test]
fn in_a_vlan_the_frames_of_an_attack_are_tagged() {
    let trunk = BOX.replacen(
        "[[port]]\n    name = \"wan\"",
        "[[port.vlan]]\n    vid = 10\n    addresses = [\"203.0.113.1/24\"]\n\n    [[port]]\n    name = \"wan\"",
        1,
    );
    let mallory = MALLORY.replace("198.51.100.66", "203.0.113.66");
    let does = r#"vlan = 10
        does = [
            { what = "teardrop", count = 2 },
            { what = "spoofer", count = 5 },
            { what = "arp_liar", target = "203.0.113.5", count = 1 },
        ]"#;
    let ping = r#"ping = [{ to = "203.0.113.5", size = 0 }, { to = "203.0.113.9", size = 0 }]"#;
    let plan = plan(&["until = \"10ms\"", &trunk, &mallory, does, BOB, ping]);
    assert_snapshot!(tell(&plan).story, @"
           ms lcore port    frame
        0.050       lan  <  vlan 10 ip 203.0.113.66 > 203.0.113.1 udp frag id 27314 off 0 len 40 MF ttl 64
        0.050       lan  <  vlan 10 ip 203.0.113.66 > 203.0.113.1 udp frag id 27314 off 24 len 4 ttl 64
        0.050       lan  <  vlan 10 udp 203.0.113.150:64459 > 203.0.113.1:9 ttl 64 len 16 no udp checksum
        0.052     1           datagram 27314 of 203.0.113.66 holds 1 fragment, 40 bytes
        0.052     1           datagram 27314 of 203.0.113.66 refused: 1 fragment, 40 bytes
        0.052     1           dropped reasm_end (packet 1)
        0.052     1           dropped reasm_end (packet 2)
        0.052     1           dropped port_unreachable (packet 3)
        0.052     1           neigh lan.10 203.0.113.150 - -> none
        0.052     1           packet 4 waits for 203.0.113.150, 1 in all
        0.052     1           neigh lan.10 203.0.113.150 none -> send
        0.057     1 lan  >  vlan 10 arp who-has 203.0.113.150 tell 203.0.113.1
        0.200       wan  <  arp who-has 192.0.2.1 tell 192.0.2.9
        0.206     1           neigh wan 192.0.2.9 - -> none
        0.206     1           neigh wan 192.0.2.9 is at 02:00:00:00:00:0b
        0.206     1           neigh wan 192.0.2.9 none -> reachable
        0.209     1 wan  >  arp 192.0.2.1 is-at 02:00:00:00:01:02
        0.610       wan  <  icmp 192.0.2.9 > 203.0.113.5 echo request id 1 seq 0 ttl 64 len 0 DF
        0.610       wan  <  icmp 192.0.2.9 > 203.0.113.9 echo request id 2 seq 0 ttl 64 len 0 DF
        0.618     1           neigh lan.10 203.0.113.5 - -> none
        0.618     1           packet 7 waits for 203.0.113.5, 1 in all
        0.618     1           neigh lan.10 203.0.113.5 none -> send
        0.618     1           neigh lan.10 203.0.113.9 - -> none
        0.618     1           packet 8 waits for 203.0.113.9, 1 in all
        0.618     1           neigh lan.10 203.0.113.9 none -> send
        0.622     1 lan  >  vlan 10 arp who-has 203.0.113.5 tell 203.0.113.1
        0.622     1 lan  >  vlan 10 arp who-has 203.0.113.9 tell 203.0.113.1
        0.723       lan  <  vlan 10 arp 203.0.113.5 is-at 02:00:00:00:00:66
        0.732     1           neigh lan.10 203.0.113.5 is at 02:00:00:00:00:66
        0.732     1           neigh lan.10 203.0.113.5 send -> reachable
        0.735     1 lan  >  vlan 10 icmp 192.0.2.9 > 203.0.113.5 echo request id 1 seq 0 ttl 63 len 0 DF
        1.050       lan  <  vlan 10 ip 203.0.113.66 > 203.0.113.1 udp frag id 47492 off 0 len 40 MF ttl 64
        1.050       lan  <  vlan 10 ip 203.0.113.66 > 203.0.113.1 udp frag id 47492 off 24 len 4 ttl 64
        1.050       lan  <  vlan 10 udp 127.0.85.74:3427 > 203.0.113.1:9 ttl 64 len 16 no udp checksum
        1.058     1           datagram 47492 of 203.0.113.66 holds 1 fragment, 40 bytes
        1.058     1           datagram 47492 of 203.0.113.66 refused: 1 fragment, 40 bytes
        1.058     1           dropped reasm_end (packet 12)
        1.058     1           dropped reasm_end (packet 13)
        1.058     1           dropped ip_martian_source (packet 14)
        2.050       lan  <  vlan 10 udp 0.0.2.34:7917 > 203.0.113.1:9 ttl 64 len 16 no udp checksum
        2.055     1           dropped ip_martian_source (packet 15)
        3.050       lan  <  vlan 10 udp 224.0.160.156:12911 > 203.0.113.1:9 ttl 64 len 16 no udp checksum
        3.050     1           dropped ip_martian_source (packet 16)
        4.050       lan  <  vlan 10 tcp 203.0.113.1:56227 > 203.0.113.1:56227 S seq 29344 ack 0 win 65535 ttl 64 len 0 bad tcp checksum
        4.055     1           dropped ip_martian_source (packet 17)
    in 13 + made 4 = out 5 + consumed 1 + dropped 9 + held 2
    ");
}

/// BOB sends to ALICE, whom the box has to ask for; MALLORY answers behind her.
fn lied_to(more: &str) -> (String, Outcome) {
    let transfer = r#"tcp_send = [{ to = "198.51.100.7", port = 9, at = "1ms", bytes = 30000 }]"#;
    let liar = r#"does = [{ what = "arp_liar", count = 1000 }]"#;
    let alice = format!("{ALICE}\ntcp_listen = 9");
    let plan = plan(&[SHORT, BOX, more, &alice, BOB, transfer, MALLORY, liar]);
    let outcome = tell(&plan).outcome;
    (account(&plan, &outcome), outcome)
}

#[test]
fn a_liar_who_answers_last_is_believed() {
    let (text, outcome) = lied_to("");
    assert_snapshot!(text, @"
    end 0.050000000 s
      alice on lan: 2 frames sent, 5 heard
        tcp port 9 from 192.0.2.9:49152: 0 bytes in order, digest 2d06800538d394c2, not all
      bob on wan: 5 frames sent, 2 heard
        tcp to 198.51.100.7:9: 0 of 30000 bytes acknowledged, not finished; 2 segments, 0 sent again
      mallory on lan: 1 frames sent, 5 heard
        arp_liar: 1 frames
    in 8 + made 1 = out 7 + consumed 2 + dropped 0 + held 0
    ");
    // The first segment left between the two answers; all others went to MALLORY.
    assert_eq!(host(&outcome, "alice").tcp_received[0].bytes, 0);
}

#[test]
fn of_a_static_neighbour_the_liar_is_not_even_asked() {
    let (text, outcome) = lied_to(ALICE_FIXED);
    assert_snapshot!(text, @"
    end 0.050000000 s
      alice on lan: 14 frames sent, 27 heard
        tcp port 9 from 192.0.2.9:49152: 30000 bytes in order, digest 965ecb960299ef11, all at 0.004382000 s
      bob on wan: 27 frames sent, 14 heard
        tcp to 198.51.100.7:9: 30000 of 30000 bytes acknowledged, finished at 0.004646000 s, 65825562 bit/s; 23 segments, 0 sent again
      mallory on lan: 0 frames sent, 27 heard
        arp_liar: 0 frames
    in 41 + made 0 = out 41 + consumed 0 + dropped 0 + held 0
    ");
    assert_eq!(host(&outcome, "alice").tcp_received[0].bytes, 30_000);
}
