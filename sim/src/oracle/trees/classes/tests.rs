use super::*;
use crate::oracle::frame::UNTAGGED;
use dataplane::control::Order;
use dataplane::tc::{Key, Kind, QschConfig, TcChange, Verb};
use dataplane::wire::ethernet::EtherType;
use dataplane::{PacketId, QueueId};
use fixtures::{ALICE, BOB, CAROL, Frame, arp_request, icmp_echo, tcp, udp};

use super::super::Trees;
use crate::engine::tests::plans::dut;

const LAN: PortId = PortId(0);
const WAN: PortId = PortId(1);

fn handle(major: u16) -> Handle {
    Handle::new(major, 0)
}

fn ports(first: u16, last: u16) -> Option<Range<u16>> {
    Some(Range(first, last))
}

fn class(prio: u16, pattern: Match, verdict: Verdict) -> ClsConfig {
    let (dev, qsch) = (WAN, Handle::ROOT);
    ClsConfig { dev, qsch, handle: Handle::NONE, prio, pattern, verdict }
}

/// On the WAN: ARP to 3:, DNS to 1:, and of that what is for Bob on to 2:; ports 7 to 19 are dropped.
/// On the LAN, on its way in, what is from port 5000 goes to 1:.
fn config() -> Config {
    let any = Match::default();
    let kind = Kind::Pfifo { limit: 9 };
    let qsch = |dev, handle, parent| QschConfig { dev, handle, parent, kind };
    let mut config = dut(1).config;
    config.qschs = vec![
        qsch(WAN, Handle::ROOT, Handle::NONE),
        qsch(WAN, handle(1), Handle::ROOT),
        qsch(WAN, handle(2), handle(1)),
        qsch(WAN, handle(3), Handle::ROOT),
        qsch(LAN, Handle::INGRESS, Handle::NONE),
        qsch(LAN, handle(1), Handle::INGRESS),
    ];
    let from =
        ClsConfig { dev: LAN, qsch: Handle::INGRESS, ..class(0, any, Verdict::To(handle(1))) };
    let bob = Some(Range(BOB.ip, BOB.ip));
    config.classes = vec![
        class(0, Match { dport: ports(7, 53), ..any }, Verdict::Drop),
        class(10, Match { dport: ports(53, 53), ..any }, Verdict::To(handle(1))),
        class(10, Match { dport: ports(50, 60), ..any }, Verdict::Drop),
        // No child of it: as if there were no such class.
        class(20, any, Verdict::To(handle(2))),
        class(5, Match { ether_type: Some(EtherType::ARP), ..any }, Verdict::To(handle(3))),
        ClsConfig {
            qsch: handle(1),
            ..class(0, Match { dst: bob, ..any }, Verdict::To(handle(2)))
        },
        ClsConfig { pattern: Match { sport: ports(5000, 5000), iif: Some(LAN), ..any }, ..from },
    ];
    config
}

fn life(trees: &Trees, frame: &Frame) -> Life {
    let mut life = Life::of(PacketId(4), Birth::Wire(LAN, QueueId(0)));
    life.entry = Some((LAN, QueueId(0)));
    life.due = trees.due(LAN, UNTAGGED, &frame.build());
    life
}

/// What is said of a frame that leaves by the WAN, after this Qsch took it.
fn leaves(trees: &Trees, frame: &Frame, took: Handle) -> String {
    let mut life = life(trees, frame);
    life.took[2] = took;
    trees.sent_by(&life, WAN, UNTAGGED, &frame.build()).err().unwrap_or_default()
}

