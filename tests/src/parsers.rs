//! Second parsers: every frame that leaves the box in one of our scenarios, and every frame of our
//! captures, is the same to the dataplane's own parsers, to etherparse and to tshark; and every
//! capture has the same records for our reader and for pcap-file.
//!
//! A frame is told in one line of addresses, tags, lengths, identification, offset, flags, TTL,
//! protocol and whether the header checksum is right. tshark is asked only where it is installed.

use crate::cli::repository;
use dataplane::PortId;
use dataplane::wire::ethernet::{self, EtherType};
use dataplane::wire::ipv4::{View, check_options};
use dataplane::wire::{arp, vlan};
use etherparse::checksum::Sum16BitWords;
use etherparse::{ArpPacketSlice, Ethernet2HeaderSlice, Ipv4HeaderSlice, SingleVlanHeaderSlice};
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::PcapNgReader;
use pcap_file::pcapng::blocks::Block;
use sim::capture::{CaptureReader, Format, Frame, PcapngWriter};
use sim::plan::{Backend, Pace};
use sim::run::simulate;
use sim::scenario::{Overrides, Scenario};
use sim::trace::{Observer, Passing, Way};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the dataplane's parsers say of a frame.
fn ours(frame: &[u8]) -> String {
    let Ok(header) = ethernet::Header::parse(frame) else { return "runt".to_owned() };
    let mut told = format!("{} > {}", header.src, header.dst);
    let (mut kind, mut frame) = (header.ether_type, frame.to_vec());
    while let (EtherType::VLAN, Ok(tag)) = (kind, vlan::Tag::parse(&frame)) {
        let _ = write!(told, " vlan {}", tag.vid);
        vlan::untag(&mut frame);
        frame.drain(..vlan::TAG_LEN);
        kind = tag.ether_type;
    }
    let body = &frame[ethernet::HEADER_LEN..];
    match kind {
        EtherType::ARP => match arp::Packet::parse(body) {
            Ok(arp) => {
                let (who, whom) = (arp.sender_ip, arp.target_ip);
                let _ = write!(told, " arp {} {who} {whom}", u16::from(arp.operation));
            }
            Err(_) => told += " no arp",
        },
        EtherType::IPV4 => match View::new(body) {
            Ok(ip) => {
                let _ = write!(
                    told,
                    " ip {} > {} len {} id {} off {} df {} mf {} ttl {} proto {} tos {} sum {}",
                    ip.src(),
                    ip.dst(),
                    ip.total_len(),
                    ip.id(),
                    ip.fragment_offset().bytes(),
                    u8::from(ip.dont_fragment()),
                    u8::from(ip.more_fragments()),
                    ip.ttl(),
                    ip.protocol().0,
                    ip.tos(),
                    u8::from(ip.checksum_ok()),
                );
            }
            Err(_) => told += " no ip",
        },
        other => {
            let _ = write!(told, " type {}", other.0);
        }
    }
    told
}

/// What etherparse says.
fn etherparse(frame: &[u8]) -> String {
    let Ok(header) = Ethernet2HeaderSlice::from_slice(frame) else { return "runt".to_owned() };
    let mac = |bytes: [u8; 6]| dataplane::Mac(bytes).to_string();
    let mut told = format!("{} > {}", mac(header.source()), mac(header.destination()));
    let (mut kind, mut rest) = (header.ether_type(), &frame[14..]);
    while kind.0 == 0x8100
        && let Ok(tag) = SingleVlanHeaderSlice::from_slice(rest)
    {
        let _ = write!(told, " vlan {}", tag.vlan_identifier().value());
        (kind, rest) = (tag.ether_type(), &rest[4..]);
    }
    let address = |bytes: &[u8]| std::net::Ipv4Addr::from(<[u8; 4]>::try_from(bytes).unwrap());
    match kind.0 {
        0x0806 => match ArpPacketSlice::from_slice(rest) {
            Ok(arp) if (arp.hw_addr_size(), arp.proto_addr_size()) == (6, 4) => {
                let (who, whom) = (arp.sender_protocol_addr(), arp.target_protocol_addr());
                let (who, whom) = (address(who), address(whom));
                let _ = write!(told, " arp {} {who} {whom}", arp.operation().0);
            }
            _ => told += " no arp",
        },
        0x0800 => match Ipv4HeaderSlice::from_slice(rest) {
            Ok(ip) => {
                // Its header has no place for the reserved bit: over the bytes, then.
                let sum = Sum16BitWords::new().add_slice(ip.slice());
                let right = sum.ones_complement() == 0;
                let _ = write!(
                    told,
                    " ip {} > {} len {} id {} off {} df {} mf {} ttl {} proto {} tos {} sum {}",
                    ip.source_addr(),
                    ip.destination_addr(),
                    ip.total_len(),
                    ip.identification(),
                    ip.fragments_offset().value() * 8,
                    u8::from(ip.dont_fragment()),
                    u8::from(ip.more_fragments()),
                    ip.ttl(),
                    ip.protocol().0,
                    ip.dcp().value() << 2 | ip.ecn().value(),
                    u8::from(right),
                );
            }
            Err(_) => told += " no ip",
        },
        other => {
            let _ = write!(told, " type {other}");
        }
    }
    told
}

