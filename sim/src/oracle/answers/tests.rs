use super::super::identity::Birth;
use super::*;
use crate::engine::tests::plans::dut;
use dataplane::event::Made;
use dataplane::{PacketId, PortId, QueueId};
use fixtures::{ALICE, BOB, DUT_LAN, DUT_WAN, arp_request, icmp_echo, udp};

const WIRE: Birth = Birth::Wire(PortId(0), QueueId(0));

fn life(came: &[u8], birth: Birth) -> Life {
    let frame = Frame::read(came).unwrap();
    let mut life = Life::of(PacketId(1), birth);
    life.asked = Asked::of(&frame, frame.ipv4().as_ref());
    life.entry = matches!(birth, Birth::Wire(..)).then_some((PortId(0), QueueId(0)));
    life
}

fn check(life: &Life, bytes: &[u8]) -> Result<(), String> {
    let frame = Frame::read(bytes).unwrap();
    Answers::new(&dut(2).config).leaves(life, &frame, frame.ipv4().as_ref())
}

/// What is said of a frame that one byte of is another.
fn doctored(life: &Life, right: &[u8], at: usize, byte: u8) -> String {
    let mut frame = right.to_vec();
    frame[at] = byte;
    check(life, &frame).unwrap_err()
}

/// A packet to the LAN as it comes from a host there: to the MAC of the box.
fn from_alice() -> Vec<u8> {
    let mut frame = udp(ALICE, BOB).build();
    frame[..6].copy_from_slice(&DUT_LAN.mac);
    frame
}