#[test]
fn a_packet_on_its_way_out_goes_where_the_first_class_that_fits_sends_it() {
    let trees = Trees::new(&config());
    let to = |port| udp(ALICE, CAROL).ports(4000, port);
    for (frame, right) in [
        (to(6), Handle::ROOT),
        (to(53), handle(1)),
        (tcp(ALICE, CAROL).ports(53, 53), handle(1)),
        (udp(ALICE, BOB).ports(4000, 53), handle(2)),
        (arp_request(BOB, ALICE), handle(3)),
        (icmp_echo(ALICE, BOB), Handle::ROOT),
        // Later fragments have no ports, whatever is there.
        (to(53).len(64).fragment(8, 16), Handle::ROOT),
        (to(53).len(64).fragment(0, 16), handle(1)),
    ] {
        for qsch in [Handle::ROOT, handle(1), handle(2), handle(3)] {
            let said = leaves(&trees, &frame, qsch);
            assert_eq!(said.is_empty(), qsch == right, "{qsch} of {right}: {said}");
        }
        assert_eq!(leaves(&trees, &frame, Handle::NONE), "", "that is for others to say");
    }
    let lower = leaves(&trees, &to(53), Handle::ROOT);
    insta::assert_snapshot!(lower, @"is taken by Qsch root of device 1, and goes to 1: by its classes");
    let kept = leaves(&trees, &to(19), Handle::ROOT);
    insta::assert_snapshot!(kept, @"is taken by Qsch root of device 1, and is dropped by a class");
}

#[test]
fn a_packet_on_its_way_in_goes_where_the_first_class_that_fits_sends_it() {
    let trees = Trees::new(&config());
    let from = |port| life(&trees, &udp(ALICE, BOB).ports(port, 4000));
    let (one, other) = (from(5000), from(5001));
    let top = (LAN, Handle::INGRESS);
    assert_eq!(trees.taken(&one, (LAN, handle(1))), Ok(()));
    assert_eq!(trees.taken(&other, top), Ok(()));
    let said = trees.taken(&one, top).unwrap_err();
    insta::assert_snapshot!(said, @"is taken by Qsch ingress of device 0, and goes to 1: by its classes");
    let said = trees.taken(&other, (LAN, handle(1))).unwrap_err();
    insta::assert_snapshot!(said, @"is taken by Qsch 1: of device 0, and goes to ingress by its classes");
    // Of the WAN it is not known before it leaves.
    assert_eq!(trees.taken(&one, (WAN, handle(3))), Ok(()));
}

#[test]
fn what_classes_drop_is_dropped_and_nothing_else() {
    let trees = Trees::new(&config());
    let dropped =
        |life: &Life, reason| trees.classes.dropped(life, reason).err().unwrap_or_default();
    let to = |port| life(&trees, &udp(ALICE, BOB).ports(4000, port));
    assert_eq!(dropped(&to(9), DropReason::TcDropped), "");
    assert_eq!(dropped(&to(6), DropReason::QschFull), "", "not by a class");
    let said = dropped(&to(6), DropReason::TcDropped);
    insta::assert_snapshot!(said, @"is dropped by a class, and none says so");
    assert_eq!(dropped(&to(9), DropReason::TcTooDeep), said);
    // Bytes behind a packet look like ports until it leaves.
    let short = life(&trees, &udp(ALICE, BOB).ports(9, 9).total_len(20));
    assert_eq!(dropped(&short, DropReason::TcDropped), said);
    let mut answer = to(6);
    answer.answered = true;
    assert_eq!(dropped(&answer, DropReason::TcDropped), "", "it is not what it was");
    let made = Life::of(PacketId(5), Birth::Unnamed);
    assert_eq!(dropped(&made, DropReason::TcDropped), "", "nobody knows what is in it");
}

#[test]
fn eight_steps_down_are_not_too_many_and_nine_are() {
    let mut config = config();
    let kind = Kind::Pfifo { limit: 9 };
    config.qschs.truncate(1);
    config.classes.clear();
    for step in 0..9 {
        let above = if step == 0 { Handle::ROOT } else { handle(step) };
        let (parent, below) = (above, handle(step + 1));
        let trees = Trees::new(&config);
        assert_eq!(leaves(&trees, &icmp_echo(ALICE, BOB), above), "", "{step} steps");
        config.qschs.push(QschConfig { dev: WAN, handle: below, parent, kind });
        let to = class(0, Match::default(), Verdict::To(below));
        config.classes.push(ClsConfig { qsch: above, ..to });
    }
    let trees = Trees::new(&config);
    let said = leaves(&trees, &icmp_echo(ALICE, BOB), handle(9));
    insta::assert_snapshot!(said, @"is taken by Qsch 9: of device 1, and goes down too often by its classes");
    let lost = life(&trees, &icmp_echo(ALICE, BOB));
    assert_eq!(trees.classes.dropped(&lost, DropReason::TcTooDeep), Ok(()));
    assert!(trees.classes.dropped(&lost, DropReason::TcDropped).is_err());
}

