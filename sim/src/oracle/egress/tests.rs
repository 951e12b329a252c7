use super::*;
use crate::engine::tests::plans::dut;
use dataplane::{PacketId, QueueId};
use fixtures::{ALICE, BOB, DUT_LAN, DUT_WAN, arp_request, icmp_echo, udp};

const LAN: PortId = PortId(0);
const WAN: PortId = PortId(1);

fn life(came: &[u8], birth: Birth) -> Life {
    let frame = Frame::read(came).unwrap();
    let mut life = Life::of(PacketId(1), birth);
    life.came = Came::of(&frame, frame.ipv4().as_ref());
    life.entry = matches!(birth, Birth::Wire(..)).then_some((LAN, QueueId(0)));
    life
}

fn check(life: &Life, port: PortId, bytes: &[u8]) -> Result<(), String> {
    let frame = Frame::read(bytes).unwrap();
    Egress::new(&dut(2).config).check(life, port, &frame, frame.ipv4().as_ref())
}

/// Puts the right checksum into an IPv4 header again.
fn mend(frame: &mut [u8]) {
    frame[24..26].fill(0);
    let right = frame::checksum(&frame[14..34]);
    frame[24..26].copy_from_slice(&right.to_be_bytes());
}

/// What a frame is that came on the LAN and is forwarded to the WAN.
fn forwarded(came: &[u8]) -> Vec<u8> {
    let mut out = came.to_vec();
    out[6..12].copy_from_slice(&DUT_WAN.mac);
    out[22] -= 1;
    mend(&mut out);
    out
}

#[test]
fn a_packet_is_forwarded_as_it_came_but_for_its_ttl() {
    let came = udp(ALICE, BOB).build();
    let life = life(&came, Birth::Wire(LAN, QueueId(0)));
    let right = forwarded(&came);
    assert_eq!(check(&life, WAN, &right), Ok(()));
    let doctored = |doctor: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = right.clone();
        doctor(&mut frame);
        check(&life, WAN, &frame).unwrap_err()
    };
    let last = right.len() - 1;
    let told = [
        doctored(&|frame| frame[11] ^= 1),
        doctored(&|frame| frame[24] ^= 1),
        doctored(&|frame| (frame[22] = 0, mend(frame)).1),
        doctored(&|frame| (frame[22] += 1, mend(frame)).1),
        doctored(&|frame| (frame[15] ^= 4, mend(frame)).1),
        doctored(&|frame| frame[34] ^= 1),
        doctored(&|frame| frame[last] ^= 1),
        doctored(&|frame| frame.push(0xa5)),
        doctored(&|frame| frame.truncate(last)),
        doctored(&|frame| frame[12] = 0x86),
        doctored(&|frame| frame[13] = 0x06),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    has source MAC 02:00:00:00:00:03, not the device's 02:00:00:00:00:02
    has a wrong IPv4 checksum
    has TTL 0
    has TTL 64, and came with 64
    has another IPv4 header than it came with
    has another payload than it came with
    has another payload than it came with
    has a stale byte, 0 bytes behind its end
    has lengths in its IPv4 header that do not fit it
    has type 0x8600, which nobody here makes or forwards
    has another sender in its ARP packet than in its header
    ");
}

#[test]
fn no_packet_is_longer_than_the_mtu_and_an_order_may_change_it() {
    let mut came = udp(ALICE, BOB).build();
    came.resize(14 + 1500, 0x11);
    came[16..18].copy_from_slice(&1500_u16.to_be_bytes());
    for (len, right) in [(1500_u16, true), (1501, false)] {
        let mut came = came.clone();
        came.resize(14 + usize::from(len), 0x11);
        came[16..18].copy_from_slice(&len.to_be_bytes());
        mend(&mut came);
        let life = life(&came, Birth::Wire(LAN, QueueId(0)));
        assert_eq!(check(&life, WAN, &forwarded(&came)).is_ok(), right, "{len}");
    }
    let mut egress = Egress::new(&dut(2).config);
    let dev = dataplane::types::DeviceName::try_new(&dut(2).config.ports[1].name).unwrap();
    egress.told(&Order::Link { dev, set: LinkSetting::Mtu(1501) });
    egress.told(&Order::Link { dev, set: LinkSetting::Mtu(1000) });
    came.push(0x11);
    came[16..18].copy_from_slice(&1501_u16.to_be_bytes());
    mend(&mut came);
    let (life, out) = (life(&came, Birth::Wire(LAN, QueueId(0))), forwarded(&came));
    let frame = Frame::read(&out).unwrap();
    assert_eq!(egress.check(&life, WAN, &frame, frame.ipv4().as_ref()), Ok(()));
}