/// Whether a frame is one that a well-behaved router sends: no other may leave the box.
fn well_formed(frame: &[u8]) -> bool {
    let told = ours(frame);
    let no_option_is_wrong = || {
        let tags = told.matches(" vlan ").count() * 4;
        View::new(&frame[14 + tags..]).is_ok_and(|ip| {
            let whole = ip.check_lengths(frame.len() - 14 - tags).is_ok();
            whole && check_options(ip.options()).is_ok()
        })
    };
    match told.contains(" ip ") {
        true => told.ends_with("sum 1") && no_option_is_wrong() && !told.contains(" ttl 0 "),
        false => told.contains(" arp "),
    }
}

/// The frames that leave the box.
#[derive(Default)]
struct Left(Vec<(PortId, Vec<u8>)>);

impl Observer for Left {
    fn frame(&mut self, frame: &Passing<'_>) {
        if frame.way == Way::Out {
            self.0.push((frame.port, frame.bytes.to_vec()));
        }
    }
}

fn in_folder(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join(folder)).unwrap().flatten();
    let paths = entries.map(|entry| entry.path());
    let ends = |path: &PathBuf| path.extension().is_some_and(|e| endings.iter().any(|x| e == *x));
    let mut paths: Vec<_> = paths.filter(ends).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{folder}");
    paths
}

/// What leaves the box in each of our scenarios. Nothing is said of what goes to a kernel: it is
/// copied as it came.
fn emitted() -> Vec<(String, Vec<Vec<u8>>)> {
    let run = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut plan = Scenario::load(&path, &Overrides::default()).unwrap().plan;
        if name.starts_with("load") || name.starts_with("idle") {
            // These are long, and each frame is like the others.
            plan.until = Some(dataplane::Nanos::from_millis(20));
        }
        let (_, left) = simulate(&plan, Backend::Heap, Pace::Skip, Left::default()).unwrap();
        let frames = left.0.into_iter().filter(|(port, _)| !plan.config.is_kni(*port));
        (name, frames.map(|(_, frame)| frame).collect())
    };
    in_folder("fixtures/scenarios", &["toml"]).into_iter().map(run).collect()
}

#[test]
fn etherparse_reads_in_each_frame_that_we_send_what_we_read() {
    let mut all = 0;
    for (name, frames) in emitted() {
        all += frames.len();
        for frame in frames {
            assert_eq!(ours(&frame), etherparse(&frame), "{name}: {frame:02x?}");
            assert!(well_formed(&frame), "{name}: {} {frame:02x?}", ours(&frame));
        }
    }
    assert!(all > 100, "{all} frames");
}

#[test]
fn etherparse_reads_in_each_frame_of_our_captures_what_we_read() {
    for path in in_folder("pcaps", &["pcap", "pcapng"]) {
        let mut reader = CaptureReader::open(&path).unwrap();
        while let Some(record) = reader.next_record().unwrap() {
            let place = format!("{} packet {}", path.display(), record.index);
            assert_eq!(ours(record.data), etherparse(record.data), "{place}");
        }
    }
}

#[test]
fn pcap_file_reads_the_records_of_our_captures_as_we_do() {
    for path in in_folder("pcaps", &["pcap", "pcapng"]) {
        let bytes = std::fs::read(&path).unwrap();
        let mut theirs = Vec::new();
        let mut reader = CaptureReader::open(&path).unwrap();
        match reader.format() {
            Format::Pcap => {
                let mut reader = PcapReader::new(&bytes[..]).unwrap();
                while let Some(packet) = reader.next_packet() {
                    let packet = packet.unwrap();
                    let time = packet.timestamp().as_nanos();
                    theirs.push((time, packet.orig_len(), packet.data().to_vec()));
                }
            }
            Format::Pcapng => {
                let mut reader = PcapNgReader::new(&bytes[..]).unwrap();
                while let Some(block) = reader.next_block() {
                    if let Block::EnhancedPacket(packet) = block.unwrap().0 {
                        let time = packet.timestamp.as_nanos();
                        theirs.push((time, packet.original_len, packet.data.to_vec()));
                    }
                }
            }
        }
        let mut read = Vec::new();
        while let Some(record) = reader.next_record().unwrap() {
            read.push((u128::from(record.time), record.orig_len, record.data.to_vec()));
        }
        assert_eq!(read, theirs, "{}", path.display());
    }
}