#[test]
fn nothing_is_said_of_a_device_whose_traffic_control_was_changed() {
    let frame = udp(ALICE, CAROL).ports(5000, 53);
    let mut trees = Trees::new(&config());
    let wrong = |trees: &Trees| {
        let on_lan = trees.taken(&life(trees, &frame), (LAN, Handle::INGRESS)).is_err();
        (on_lan, !leaves(trees, &frame, Handle::ROOT).is_empty())
    };
    assert_eq!(wrong(&trees), (true, true));
    let change = TcChange::Cls(Verb::Add, class(0, Match::default(), Verdict::Drop));
    trees.told(&Order::Tc(change));
    assert_eq!(wrong(&trees), (true, false));
    let dropped = life(&trees, &udp(ALICE, BOB).ports(4000, 6));
    assert_eq!(trees.classes.dropped(&dropped, DropReason::TcDropped), Ok(()));
    trees.told(&Order::Tc(TcChange::DeleteQsch { dev: LAN, handle: handle(1) }));
    assert_eq!(wrong(&trees), (false, false));

    let mut unnamed = config();
    unnamed.qschs[3].handle = Handle::NONE;
    assert_eq!(wrong(&Trees::new(&unnamed)), (true, false), "whose name nobody knows");
}

/// Frames are read by this page alone, and by the dataplane in its own way: they may not differ.
#[test]
fn classes_see_of_any_frame_what_the_dataplane_sees() {
    let any = Match::default();
    let ip = |first, last| Some(Range::<Ipv4Addr>(first, last));
    let typed = |number: u16| Match { ether_type: Some(EtherType(number)), ..any };
    let patterns = [
        any,
        typed(IPV4),
        typed(VLAN),
        typed(QINQ),
        typed(0x0806),
        Match { protocol: Some(17), ..any },
        Match { protocol: Some(1), oif: Some(WAN), ..any },
        Match { iif: Some(LAN), ..any },
        Match { src: ip(ALICE.ip, ALICE.ip), ..any },
        Match { dst: ip(Ipv4Addr::UNSPECIFIED, BOB.ip), sport: ports(0, 4000), ..any },
        Match { dport: ports(53, u16::MAX), ..any },
    ];
    let dns = || udp(ALICE, BOB).ports(4000, 53);
    let mut frames = vec![arp_request(ALICE, BOB), icmp_echo(BOB, ALICE), dns().options(&[1; 8])];
    frames.extend(dns().len(64).fragments(24));
    frames.extend((0..=u8::MAX).step_by(3).map(|tos| tcp(CAROL, BOB).tos(tos)));
    frames.extend([dns().ihl(4), dns().ihl(6), dns().version(6), dns().total_len(20)]);
    frames.extend([dns().vlan(7), dns().vlan(7).service_vlan(8), dns().vlan(7).vlan(8).vlan(9)]);
    for bytes in frames.iter().map(Frame::build) {
        for bytes in (0..=bytes.len().min(80)).map(|len| &bytes[..len]) {
            let (key, look) = (Key::of(bytes, WAN), Look::of(bytes.get(12..).unwrap_or_default()));
            for pattern in &patterns {
                assert_eq!(
                    look.fits(pattern, WAN),
                    pattern.matches(&key),
                    "{pattern:?} {bytes:02x?}"
                );
            }
            assert_eq!(usize::from(look.band()), key.band(), "{bytes:02x?}");
        }
    }
}