#[test]
fn an_answer_has_the_data_of_the_question_and_a_right_checksum() {
    let came = icmp_echo(ALICE, DUT_LAN).build();
    let mut life = life(&came, Birth::Wire(LAN, QueueId(0)));
    life.answered = true;
    let mut reply = came.clone();
    reply[6..12].copy_from_slice(&DUT_LAN.mac);
    reply[34] = 0;
    let total = usize::from(u16::from_be_bytes([came[16], came[17]]));
    reply.truncate(14 + total);
    let mend_icmp = |frame: &mut [u8]| {
        frame[36..38].fill(0);
        let right = frame::checksum(&frame[34..]);
        frame[36..38].copy_from_slice(&right.to_be_bytes());
    };
    mend_icmp(&mut reply);
    assert_eq!(check(&life, LAN, &reply), Ok(()));
    let mut other = reply.clone();
    other[38] ^= 1;
    mend_icmp(&mut other);
    let mut wrong = reply.clone();
    wrong[36] ^= 1;
    let mut own = Life::of(PacketId(2), Birth::Made(Made::IcmpError(3, 1)));
    own.came = life.came;
    let told = [
        check(&life, LAN, &other).unwrap_err(),
        check(&life, LAN, &wrong).unwrap_err(),
        check(&own, LAN, &wrong).unwrap_err(),
        check(&Life::of(PacketId(3), Birth::Made(Made::ArpRequest)), LAN, &reply).unwrap_err(),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    answers with other data
    has a wrong ICMP checksum
    has a wrong ICMP checksum
    leaves as IPv4, and was made as something else
    ");
}

#[test]
fn arp_is_made_with_zeros_behind_it_or_answered_with_what_it_came_with() {
    let mut request = arp_request(DUT_LAN, ALICE).build();
    request.resize(60, 0);
    request[6..12].copy_from_slice(&DUT_LAN.mac);
    request[22..28].copy_from_slice(&DUT_LAN.mac);
    let made = Life::of(PacketId(1), Birth::Made(Made::ArpRequest));
    assert_eq!(check(&made, LAN, &request), Ok(()));
    let mut stale = request.clone();
    stale[50] = 0xa5;
    let mut answered = life(&stale, Birth::Wire(LAN, QueueId(0)));
    answered.answered = true;
    assert_eq!(check(&answered, LAN, &stale), Ok(()));
    let mut sender = request.clone();
    sender[22] ^= 2;
    let told = [
        check(&made, LAN, &stale).unwrap_err(),
        check(&answered, LAN, &request).unwrap_err(),
        check(&made, LAN, &sender).unwrap_err(),
        check(&life(&stale, Birth::Wire(LAN, QueueId(0))), LAN, &stale).unwrap_err(),
        check(&made, LAN, &request[..41]).unwrap_err(),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    has a stale byte, 8 bytes behind its end
    has other bytes behind its ARP packet than it came with
    has another sender in its ARP packet than in its header
    is ARP that nobody made or answered
    ends within its ARP packet
    ");
}

#[test]
fn a_tag_is_that_of_a_device_and_what_came_with_one_is_taken() {
    let came = udp(ALICE, BOB).build();
    let life = life(&came, Birth::Wire(LAN, QueueId(0)));
    let out = forwarded(&came);
    let tagged = [&out[..12], &[0x81, 0, 0, 7], &out[12..]].concat();
    let told = check(&life, WAN, &tagged).unwrap_err();
    assert_eq!(told, "has VLAN 7, which its port has no device for");
    let told = Egress::type_unknown(&life).unwrap_err();
    assert_eq!(told, "is IPv4, and dropped for its type");
    assert_eq!(Egress::type_unknown(&Life::of(PacketId(1), life.birth)), Ok(()));
}
