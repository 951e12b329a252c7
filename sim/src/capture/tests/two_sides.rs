//! The recorded router: two files, one for each side, and both in one.
//!
//! `PCAPS=write cargo test -p sim two_sides` makes the joined file anew after a recording.

use super::super::{CaptureInfo, CaptureReader, Direction, Frame, PcapngWriter};
use super::{Seen, read_all};
use std::path::{Path, PathBuf};

/// The sides, with the MAC of R's interface: what it says, R sent.
const SIDES: [(&str, [u8; 6]); 2] = [("lan", [2, 0, 0, 0, 0, 1]), ("wan", [2, 0, 0, 0, 0, 2])];

const ABOUT: &str = "A Linux router, both sides. Hosts, routes and how it was recorded: \
                     pcaps/README.md and fixtures/record/router.sh";

fn pcaps() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps")
}

/// The packets of both sides in order of time, the LAN first where times are equal.
fn joined() -> Vec<Seen> {
    let mut all = Vec::new();
    for (interface, (side, mac)) in (0..).zip(SIDES) {
        let file = pcaps().join(format!("router-{side}.pcap"));
        let mut packets = read_all(&mut CaptureReader::open(&file).unwrap()).unwrap();
        for packet in &mut packets {
            let sent = packet.data[6..12] == mac;
            packet.direction = Some(if sent { Direction::Out } else { Direction::In });
            packet.interface = interface;
        }
        all.append(&mut packets);
    }
    all.sort_by_key(|packet| packet.time);
    for (index, packet) in (1..).zip(&mut all) {
        packet.index = index;
    }
    all
}

#[test]
fn the_two_sides_are_the_files_of_each_side() {
    let packets = joined();
    let path = pcaps().join("router-two-sides.pcapng");
    if std::env::var("PCAPS").is_ok_and(|what| what == "write") {
        let file = std::fs::File::create(&path).unwrap();
        let mut writer =
            PcapngWriter::new(file, &SIDES.map(|(side, _)| side), Some(ABOUT)).unwrap();
        for packet in &packets {
            let frame = Frame {
                interface: packet.interface,
                time: packet.time,
                direction: packet.direction,
                orig_len: Some(packet.orig_len),
                segments: &[&packet.data],
                comments: &[],
            };
            writer.write(&frame).unwrap();
        }
        writer.finish().unwrap();
    }
    let mut reader = CaptureReader::open(&path).unwrap();
    assert_eq!(read_all(&mut reader).unwrap(), packets);
    let names: Vec<_> = reader.interfaces().iter().map(|each| each.name.as_deref()).collect();
    assert_eq!(names, [Some("lan"), Some("wan")]);

    let info = CaptureInfo::scan(&path).unwrap();
    assert_eq!((info.snapped, info.untimed, info.tail, info.libpcap), (0, 0, None, None));
    assert!(info.interface_packets.iter().all(|&packets| packets > 40));
    assert!(info.file_len < 300_000);
}