/// What tshark says of each frame of a capture, in our words, and what it complains about. Of several
/// values of a field the first counts: an ICMP error quotes another header.
fn tshark(path: &Path) -> Vec<(String, String)> {
    const FIELDS: [&str; 18] = [
        "eth.src",
        "eth.dst",
        "vlan.id",
        "arp.opcode",
        "arp.src.proto_ipv4",
        "arp.dst.proto_ipv4",
        "ip.src",
        "ip.dst",
        "ip.len",
        "ip.id",
        "ip.frag_offset",
        "ip.flags.df",
        "ip.flags.mf",
        "ip.ttl",
        "ip.proto",
        "ip.dsfield",
        "ip.checksum.status",
        "_ws.malformed",
    ];
    let mut command = Command::new("tshark");
    // What UDP carries in our frames is no DNS, whatever its port.
    command.args(["--disable-protocol", "dns", "-n"]);
    command.args(["-o", "ip.check_checksum:TRUE", "-o", "ip.defragment:FALSE"]);
    command.args(["-T", "fields", "-E", "occurrence=a", "-E", "separator=|", "-r"]).arg(path);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(told_by_tshark).collect()
}

fn told_by_tshark(line: &str) -> (String, String) {
    let cells: Vec<&str> = line.split('|').collect();
    let first = |n: usize| cells[n].split(',').next().unwrap_or_default();
    let number = |n: usize| {
        let text = first(n);
        let parsed = match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        };
        match (text, parsed) {
            ("True", _) => 1,
            (_, number) => number.unwrap_or(0),
        }
    };
    let mut told = format!("{} > {}", first(0), first(1));
    for vid in cells[2].split(',').filter(|vid| !vid.is_empty()) {
        let _ = write!(told, " vlan {vid}");
    }
    if !first(6).is_empty() {
        let _ = write!(
            told,
            " ip {} > {} len {} id {} off {} df {} mf {} ttl {} proto {} tos {} sum {}",
            first(6),
            first(7),
            number(8),
            number(9),
            // In blocks of 8 bytes, as in the header.
            number(10) * 8,
            number(11),
            number(12),
            number(13),
            number(14),
            number(15),
            number(16),
        );
    } else if !first(3).is_empty() {
        let _ = write!(told, " arp {} {} {}", number(3), first(4), first(5));
    }
    (told, cells[17].to_owned())
}

/// Whether there is tshark; says so if there is not.
fn has_tshark() -> bool {
    let there = Command::new("tshark").arg("--version").output();
    let there = there.is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: tshark is not installed");
    }
    there
}

#[test]
fn tshark_reads_in_each_frame_of_our_captures_what_we_read() {
    if !has_tshark() {
        return;
    }
    for path in in_folder("pcaps", &["pcap", "pcapng"]) {
        let mut told = tshark(&path).into_iter();
        let mut reader = CaptureReader::open(&path).unwrap();
        while let Some(record) = reader.next_record().unwrap() {
            let place = format!("{} packet {}", path.display(), record.index);
            assert_eq!(Some(ours(record.data)), told.next().map(|(told, _)| told), "{place}");
        }
        assert_eq!(told.next(), None, "{}", path.display());
    }
}

#[test]
fn tshark_reads_in_each_frame_that_we_send_what_we_read() {
    if !has_tshark() {
        return;
    }
    for (name, frames) in emitted() {
        let path = std::env::temp_dir().join(format!("lockstep-tshark-{}", std::process::id()));
        let mut writer = PcapngWriter::new(Vec::new(), &["out"], None).unwrap();
        for (time, bytes) in (0..).zip(&frames) {
            let (interface, direction, orig_len) = (0, None, None);
            let (segments, comments) = (&[bytes.as_slice()][..], &[][..]);
            let frame = Frame { interface, time, direction, orig_len, segments, comments };
            writer.write(&frame).unwrap();
        }
        std::fs::write(&path, writer.finish().unwrap()).unwrap();
        let told = tshark(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(told.len(), frames.len(), "{name}");
        for (frame, (told, malformed)) in frames.iter().zip(told) {
            assert_eq!(ours(frame), told, "{name}: {frame:02x?}");
            assert_eq!(malformed, "", "{name}: {told} {frame:02x?}");
        }
    }
}
