//! Whole files: what is read from them, and what is said of those that cannot be.

mod corpus;
mod files;
mod refusals;
mod two_sides;
mod writing;

use super::{CaptureError, CaptureInfo, CaptureReader, Direction, Problem};
use std::fs;
use std::path::PathBuf;

/// A file of this test alone, removed when it goes out of scope.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Scratch {
        let file = format!("lockstep-capture-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(file);
        fs::write(&path, bytes).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind is a small file in the temporary directory.
        let _ = fs::remove_file(&self.0);
    }
}

/// A record as a value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    index: u64,
    time: u64,
    interface: u32,
    direction: Option<Direction>,
    orig_len: u32,
    data: Vec<u8>,
    comments: Vec<String>,
}

fn read_all(reader: &mut CaptureReader) -> Result<Vec<Seen>, CaptureError> {
    let mut seen = Vec::new();
    while let Some(record) = reader.next_record()? {
        seen.push(Seen {
            index: record.index,
            time: record.time,
            interface: record.interface,
            direction: record.direction,
            orig_len: record.orig_len,
            data: record.data.to_vec(),
            comments: record.comments().map(std::borrow::Cow::into_owned).collect(),
        });
    }
    Ok(seen)
}

/// What a file of these bytes says.
fn scan(name: &str, bytes: &[u8]) -> Result<CaptureInfo, CaptureError> {
    CaptureInfo::scan(&Scratch::new(name, bytes).0)
}

/// Why a file of these bytes is refused, without the path.
fn refusal(name: &str, bytes: &[u8]) -> String {
    let problem: Problem = *scan(name, bytes).unwrap_err().problem;
    format!("{problem}; {}", problem.remedy())
}

/// The number formats of one byte order.
#[derive(Clone, Copy)]
struct Put {
    big: bool,
}

impl Put {
    const LITTLE: Put = Put { big: false };
    const BIG: Put = Put { big: true };

    fn u32(self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u16(self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn pcap(self, magic: u32, snaplen: u32, link: u32) -> Vec<u8> {
        let mut bytes = self.u32(magic).to_vec();
        bytes.extend(self.u16(2));
        bytes.extend(self.u16(4));
        for field in [0, 0, snaplen, link] {
            bytes.extend(self.u32(field));
        }
        bytes
    }

    fn record(self, (seconds, fraction): (u32, u32), orig_len: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in [seconds, fraction, len_of(data), orig_len] {
            bytes.extend(self.u32(field));
        }
        bytes.extend_from_slice(data);
        bytes
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let len = u32::try_from(padded + 12).unwrap();
        let mut bytes = self.u32(kind).to_vec();
        bytes.extend(self.u32(len));
        bytes.extend_from_slice(body);
        bytes.resize(8 + padded, 0);
        bytes.extend(self.u32(len));
        bytes
    }

    fn section(self) -> Vec<u8> {
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = self.u16(code).to_vec();
        bytes.extend(self.u16(u16::try_from(value.len()).unwrap()));
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn interface(self, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
        let mut body = self.u16(link).to_vec();
        body.extend([0, 0]);
        body.extend(self.u32(snaplen));
        body.extend_from_slice(options);
        self.block(1, &body)
    }

    /// An enhanced packet block, or its forerunner (2), which has 16 bits for the interface.
    fn packet(self, kind: u32, interface: u16, time: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
        let mut body = match kind {
            2 => [self.u16(interface), self.u16(0)].concat(),
            _ => self.u32(u32::from(interface)).to_vec(),
        };
        let units = [time >> 32, time & 0xffff_ffff].map(|half| u32::try_from(half).unwrap());
        for field in [units[0], units[1], len_of(data), len_of(data)] {
            body.extend(self.u32(field));
        }
        body.extend_from_slice(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend_from_slice(options);
        self.block(kind, &body)
    }

    fn simple(self, orig_len: u32, data: &[u8]) -> Vec<u8> {
        let mut body = self.u32(orig_len).to_vec();
        body.extend_from_slice(data);
        self.block(3, &body)
    }
}

fn len_of(data: &[u8]) -> u32 {
    u32::try_from(data.len()).unwrap()
}
