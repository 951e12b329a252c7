use crate::tc::{Key, Match, Range};
use crate::types::PortId;
use crate::wire::ethernet::EtherType;
use fixtures::{ALICE, BOB, Frame, Host, arp_request, icmp_echo, raw, tcp, udp};
use proptest::prelude::*;
use std::net::Ipv4Addr;

const DEV: PortId = PortId(3);

fn matches(pattern: Match, frame: &Frame) -> bool {
    pattern.matches(&Key::of(&frame.build(), DEV))
}

fn only(host: Host) -> Option<Range<Ipv4Addr>> {
    Some(Range(host.ip, host.ip))
}

#[test]
fn what_is_not_said_may_be_anything() {
    for frame in [udp(ALICE, BOB), arp_request(ALICE, BOB), raw(ALICE, BOB, 0x88cc, &[0; 46])] {
        assert!(matches(Match::default(), &frame));
    }
}

// DPVS: 15b71f09.
#[test]
fn each_condition_is_about_its_own_field() {
    let frame = udp(ALICE, BOB).ports(4000, 53);
    let any = Match::default();
    let port = |from, to| Some(Range(from, to));
    for (pattern, expected) in [
        (Match { src: only(ALICE), ..any }, true),
        (Match { src: only(BOB), ..any }, false),
        // Commit 15b71f09 of DPVS: the destination was compared with the range of the source.
        (Match { src: only(ALICE), dst: only(BOB), ..any }, true),
        (Match { src: only(ALICE), dst: only(ALICE), ..any }, false),
        (Match { sport: port(4000, 4000), ..any }, true),
        (Match { sport: port(53, 53), ..any }, false),
        (Match { dport: port(50, 53), ..any }, true),
        (Match { dport: port(54, 60), ..any }, false),
        (Match { protocol: Some(17), ..any }, true),
        (Match { protocol: Some(6), ..any }, false),
        (Match { ether_type: Some(EtherType::IPV4), ..any }, true),
        (Match { ether_type: Some(EtherType::ARP), ..any }, false),
        (Match { iif: Some(DEV), ..any }, true),
        (Match { oif: Some(PortId(4)), ..any }, false),
    ] {
        assert_eq!(matches(pattern, &frame), expected, "{pattern:?}");
    }
}

#[test]
fn a_frame_that_lacks_what_is_asked_for_does_not_match() {
    let ports = Match { dport: Some(Range(0, u16::MAX)), ..Match::default() };
    assert!(matches(ports, &udp(ALICE, BOB)) && matches(ports, &tcp(ALICE, BOB)));
    assert!(!matches(ports, &icmp_echo(ALICE, BOB)));
    assert!(!matches(ports, &arp_request(ALICE, BOB)));
    assert!(!matches(ports, &udp(ALICE, BOB).cut_to(14 + 20 + 3)));
    let from = Match { src: only(ALICE), ..Match::default() };
    assert!(matches(from, &udp(ALICE, BOB)));
    assert!(!matches(from, &udp(ALICE, BOB).cut_to(14 + 19)));
    assert!(!matches(from, &udp(ALICE, BOB).ihl(4)), "no IPv4 header is that short");
    assert!(!matches(from, &udp(ALICE, BOB).version(5)));
}

// Defect B69.
#[test]
fn the_bytes_of_a_later_fragment_are_no_ports() {
    let ports = Match { dport: Some(Range(0, u16::MAX)), ..Match::default() };
    let pieces = udp(ALICE, BOB).len(2000).fragments(1480);
    assert!(matches(ports, &pieces[0]));
    assert!(!matches(ports, &pieces[1]));
    let from = Match { src: only(ALICE), protocol: Some(17), ..Match::default() };
    assert!(matches(from, &pieces[1]), "addresses and protocol are in each of them");
}

// Defect B59.
#[test]
fn a_frame_is_known_behind_two_tags_and_not_behind_three() {
    let from = Match { src: only(ALICE), ..Match::default() };
    let tagged = Match { ether_type: Some(EtherType::VLAN), ..Match::default() };
    let frame = udp(ALICE, BOB);
    assert!(matches(from, &frame) && !matches(tagged, &frame));
    let once = frame.vlan(7);
    assert!(matches(from, &once) && matches(tagged, &once));
    // DPVS: the parser does not get beyond the second 0x8100, ever.
    let twice = once.vlan(8);
    assert!(matches(from, &twice) && matches(tagged, &twice));
    let thrice = twice.vlan(9);
    assert!(!matches(from, &thrice) && matches(tagged, &thrice));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(frame in fixtures::any_bytes()) {
        for len in 0..frame.len().min(80) {
            Key::of(&frame[..len], DEV);
        }
        Key::of(&frame, DEV);
    }
}
