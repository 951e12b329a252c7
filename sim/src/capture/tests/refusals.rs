//! What is not read, and what is said of it: the reason, the byte, the remedy.

use super::super::CaptureInfo;
use super::{Put, refusal};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;
use std::path::Path;

const MICROS: u32 = 0xa1b2_c3d4;

fn pcap(link: u32) -> Vec<u8> {
    Put::LITTLE.pcap(MICROS, 65_535, link)
}

fn pcapng() -> Vec<u8> {
    let mut bytes = Put::LITTLE.section();
    bytes.extend(Put::LITTLE.interface(1, 0, &[]));
    bytes
}

#[test]
fn a_refusal_is_one_line_with_the_file_in_front() {
    let error = CaptureInfo::scan(Path::new("no/such/file.pcap")).unwrap_err();
    insta::assert_snapshot!(error, @"no/such/file.pcap: cannot be read: No such file or directory (os error 2); check the path; it is relative to the current directory");
    let error = CaptureInfo::scan(Path::new("/")).unwrap_err();
    insta::assert_snapshot!(error, @"/: is not a regular file; a capture is read more than once: save it to a file and name that");
}

#[test]
fn what_is_no_capture_is_called_what_it_is() {
    let said: Vec<String> = [
        &b""[..],
        b"\x7fELF\x02\x01\x01",
        b"[ports]\nlan = {}\n",
        b"snoop\0\0\0\0\0\0\x02",
        b"\x34\xcd\xb2\xa1\x02\0\x04\0",
        b"\x28\xb5\x2f\xfd\x04\x00",
        b"\n\r\r\n\x1c\0\0\0????",
        b"\x00\x01\x02\x03\x04",
        b"\xd4\xc3\xb2\xa1\x02\0\x04\0",
    ]
    .iter()
    .map(|bytes| refusal("foreign", bytes))
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    is empty (0 bytes); record it again; `tcpdump -U` writes each packet at once
    is not a capture: a program (ELF) at offset 0; pcap and pcapng are read, plain or gzipped
    is not a capture: text at offset 0; name the capture itself, not a listing or a scenario
    is not a capture: a Solaris snoop capture at offset 0; convert it with `editcap -F pcapng OLD NEW`
    is not a capture: a "modified" pcap (Kuznetzov's) at offset 0; convert it with `editcap -F pcapng OLD NEW`
    is not a capture: zstd data at offset 0; unpack it with `zstd -d` first
    is not a capture: pcapng with a damaged byte order mark at offset 0; copy it again in binary mode
    is not a capture: the bytes 00 01 02 03 at offset 0; pcap and pcapng are read, plain or gzipped
    ends inside its header: 8 bytes of 24; record or copy it again: no packet is in it
    "#);
}

#[test]
fn link_types_other_than_ethernet_are_refused_by_name() {
    let mut said = vec![
        refusal("raw.pcap", &pcap(101)),
        refusal("sll.pcap", &pcap(113)),
        refusal("sll2.pcap", &pcap(276)),
        refusal("reserved.pcap", &pcap(0x0010_0001)),
        refusal("fcs.pcap", &pcap(0x2400_0001)),
    ];
    let mut mixed = pcapng();
    mixed.extend(Put::LITTLE.interface(0, 0, &[]));
    said.push(refusal("mixed.pcapng", &mixed));
    let mut fcs = Put::LITTLE.section();
    fcs.extend(Put::LITTLE.interface(1, 0, &Put::LITTLE.option(13, &[4])));
    said.push(refusal("fcs.pcapng", &fcs));
    insta::assert_snapshot!(said.join("\n"), @r"
    link type 101 (raw IP) at offset 20 is not Ethernet; re-capture on an Ethernet interface: a tunnel or tun device has no Ethernet header
    link type 113 (Linux cooked) at offset 20 is not Ethernet; it was captured with `-i any`: re-capture with `-i` and the name of one interface
    link type 276 (Linux cooked v2) at offset 20 is not Ethernet; it was captured with `-i any`: re-capture with `-i` and the name of one interface
    reserved bits of the link type are set: 0x00100001 at offset 20; the file header is damaged: copy it again
    frames carry a check sequence of 4 bytes (FCS), says offset 20; cut it off, 4 bytes for instance with `editcap -F nsecpcap -L -C -4 OLD NEW`
    interface 1 at offset 56 has link type 0 (BSD loopback), others are Ethernet; keep the Ethernet ones: `tcpdump` or `dumpcap` with one file for each interface
    frames carry a check sequence of 4 bytes (FCS), says offset 28; cut it off, 4 bytes for instance with `editcap -F nsecpcap -L -C -4 OLD NEW`
    ");
}

#[test]
fn an_fcs_length_of_zero_is_no_fcs() {
    assert_eq!(super::scan("no-fcs.pcap", &pcap(0x0400_0001)).unwrap().packets, 0);
}

#[test]
fn a_corrupt_record_is_no_cut_record() {
    let put = Put::LITTLE;
    let good = [pcap(1), put.record((0, 0), 60, &[0; 60])].concat();
    let fields = |caplen: u32, orig_len: u32| {
        [good.clone(), [1, 2, caplen, orig_len].map(|field| put.u32(field)).concat()].concat()
    };
    let mut long = good.clone();
    long.extend(put.record((0, 0), 65_536, &[0; 65_536]));
    let said = [
        refusal("huge.pcap", &fields(262_145, 262_145)),
        refusal("longer-than-the-frame.pcap", &fields(100, 60)),
        refusal("long.pcap", &long),
    ];
    insta::assert_snapshot!(said.join("\n"), @r"
    is corrupt: the record of packet 2 at offset 100 claims 262145 bytes, more than the limit of 262144; copy it again in binary mode, or keep the good packets with `editcap -r OLD NEW 1-1`
    is corrupt: the record of packet 2 at offset 100 claims 100 bytes of a frame of 60, and the file ends after 0; copy it again in binary mode, or keep the good packets with `editcap -r OLD NEW 1-1`
    packet 2 at offset 100 holds 65536 bytes, more than 65535; a DPDK pcap port cannot carry it: turn segmentation offloads off (`ethtool -K DEV tso off gso off gro off lro off`) and re-capture, or cut with `editcap -s 65535`
    ");
}

#[test]
fn a_corrupt_block_is_no_cut_block() {
    let put = Put::LITTLE;
    let with = |bytes: &[u8]| [&pcapng()[..], bytes].concat();
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|&word| put.u32(word)).collect() };
    let packet = put.packet(6, 0, 0, &[0; 60], &[]);
    let mut uneven = packet.clone();
    *uneven.last_mut().unwrap() = 1;
    let said = [
        refusal("short.pcapng", &with(&words(&[6, 8, 8]))),
        refusal("odd.pcapng", &with(&words(&[6, 13, 13]))),
        refusal("huge.pcapng", &with(&words(&[6, 0x7fff_fff0, 0]))),
        refusal("lengths.pcapng", &with(&uneven)),
        refusal("unknown-and-cut.pcapng", &with(&words(&[0x1234, 64, 0]))),
        refusal("cut-but-absurd.pcapng", &with(&words(&[6, 64, 0, 0, 0, 999, 999]))),
        refusal("fields.pcapng", &with(&put.block(6, &words(&[0, 0, 0, 61, 61, 0])))),
        refusal("no-fields.pcapng", &with(&put.block(6, &[]))),
        refusal("undeclared.pcapng", &with(&put.packet(6, 1, 0, &[], &[]))),
        refusal("time.pcapng", &with(&put.packet(6, 0, u64::MAX, &[], &[]))),
        refusal("option.pcapng", &with(&put.packet(6, 0, 0, &[], &words(&[0x0400_0001])))),
        refusal("version.pcapng", &put.block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 2, 0, 0]))),
        refusal("header.pcapng", &put.section()[..20]),
    ];
    insta::assert_snapshot!(said.join("\n"), @r"
    is corrupt: the pcapng block at offset 48 has the length 8, less than a block has; copy it again in binary mode; no packet is before that
    is corrupt: the pcapng block at offset 48 has the length 13, not a multiple of 4; copy it again in binary mode; no packet is before that
    is corrupt: the pcapng block at offset 48 has the length 2147483632, more than the limit of 16 MiB; copy it again in binary mode; no packet is before that
    is corrupt: the pcapng block at offset 48 says at its start that it has 92 bytes, at its end 16777308; copy it again in binary mode; no packet is before that
    is corrupt: the pcapng block at offset 48 has the unknown type 0x00001234 and a length of 64, and the file ends after 12; copy it again in binary mode; no packet is before that
    is corrupt: the record of packet 1 at offset 48 claims 999 bytes in a block of 64; copy it again in binary mode; no packet is before that
    is corrupt: the record of packet 1 at offset 48 claims 61 bytes in a block of 36; copy it again in binary mode; no packet is before that
    is corrupt: the record of packet 1 at offset 48 has 12 bytes, too few for a packet; copy it again in binary mode; no packet is before that
    packet 1 at offset 48 is of interface 1, but its section has declared 1; its writer is at fault, or blocks are missing: record or merge it again
    is corrupt: the record of packet 1 at offset 48 has a time before 1970 or after 2554; copy it again in binary mode; no packet is before that
    is corrupt: the record of packet 1 at offset 48 has an option that runs past its end; copy it again in binary mode; no packet is before that
    pcapng version 2.0 at offset 12 is not supported; record it again with today's tools: pcap 2.4 and pcapng 1.0 are read
    ends inside its header: 20 bytes of 28; record or copy it again: no packet is in it
    ");
}

#[test]
fn cut_gzip_data_is_refused() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&[pcap(1), vec![7; 100]].concat()).unwrap();
    let mut gzip = gzip.finish().unwrap();
    gzip.truncate(gzip.len() - 12);
    let said = refusal("cut.pcap.gz", &gzip);
    assert!(said.starts_with("the gzip data is cut or damaged after"), "{said}");
}

proptest! {
    /// Whatever the bytes, the reader ends, and stays within the file.
    #[test]
    fn a_damaged_file_never_panics_and_always_ends(
        big in any::<bool>(),
        ng in any::<bool>(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        let put = Put { big };
        let mut bytes = if ng { put.section() } else { put.pcap(MICROS, 0, 1) };
        if ng {
            bytes.extend(put.interface(1, 0, &put.option(2, b"lan")));
        }
        for len in [0, 14, 60] {
            let frame = vec![0; len];
            let block = || put.packet(6, 0, 1, &frame, &put.option(1, b"why"));
            bytes.extend(if ng { block() } else { put.record((1, 2), 60, &frame) });
        }
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let file = super::Scratch::new("damaged", &bytes);
        if let Ok(info) = CaptureInfo::scan(&file.0) {
            prop_assert!(info.bytes <= bytes.len() as u64);
        }
    }
}
