//! What is written, read back by ourselves and by somebody else.

use super::super::{CaptureInfo, CaptureReader, Direction, Frame, PcapngWriter};
use super::{Scratch, Seen, read_all};
use fixtures::{ALICE, BOB, any_frame, arp_request, udp};
use pcap_file::pcapng::PcapNgReader;
use pcap_file::pcapng::blocks::Block;
use proptest::prelude::*;

fn write(frames: &[Seen]) -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new(), &["lan", "wan"], Some("a run")).unwrap();
    for frame in frames {
        let (front, back) = frame.data.split_at(frame.data.len() / 3);
        let comments: Vec<&str> = frame.comments.iter().map(String::as_str).collect();
        let frame = Frame {
            interface: frame.interface,
            time: frame.time,
            direction: frame.direction,
            orig_len: Some(frame.orig_len),
            segments: &[front, &[], back],
            comments: &comments,
        };
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap()
}

fn seen(index: u64, data: Vec<u8>, direction: Option<Direction>, comments: &[&str]) -> Seen {
    Seen {
        index,
        time: 1_700_000_000_123_456_789 + index,
        interface: u32::try_from(index % 2).unwrap(),
        direction,
        orig_len: u32::try_from(data.len()).unwrap(),
        data,
        comments: comments.iter().map(|&comment| comment.to_owned()).collect(),
    }
}

#[test]
fn another_reader_sees_the_same_frames() {
    let frames = [
        seen(1, arp_request(ALICE, BOB).build(), Some(Direction::In), &["tick=1", "why"]),
        seen(2, udp(ALICE, BOB).build(), Some(Direction::Out), &[]),
        seen(3, vec![1, 2, 3], None, &["lone"]),
    ];
    let bytes = write(&frames);
    let mut reader = PcapNgReader::new(&bytes[..]).unwrap();
    let mut read = Vec::new();
    while let Some(block) = reader.next_block() {
        let (block, _) = block.unwrap();
        if let Block::EnhancedPacket(packet) = block {
            read.push((packet.data.to_vec(), packet.timestamp.as_nanos(), packet.options.len()));
        }
    }
    let wanted: Vec<_> = frames
        .iter()
        .map(|f| {
            let options = f.comments.len() + usize::from(f.direction.is_some());
            (f.data.clone(), u128::from(f.time), options)
        })
        .collect();
    assert_eq!(read, wanted);
}

#[test]
fn the_header_names_the_program_and_nothing_else() {
    let bytes = write(&[]);
    let text = String::from_utf8_lossy(&bytes);
    let version = concat!("lockstep ", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(version) && text.contains("a run"));
    assert_eq!(bytes.len(), 8 + 16 + 12 + 4 + 14_usize.next_multiple_of(4) + 4 + 4 + 2 * 40);
}

#[test]
fn a_comment_that_is_too_long_is_cut_between_characters() {
    let long = "\u{fc}".repeat(40_000);
    let bytes = write(&[seen(1, vec![0; 60], None, &["", &long])]);
    let file = Scratch::new("comment.pcapng", &bytes);
    let read = read_all(&mut CaptureReader::open(&file.0).unwrap()).unwrap();
    assert_eq!(read[0].comments, [&long[..65_534]]);
}

#[test]
#[should_panic(expected = "a frame is of a declared interface")]
fn a_frame_of_no_interface_is_a_bug() {
    let mut frame = seen(1, vec![], None, &[]);
    frame.interface = 2;
    write(&[frame]);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        packets in proptest::collection::vec(
            (any_frame(), any::<u64>(), 0..2_u32, 0..3_usize, 0..9_u32, "[a-z=]{0,9}"),
            0..20,
        ),
    ) {
        let frames: Vec<Seen> = (1..)
            .zip(packets)
            .map(|(index, (data, time, interface, direction, more, comment))| Seen {
                index,
                time,
                interface,
                direction: [None, Some(Direction::In), Some(Direction::Out)][direction],
                orig_len: u32::try_from(data.len()).unwrap() + more,
                data,
                comments: [comment].into_iter().filter(|comment| !comment.is_empty()).collect(),
            })
            .collect();
        let bytes = write(&frames);
        prop_assert_eq!(&bytes, &write(&frames));
        let file = Scratch::new("back.pcapng", &bytes);
        let mut reader = CaptureReader::open(&file.0).unwrap();
        prop_assert_eq!(read_all(&mut reader).unwrap(), frames);
        prop_assert_eq!(CaptureInfo::scan(&file.0).unwrap().libpcap, None);
    }
}