#[test]
fn an_arp_answer_is_about_us_and_goes_to_who_asked() {
    let asked = arp_request(ALICE, DUT_LAN).build();
    let mut life = life(&asked, WIRE);
    life.answered = true;
    let mut right = asked.clone();
    right[..6].copy_from_slice(&ALICE.mac);
    right[6..12].copy_from_slice(&DUT_LAN.mac);
    right[21] = 2;
    right[22..28].copy_from_slice(&DUT_LAN.mac);
    right[28..32].copy_from_slice(&DUT_LAN.ip.octets());
    right[32..38].copy_from_slice(&ALICE.mac);
    right[38..42].copy_from_slice(&ALICE.ip.octets());
    assert_eq!(check(&life, &right), Ok(()));
    let told = [31, 37, 41, 5].map(|at| doctored(&life, &right, at, 77));
    insta::assert_snapshot!(told.join("\n"), @r"
    answers for 198.51.100.77, and was asked for 198.51.100.1
    answers 198.51.100.7 at 02:00:00:00:00:4d, and 198.51.100.7 at 02:00:00:00:00:0a asked
    answers 198.51.100.77 at 02:00:00:00:00:0a, and 198.51.100.7 at 02:00:00:00:00:0a asked
    answers 02:00:00:00:00:0a, and goes to 02:00:00:00:00:4d
    ");
    let other = arp_request(ALICE, BOB).build();
    life.asked = Asked::of(&Frame::read(&other).unwrap(), None);
    right[28..32].copy_from_slice(&BOB.ip.octets());
    let told = check(&life, &right).unwrap_err();
    insta::assert_snapshot!(told, @"answers for 192.0.2.9, and was asked for 192.0.2.9");
}

#[test]
fn who_is_forwarded_is_one_host_and_sent_to_us() {
    let came = from_alice();
    let right = life(&came, WIRE);
    assert_eq!(check(&right, &came), Ok(()));
    let mut other = came.clone();
    other[5] ^= 0x40;
    let mut group = came.clone();
    group[0] |= 1;
    assert_eq!(check(&life(&group, WIRE), &came), Ok(()), "others say whether it may");
    let told = [
        check(&life(&other, WIRE), &came).unwrap_err(),
        doctored(&right, &came, 26, 127),
        doctored(&right, &came, 26, 224),
        doctored(&right, &came, 29, 255),
        doctored(&right, &came, 30, 0),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    came to 02:00:00:00:00:41, which is another station
    goes from 127.51.100.7 to 192.0.2.9, which no host does
    goes from 224.51.100.7 to 192.0.2.9, which no host does
    goes from 198.51.100.255 to 192.0.2.9, which no host does
    goes from 198.51.100.7 to 0.0.2.9, which no host does
    ");
}

#[test]
fn what_is_ours_is_from_one_of_our_addresses() {
    let mut answered = life(&from_alice(), WIRE);
    answered.answered = true;
    let right = icmp_echo(DUT_WAN, BOB).build();
    assert_eq!(check(&answered, &right), Ok(()));
    let told = doctored(&answered, &right, 29, 255);
    insta::assert_snapshot!(told, @"is ours, and from 192.0.2.255, which is not");
}

#[test]
fn an_error_is_about_nothing_that_it_may_not_be_about() {
    let about = &icmp_echo(ALICE, BOB).build()[14..];
    let right = fixtures::icmp(DUT_LAN, ALICE, 3, 0, [0; 4], about).build();
    let error = life(&right, Birth::Made(Made::IcmpError(3, 0)));
    assert_eq!(check(&error, &right), Ok(()));
    // The quoted header begins at byte 42: its offset, source and destination, and its type.
    let told = [(49, 1), (54, 230), (58, 230), (61, 255), (62, 11)]
        .map(|(at, byte)| doctored(&error, &right, at, byte));
    insta::assert_snapshot!(told.join("\n"), @r"
    is an ICMP error about a fragment that is not the first
    is an ICMP error for 230.51.100.7, which is not one host
    is an ICMP error about a packet for 230.0.2.9, a group
    is an ICMP error about a packet for 192.0.2.255, a group
    is an ICMP error about an ICMP error, of type 11
    ");
}

#[test]
fn a_piece_is_of_what_might_be_cut_and_has_the_options_that_are_copied() {
    let mut came = from_alice();
    let mut cut = life(&came, WIRE);
    cut.cut_of = Some(PacketId(7));
    came[20] |= 0x20;
    assert_eq!(check(&cut, &came), Ok(()));
    let mut fixed = came.clone();
    fixed[20] |= 0x40;
    let mut whole = life(&fixed, WIRE);
    assert_eq!(check(&whole, &came), Ok(()), "it is no piece of ours");
    whole.cut_of = Some(PacketId(7));
    let told = check(&whole, &came).unwrap_err();
    assert_eq!(told, "is a piece of what came with DF");
    assert_eq!(stray_option(&[1, 0x94, 4, 0, 0, 1, 0, 7]), None);
    assert_eq!(stray_option(&[1, 0x94, 4, 0, 0, 7, 3, 4]), Some(7));
    assert_eq!(stray_option(&[1, 1, 7, 2]), Some(7), "it ends with the list");
    for faulty in [[1, 1, 7, 3], [1, 7, 1, 1], [1, 7, 0, 1], [1, 1, 1, 7], [0x94, 1, 7, 2]] {
        assert_eq!(stray_option(&faulty), None, "{faulty:?}: nobody can walk it");
    }
}

#[test]
fn of_our_packets_to_one_destination_each_has_an_identification_of_its_own() {
    let mut answers = Answers::new(&dut(2).config);
    let mut leaves = |to, id: u16| {
        let mut bytes = icmp_echo(DUT_WAN, to).build();
        bytes[18..20].copy_from_slice(&id.to_be_bytes());
        let frame = Frame::read(&bytes).unwrap();
        answers.leaves(
            &life(&bytes, Birth::Made(Made::IcmpError(3, 0))),
            &frame,
            frame.ipv4().as_ref(),
        )
    };
    assert_eq!([leaves(BOB, 7), leaves(ALICE, 7), leaves(BOB, 8)], [Ok(()), Ok(()), Ok(())]);
    let told = leaves(BOB, 7).unwrap_err();
    assert_eq!(told, "goes to 192.0.2.9 with identification 7, as one just before it");
    // 16 later, it may come again.
    assert!((9..23).all(|id| leaves(BOB, id).is_ok()));
    assert_eq!(leaves(BOB, 7), Ok(()));
}

#[test]
fn ipv4_has_no_say_in_what_was_sent_to_another_station() {
    let answers = Answers::new(&dut(2).config);
    let mut frame = from_alice();
    let ours = life(&frame, WIRE);
    assert_eq!(answers.dropped(&ours, DropReason::IpNoRoute), Ok(()));
    frame[5] = 0x41;
    let other = life(&frame, WIRE);
    assert_eq!(answers.dropped(&other, DropReason::IpOtherHost), Ok(()));
    assert_eq!(answers.dropped(&other, DropReason::RxMissed), Ok(()));
    let wrong = answers.dropped(&other, DropReason::ForwardGroupFrame).unwrap_err();
    assert_eq!(
        wrong,
        "came to 02:00:00:00:00:41, which is another station, and is dropped as forward_group_frame"
    );
    frame[0] |= 1;
    let group = life(&frame, WIRE);
    assert_eq!(answers.dropped(&group, DropReason::ForwardGroupFrame), Ok(()));
}
