//! What is read.

use super::super::{ByteOrder, CaptureInfo, CaptureReader, Direction, Format, Tail, Times};
use super::{Put, Scratch, read_all, scan};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;

fn three_records(put: Put, magic: u32) -> Vec<u8> {
    let mut bytes = put.pcap(magic, 0, 1);
    bytes.extend(put.record((10, 5), 60, &[1; 60]));
    bytes.extend(put.record((9, 7), 1500, &[2; 64]));
    bytes.extend(put.record((9, 7), 0, &[]));
    bytes
}

#[test]
fn pcap_of_both_byte_orders_and_both_units_is_read_alike() {
    for (put, order) in [(Put::LITTLE, ByteOrder::Little), (Put::BIG, ByteOrder::Big)] {
        for (magic, unit) in [(MICROS, 1_000), (NANOS, 1)] {
            let info = scan("alike.pcap", &three_records(put, magic)).unwrap();
            let first = 10_000_000_000 + 5 * unit;
            let last = 9_000_000_000 + 7 * unit;
            assert_eq!(info.times, Some(Times { first, last, min: last, max: first }));
            assert_eq!((info.format, info.byte_order), (Format::Pcap, order));
            assert_eq!((info.packets, info.bytes, info.backward, info.snapped), (3, 124, 1, 1));
            assert_eq!((info.largest, info.largest_orig), (64, 1500));
            assert_eq!((info.tail, info.libpcap), (None, None));
        }
    }
}

#[test]
fn records_longer_than_the_snap_length_are_read() {
    let mut bytes = Put::LITTLE.pcap(MICROS, 4, 1);
    bytes.extend(Put::LITTLE.record((0, 0), 60, &[0; 60]));
    assert_eq!(scan("snaplen.pcap", &bytes).unwrap().packets, 1);
}

#[test]
fn a_file_cut_anywhere_in_its_last_record_keeps_the_others() {
    let bytes = three_records(Put::LITTLE, MICROS);
    let second = 24 + 16 + 60;
    let third = second + 16 + 64;
    for len in second + 1..third {
        let info = scan("cut.pcap", &bytes[..len]).unwrap();
        let needed = if len < second + 16 { 16 } else { 16 + 64 };
        let got = u64::try_from(len - second).unwrap();
        assert_eq!(info.packets, 1, "cut to {len}");
        assert_eq!(info.tail, Some(Tail { offset: second as u64, needed, got }), "cut to {len}");
    }
    assert_eq!(scan("uncut.pcap", &bytes[..third]).unwrap().tail, None);
}

/// Two sections of different byte order; interfaces of different units; all kinds of packet.
fn sections() -> Vec<u8> {
    let mut bytes = Put::LITTLE.section();
    let name = Put::LITTLE.option(2, b"lan");
    bytes.extend(Put::LITTLE.interface(1, 0, &name));
    bytes.extend(Put::LITTLE.packet(6, 0, 2_000_001, &[1; 61], &[]));
    bytes.extend(Put::LITTLE.simple(100, &[2; 100]));
    let unit = Put::LITTLE.option(9, &[9]);
    let offset = Put::LITTLE.option(14, &3_i64.to_le_bytes());
    bytes.extend(Put::LITTLE.interface(1, 0, &[unit, offset].concat()));
    bytes.extend(Put::LITTLE.packet(2, 1, 5, &[3; 2], &[]));
    bytes.extend(Put::LITTLE.block(0x0bad, b"custom"));
    bytes.extend(Put::LITTLE.block(0x8000_0001, b"private"));

    bytes.extend(Put::BIG.section());
    bytes.extend(Put::BIG.interface(1, 64, &Put::BIG.option(9, &[0x80 | 1])));
    let flags = Put::BIG.option(2, &2_u32.to_be_bytes());
    let comments =
        [Put::BIG.option(1, b"one"), Put::BIG.option(1, "zw\u{f6}lf".as_bytes())].concat();
    bytes.extend(Put::BIG.packet(6, 0, 5, &[4; 64], &[flags, comments].concat()));
    bytes.extend(Put::BIG.simple(100, &[5; 64]));
    bytes
}

