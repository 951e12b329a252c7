//! Any bytes as a capture: read to an end or to an error that says where, and as `pcap-file` reads
//! them, where it does.

use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::PcapNgReader;
use pcap_file::pcapng::blocks::Block;
use sim::capture::{CaptureReader, Format, MAX_FRAME, Problem};
use std::path::Path;

/// A record: time in nanoseconds since 1970, length on the wire, bytes.
type Record = (u128, u32, Vec<u8>);

/// `bytes` are the file.
///
/// # Panics
/// An error does not say where, a record is what no record may be, or the two readers disagree.
pub fn check(bytes: &[u8]) {
    let mut reader = match CaptureReader::of(Path::new("fuzzed"), bytes.to_vec()) {
        Ok(reader) => reader,
        Err(error) => return says_where(&error.problem, &error.to_string()),
    };
    let gzip = bytes.starts_with(&[0x1f, 0x8b]);
    let (mut records, mut timed, mut offset) = (Vec::new(), true, 0);
    let whole = loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                assert_eq!(record.index, records.len() as u64 + 1, "numbered from 1");
                assert!(record.offset > offset, "one behind the other");
                assert!(gzip || record.offset < bytes.len() as u64, "within the file");
                assert!(record.data.len() <= MAX_FRAME as usize);
                assert!(record.comments().count() <= bytes.len() || gzip);
                offset = record.offset;
                timed &= record.timed;
                records.push((u128::from(record.time), record.orig_len, record.data.to_vec()));
            }
            Ok(None) => break true,
            Err(error) => {
                says_where(&error.problem, &error.to_string());
                break false;
            }
        }
    };
    assert!(!matches!(reader.next_record(), Ok(Some(_))), "the end stays the end");
    let interfaces = reader.interfaces().len();
    assert!(records.is_empty() || interfaces > 0, "a record has an interface");
    if let Some(tail) = reader.tail() {
        assert!(whole && tail.got < tail.needed && (gzip || tail.offset < bytes.len() as u64));
        return;
    }
    if whole && !gzip && timed {
        let theirs = match reader.format() {
            Format::Pcap => theirs_of_pcap(bytes, records.len()),
            Format::Pcapng => theirs_of_pcapng(bytes, records.len()),
        };
        assert!(theirs.is_none_or(|theirs| theirs == records), "pcap-file reads other records");
    }
}

/// An error about the bytes names one of them.
fn says_where(problem: &Problem, text: &str) {
    let about_all = matches!(problem, Problem::Empty | Problem::CutHeader { .. });
    let gzip = matches!(problem, Problem::Gzip { .. });
    assert!(about_all || gzip || text.contains("offset"), "{text}");
    assert!(text.contains("; ") && !text.contains('\n'), "one line, with a remedy: {text}");
    assert!(!matches!(problem, Problem::Unreadable(_) | Problem::NotAFile), "{text}");
}

/// What `pcap-file` reads, if it reads all of it. It refuses some that we take, and tells an error
/// over and over: one record more than ours is enough.
fn theirs_of_pcap(bytes: &[u8], most: usize) -> Option<Vec<Record>> {
    let mut reader = PcapReader::new(bytes).ok()?;
    let mut records = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.ok()?;
        records.push((packet.timestamp().as_nanos(), packet.orig_len(), packet.data().to_vec()));
        if records.len() > most {
            break;
        }
    }
    Some(records)
}

fn theirs_of_pcapng(bytes: &[u8], most: usize) -> Option<Vec<Record>> {
    let mut reader = PcapNgReader::new(bytes).ok()?;
    let mut records = Vec::new();
    while let Some(block) = reader.next_block() {
        let (block, _) = block.ok()?;
        match block {
            Block::EnhancedPacket(packet) => {
                let time = packet.timestamp.as_nanos();
                records.push((time, packet.original_len, packet.data.to_vec()));
            }
            // Without a time, or in a form that is obsolete.
            Block::SimplePacket(_) | Block::Packet(_) => return None,
            _ => {}
        }
        if records.len() > most {
            break;
        }
    }
    Some(records)
}
