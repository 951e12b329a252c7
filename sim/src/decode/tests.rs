//! What the lines look like, and that there is always one.

use super::{Filter, decode_file, line, write_line};
use crate::capture::{Direction, Frame as Written, PcapngWriter};
use fixtures::*;
use insta::assert_snapshot;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn lines(frames: &[Frame]) -> String {
    let lines: Vec<String> = frames.iter().map(|frame| line(&frame.build())).collect();
    lines.join("\n")
}

#[test]
fn arp_in_all_its_forms() {
    assert_snapshot!(lines(&[
        arp_request(DUT_WAN, BOB),
        arp_reply(BOB, DUT_WAN).padded(),
        arp_announce(ALICE),
        arp_announce(ALICE).operation(2),
        arp_probe(ALICE),
        arp_reply(BOB, DUT_WAN).operation(9),
        arp_request(DUT_WAN, BOB).cut_to(14 + 20),
    ]), @r"
    arp who-has 192.0.2.9 tell 192.0.2.1
    arp 192.0.2.9 is-at 02:00:00:00:00:0b
    arp announce 198.51.100.7 is-at 02:00:00:00:00:0a
    arp announce 198.51.100.7 is-at 02:00:00:00:00:0a by reply
    arp probe 198.51.100.7 from 02:00:00:00:00:0a
    arp op 9 192.0.2.9 02:00:00:00:00:0b > 192.0.2.1 02:00:00:00:00:02
    arp truncated: packet of 28, 20 bytes
    ");
}

#[test]
fn datagrams_and_what_is_unusual_about_them() {
    assert_snapshot!(lines(&[
        udp(ALICE, BOB),
        udp(ALICE, BOB).df().tos(0xc0).options(&[148, 4, 0, 0, 1, 7, 7, 4, 0, 0, 0, 0]),
        udp(ALICE, BOB).no_checksum(),
        tcp(ALICE, BOB),
        tcp(ALICE, BOB).flags(0x18).seq_ack(7, 9).len(100),
        ipv4(ALICE, BOB, 132, &[0; 12]),
        ipv4(ALICE, BOB, 253, &[]).evil(),
        icmp_echo(ALICE, BOB),
        icmp_echo_reply(BOB, ALICE).echo_id_seq(5, 6),
        icmp(ALICE, BOB, 42, 1, [0; 4], &[]),
        raw(ALICE, DUT_LAN, 0x88cc, &[0; 46]),
        llc(ALICE.mac, BROADCAST, &[0x42, 0x42, 3, 0]),
        raw(ALICE, DUT_LAN, 0x86dd, &[0x60; 40]),
    ]), @r"
    udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32
    udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32 DF tos 0xc0 options [router-alert 4,nop,rr 7]
    udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32 no udp checksum
    tcp 198.51.100.7:40000 > 192.0.2.9:80 S seq 1 ack 0 win 65535 ttl 64 len 0
    tcp 198.51.100.7:40000 > 192.0.2.9:80 P. seq 7 ack 9 win 65535 ttl 64 len 100
    ip 198.51.100.7 > 192.0.2.9 sctp ttl 64 len 12
    ip 198.51.100.7 > 192.0.2.9 proto 253 ttl 64 len 0 evil
    icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 64 len 56
    icmp 192.0.2.9 > 198.51.100.7 echo reply id 5 seq 6 ttl 64 len 56
    icmp 198.51.100.7 > 192.0.2.9 message type 42 code 1 ttl 64 len 0
    eth 02:00:00:00:00:0a > 02:00:00:00:00:01 type 0x88cc len 60
    llc 02:00:00:00:00:0a > ff:ff:ff:ff:ff:ff dsap 0x42 ssap 0x42 len 18
    ipv6 6060:6060:6060:6060:6060:6060:6060:6060 > 6060:6060:6060:6060:6060:6060:6060:6060 proto 96 hops 96 len 24672 BAD-IP-LENGTH 24672, 0 bytes here
    ");
}

#[test]
fn tags_come_first() {
    assert_snapshot!(lines(&[
        icmp_echo(ALICE, BOB).vlan(100),
        icmp_echo(ALICE, BOB).vlan(100).pcp(3),
        arp_announce(ALICE).service_vlan(200).vlan(100).pcp(7),
        icmp_echo(ALICE, BOB).tag(0x8100, 0xf000),
        icmp_echo(ALICE, BOB).vlan(100).cut_to(16),
        icmp_echo(ALICE, BOB).vlan(1).vlan(2).vlan(3).vlan(4).vlan(5),
    ]), @r"
    vlan 100 icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 64 len 56
    vlan 100 pcp 3 icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 64 len 56
    qinq 200 vlan 100 pcp 7 arp announce 198.51.100.7 is-at 02:00:00:00:00:0a
    vlan 0 pcp 7 dei icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 64 len 56
    vlan truncated: tag of 4, 2 bytes
    vlan 1 vlan 2 vlan 3 vlan 4 eth 02:00:00:00:00:0a > 02:00:00:00:00:01 type 0x8100 len 118
    ");
}

#[test]
fn an_error_tells_what_it_is_about() {
    let ping = icmp_echo(ALICE, BOB).ttl(1);
    let fragment = udp(ALICE, BOB).len(2000).df().fragment(1480, 528);
    assert_snapshot!(lines(&[
        time_exceeded(DUT_LAN, &udp(ALICE, BOB).ttl(1)),
        time_exceeded(DUT_LAN, &ping),
        time_exceeded(DUT_LAN, &fragment),
        frag_needed(DUT_LAN, 1400, &tcp(ALICE, BOB).df().len(1460)),
        icmp_error(DUT_LAN, 5, 1, [198, 51, 100, 254], &ping),
        icmp_error(BOB, 3, 3, [0; 4], &udp(ALICE, BOB)),
        icmp_error(BOB, 3, 13, [0; 4], &ping.clone().bad_ip_checksum()),
        icmp(DUT_LAN, ALICE, 11, 1, [0; 4], &[]),
    ]), @r"
    icmp 198.51.100.1 > 198.51.100.7 time exceeded (11/0) for [udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 1] ttl 64
    icmp 198.51.100.1 > 198.51.100.7 time exceeded (11/0) for [icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 1] ttl 64
    icmp 198.51.100.1 > 198.51.100.7 time exceeded (11/0) for [ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 1480 ttl 64 DF] ttl 64
    icmp 198.51.100.1 > 198.51.100.7 fragmentation needed (3/4) mtu 1400 for [tcp 198.51.100.7:40000 > 192.0.2.9:80 seq 1 ttl 64 DF] ttl 64
    icmp 198.51.100.1 > 198.51.100.7 redirect host (5/1) to 198.51.100.254 for [icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 1] ttl 64
    icmp 192.0.2.9 > 198.51.100.7 port unreachable (3/3) for [udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64] ttl 64
    icmp 192.0.2.9 > 198.51.100.7 prohibited (3/13) for [icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 1 BAD-IP-CHECKSUM] ttl 64
    icmp 198.51.100.1 > 198.51.100.7 reassembly time exceeded (11/1) for [ipv4 truncated: header of 20, 0 bytes] ttl 64
    ");
}

#[test]
fn fragments_of_a_datagram() {
    assert_snapshot!(lines(&udp(ALICE, BOB).len(3000).id(7).fragments(1480)), @r"
    ip 198.51.100.7 > 192.0.2.9 udp frag id 7 off 0 len 1480 MF ttl 64
    ip 198.51.100.7 > 192.0.2.9 udp frag id 7 off 1480 len 1480 MF ttl 64
    ip 198.51.100.7 > 192.0.2.9 udp frag id 7 off 2960 len 48 ttl 64
    ");
}

#[test]
fn what_is_wrong_is_said_with_the_layer_and_the_lengths() {
    assert_snapshot!(lines(&[
        udp(ALICE, BOB).cut_to(9),
        udp(ALICE, BOB).cut_to(14 + 13),
        udp(ALICE, BOB).options(&[1; 8]).cut_to(14 + 20),
        udp(ALICE, BOB).version(5),
        udp(ALICE, BOB).ihl(4),
        udp(ALICE, BOB).total_len(19),
        udp(ALICE, BOB).total_len(61),
        udp(ALICE, BOB).total_len(59),
        udp(ALICE, BOB).total_len(26),
        udp(ALICE, BOB).trailer(&[0; 6]),
        udp(ALICE, BOB).bad_ip_checksum(),
        udp(ALICE, BOB).bad_checksum().bad_ip_checksum().df(),
        tcp(ALICE, BOB).bad_checksum(),
        tcp(ALICE, BOB).total_len(39).cut_to(14 + 39),
        icmp_echo(ALICE, BOB).bad_checksum(),
        icmp_echo(ALICE, BOB).len(0).cut_to(14 + 20 + 7),
        udp(ALICE, BOB).options(&[7, 1]),
        udp(ALICE, BOB).options(&[0x99, 9, 0, 0]),
    ]), @r"
    eth truncated: header of 14, 9 bytes
    ipv4 truncated: header of 20, 13 bytes
    ipv4 truncated: header of 28, 20 bytes
    ipv4 malformed: version 5
    ipv4 malformed: header length 16, at least 20
    ipv4 malformed: total length 19, header 20
    udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 33 BAD-UDP-LENGTH 40, 41 bytes here BAD-IP-LENGTH 61, 60 bytes here
    udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 31 BAD-UDP-LENGTH 40, 39 bytes here trailer 1
    udp 198.51.100.7 > 192.0.2.9 truncated: header of 8, 6 bytes ttl 64 trailer 34
    udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32 trailer 6
    udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32 BAD-IP-CHECKSUM
    udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32 DF BAD-IP-CHECKSUM bad udp checksum
    tcp 198.51.100.7:40000 > 192.0.2.9:80 S seq 1 ack 0 win 65535 ttl 64 len 0 bad tcp checksum
    tcp 198.51.100.7 > 192.0.2.9 truncated: header of 20, 19 bytes ttl 64
    icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 64 len 56 bad icmp checksum
    icmp 198.51.100.7 > 192.0.2.9 truncated: header of 8, 7 bytes ttl 64 BAD-IP-LENGTH 28, 27 bytes here
    udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32 options [rr of bad length 1]
    udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 32 options [option 0x99 of bad length 9]
    ");
}

#[test]
fn a_snapped_frame_is_no_wrong_frame() {
    let mut text = String::new();
    let frame = udp(ALICE, BOB).len(1000).build();
    write_line(&mut text, &frame[..64], 1042).unwrap();
    assert_snapshot!(text, @"udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 1000 snapped 64/1042");
}

fn pcaps() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps")
}

fn decoded(path: &Path, filter: &Filter) -> String {
    let mut out = Vec::new();
    decode_file(path, &mut out, filter).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_file_is_shown_with_times_interfaces_and_directions() {
    let router = pcaps().join("router-two-sides.pcapng");
    let first = Filter { to: Some(8), ..Filter::default() };
    let shown = decoded(&router, &first);
    // The times are those of the recording; what R did is what R does.
    let story: Vec<&str> = shown.lines().map(|line| &line[18..]).collect();
    assert_snapshot!(story.join("\n"), @r"
    lan  <  arp who-has 198.51.100.1 tell 198.51.100.7
    lan  >  arp 198.51.100.1 is-at 02:00:00:00:00:01
    lan  <  icmp 198.51.100.7 > 192.0.2.9 echo request id 6317 seq 1 ttl 64 len 56 DF
    wan  >  arp who-has 192.0.2.9 tell 192.0.2.1
    wan  <  arp 192.0.2.9 is-at 02:00:00:00:00:0b
    wan  >  icmp 198.51.100.7 > 192.0.2.9 echo request id 6317 seq 1 ttl 63 len 56 DF
    wan  <  icmp 192.0.2.9 > 198.51.100.7 echo reply id 6317 seq 1 ttl 64 len 56
    lan  >  icmp 192.0.2.9 > 198.51.100.7 echo reply id 6317 seq 1 ttl 63 len 56
    ");
    assert_eq!(&shown[..19], "  1  0.000000000  l");
}

#[test]
fn a_filter_takes_interface_range_and_text() {
    let router = pcaps().join("router-two-sides.pcapng");
    let filter = Filter {
        interface: Some("lan".to_owned()),
        from: Some(100),
        to: None,
        containing: Some("fragmentation needed".to_owned()),
    };
    assert_eq!(decoded(&router, &filter).lines().count(), 1);
    let by_index = Filter { interface: Some("1".to_owned()), ..Filter::default() };
    let by_name = Filter { interface: Some("wan".to_owned()), ..Filter::default() };
    assert_eq!(decoded(&router, &by_index), decoded(&router, &by_name));
    let unknown = Filter { interface: Some("dmz".to_owned()), ..Filter::default() };
    let error = decode_file(&router, &mut Vec::new(), &unknown).unwrap_err().to_string();
    assert!(error.ends_with("has no interface \"dmz\"; it has lan, wan"), "{error}");
}

#[test]
fn comments_stand_behind_the_line_and_command_no_terminal() {
    let frame = icmp_echo(ALICE, BOB).build();
    let shown = [0, 1_700_000_000_000_000_000].map(|start| {
        let mut writer = PcapngWriter::new(Vec::new(), &["l\x1b[31man"], None).unwrap();
        for (time, comments) in [(5, &["tick=1", "two\nlines"][..]), (3, &[])] {
            let (direction, segments) = (Some(Direction::Out), &[&frame[..]]);
            let time = start + time;
            let frame =
                Written { interface: 0, time, direction, orig_len: None, segments, comments };
            writer.write(&frame).unwrap();
        }
        let file = std::env::temp_dir().join(format!("lockstep-decode-{}", std::process::id()));
        std::fs::write(&file, writer.finish().unwrap()).unwrap();
        let shown = decoded(&file, &Filter::default());
        std::fs::remove_file(&file).unwrap();
        shown
    });
    // Virtual times stand as they are; those of a real wire count from the first packet.
    assert_snapshot!(shown.concat(), @r"
    1  0.000000005  l [31man  >  icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 64 len 56  [tick=1; two lines]
    2  0.000000003  l [31man  >  icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 64 len 56
    1   0.000000000  l [31man  >  icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 64 len 56  [tick=1; two lines]
    2  -0.000000002  l [31man  >  icmp 198.51.100.7 > 192.0.2.9 echo request id 1 seq 1 ttl 64 len 56
    ");
}

#[test]
fn each_frame_of_the_corpus_has_a_line() {
    let Some(folder) = std::env::var_os("LOCKSTEP_CAPTURES") else {
        eprintln!("skipped: LOCKSTEP_CAPTURES names no folder of captures");
        return;
    };
    let index = std::fs::read_to_string(Path::new(&folder).join("INDEX.tsv")).unwrap();
    for line in index.lines().skip(1) {
        let mut columns = line.split('\t');
        let (file, packets) = (columns.next().unwrap(), columns.next().unwrap());
        let mut out = Vec::new();
        let path = Path::new(&folder).join(file);
        if !packets.is_empty() && decode_file(&path, &mut out, &Filter::default()).is_ok() {
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.lines().count().to_string(), packets, "{file}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_give_one_line(frame in any_frame(), more in 0..3_u32, cut in any::<u16>()) {
        let front = &frame[..usize::from(cut) % (frame.len() + 1)];
        for (bytes, orig_len) in [(&frame[..], 0), (front, u32::try_from(frame.len()).unwrap() + more)] {
            let mut text = String::new();
            write_line(&mut text, bytes, orig_len).unwrap();
            prop_assert!(!text.is_empty() && !text.contains('\n'));
        }
    }

    #[test]
    fn a_valid_frame_has_nothing_wrong(frame in valid_frame()) {
        let text = line(&frame.build());
        // What an error quotes may be noise.
        let text = text.split(" for [").next().unwrap_or_default();
        let wrong = ["BAD-IP", "BAD-UDP", " bad udp", " bad tcp", " bad icmp", "malformed"];
        prop_assert!(wrong.iter().all(|wrong| !text.contains(wrong)), "{text}");
    }
}