#[test]
fn pcapng_of_several_sections_units_and_kinds_of_packet_is_read() {
    let file = Scratch::new("sections.pcapng", &sections());
    let mut reader = CaptureReader::open(&file.0).unwrap();
    let seen = read_all(&mut reader).unwrap();
    let story: Vec<_> = seen.iter().map(|p| (p.index, p.time, p.interface, p.data.len())).collect();
    assert_eq!(
        story,
        [
            (1, 2_000_001_000, 0, 61),
            (2, 2_000_001_000, 0, 100),
            (3, 3_000_000_005, 1, 2),
            (4, 2_500_000_000, 2, 64),
            (5, 2_500_000_000, 2, 64),
        ]
    );
    assert_eq!(seen[3].comments, ["one", "zw\u{f6}lf"]);
    assert_eq!(seen[3].direction, Some(Direction::Out));
    assert_eq!(seen[4].orig_len, 100);
    assert_eq!(reader.interfaces()[0].name.as_deref(), Some("lan"));
    assert_eq!(reader.interfaces()[2].resolution.to_string(), "2^-1 s");

    let info = CaptureInfo::scan(&file.0).unwrap();
    assert_eq!((info.sections, info.untimed, info.snapped), (2, 2, 1));
    assert_eq!(info.interface_packets, [2, 1, 2]);
    assert_eq!(info.libpcap, Some("its sections differ in byte order"));
}

/// What is read of a packet at 5 units, of an interface with these options: its time, and what libpcap
/// has against it.
fn timed(options: &[(u16, &[u8])]) -> (u64, Option<&'static str>) {
    let options: Vec<_> = options.iter().map(|(code, v)| Put::LITTLE.option(*code, v)).collect();
    let mut bytes = Put::LITTLE.section();
    bytes.extend(Put::LITTLE.interface(1, 0, &options.concat()));
    bytes.extend(Put::LITTLE.packet(6, 0, 5, &[1; 60], &[]));
    let file = Scratch::new("timed.pcapng", &bytes);
    let mut reader = CaptureReader::open(&file.0).unwrap();
    let time = read_all(&mut reader).unwrap()[0].time;
    let info = CaptureInfo::scan(&file.0).unwrap();
    (time, info.libpcap)
}

#[test]
fn of_an_option_that_is_there_twice_the_first_counts_and_libpcap_takes_none() {
    const WHY: Option<&str> = Some("it says of an interface's times what libpcap does not take");
    let second = 3_i64.to_le_bytes();
    assert_eq!(timed(&[(9, &[9]), (14, &second)]), (3_000_000_005, None));
    assert_eq!(timed(&[(9, &[0]), (9, &[9])]), (5_000_000_000, WHY));
    assert_eq!(timed(&[(14, &second), (14, &[0; 8])]), (3_000_005_000, WHY));
    assert_eq!(timed(&[(9, &[9, 9])]), (5_000, WHY), "a unit of two bytes is none");
    // The finest units that libpcap knows, and one finer.
    assert_eq!([19, 0x80 | 63].map(|unit| timed(&[(9, &[unit])])), [(0, None); 2]);
    assert_eq!([20, 0x80 | 64].map(|unit| timed(&[(9, &[unit])])), [(0, WHY); 2]);
}

#[test]
fn pcapng_cut_inside_a_block_keeps_the_packets_before() {
    let bytes = sections();
    let last = bytes.len() - 80;
    for len in last + 1..bytes.len() {
        let info = scan("cut.pcapng", &bytes[..len]).unwrap();
        let needed = if len < last + 12 { 12 } else { 80 };
        let got = u64::try_from(len - last).unwrap();
        assert_eq!(info.packets, 4, "cut to {len}");
        assert_eq!(info.tail, Some(Tail { offset: last as u64, needed, got }), "cut to {len}");
    }
}

#[test]
fn a_gzipped_capture_is_read_and_its_digest_is_of_the_file() {
    let plain = three_records(Put::LITTLE, NANOS);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    let info = scan("whole.pcap.gz", &gzip).unwrap();
    assert_eq!((info.gzip, info.packets, info.file_len), (true, 3, gzip.len() as u64));
    assert_eq!(info.digest, xxhash_rust::xxh3::xxh3_128(&gzip));
    assert_eq!(info.libpcap, Some("it is gzipped"));
    let info = scan("whole.pcap", &plain).unwrap();
    assert_eq!(info.digest, xxhash_rust::xxh3::xxh3_128(&plain));
}

#[test]
fn a_frame_of_65535_bytes_is_carried() {
    let mut bytes = Put::LITTLE.pcap(MICROS, 0, 1);
    bytes.extend(Put::LITTLE.record((0, 0), 65_535, &[0; 65_535]));
    assert_eq!(scan("at-the-limit.pcap", &bytes).unwrap().largest, 65_535);
}
