//! One record after the other, whatever the format.

use super::bytes::{ByteOrder, Resolution};
use super::error::{CaptureError, Problem};
use super::info::Format;
use super::pcap::{self, Pcap};
use super::pcapng::{self, Pcapng};
use super::source::Source;
use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A packet of a capture. Its bytes are valid until the next one is read.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Number of the packet, from 1: Wireshark's frame number, unless the file has pcapng custom
    /// blocks, which Wireshark counts as frames and we do not.
    pub index: u64,
    /// Where its record begins in the file.
    pub offset: u64,
    /// Nanoseconds since 1970. A packet without a time (pcapng's simple packet blocks) has that of
    /// the packet before it, or 0.
    pub time: u64,
    /// Whether the file gives this packet a time.
    pub timed: bool,
    /// Index of its interface among [`CaptureReader::interfaces`].
    pub interface: u32,
    /// Which way it passed the interface, where the file says so.
    pub direction: Option<Direction>,
    /// Length of the frame on the wire, as recorded. More than `data` when the capture is snapped;
    /// odd files have less.
    pub orig_len: u32,
    /// The frame, as far as it was captured.
    pub data: &'a [u8],
    options: &'a [u8],
    order: ByteOrder,
}

/// Which way a frame passed an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The interface received it.
    In,
    /// The interface sent it.
    Out,
}

/// An interface of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, where the file says it: only pcapng does.
    pub name: Option<String>,
    /// Its link type. 1 is Ethernet, and others are refused.
    pub link_type: u16,
    /// Bytes captured of each frame, at most; 0: no limit.
    pub snaplen: u32,
    /// The unit of its times.
    pub resolution: Resolution,
    pub(super) offset_seconds: i64,
    /// Whether libpcap, too, takes what the file says of these times.
    pub(super) libpcap: bool,
}

/// A file ends inside a record: its writer was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Where the cut record begins.
    pub offset: u64,
    /// Bytes the record needs: of its header only, when the cut is in there.
    pub needed: u64,
    /// Bytes of it that are there.
    pub got: u64,
}

/// Reads a capture from front to back.
pub struct CaptureReader {
    path: PathBuf,
    source: Source,
    decoder: Decoder,
    interfaces: Vec<Interface>,
    packets: u64,
    time: u64,
    tail: Option<Tail>,
    done: bool,
}

enum Decoder {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// What a decoder came upon.
pub(super) enum Step {
    Packet(Found),
    Tail(Tail),
    End,
}

/// A packet, its bytes given by their place in the source's window.
pub(super) struct Found {
    pub(super) offset: u64,
    pub(super) time: Option<u64>,
    pub(super) interface: u32,
    pub(super) direction: Option<Direction>,
    pub(super) orig_len: u32,
    pub(super) data: Range<usize>,
    pub(super) options: Range<usize>,
}

impl CaptureReader {
    /// Opens a capture and reads its header.
    pub fn open(path: &Path) -> Result<CaptureReader, CaptureError> {
        CaptureReader::open_with(path, false).map_err(|problem| fail(path, problem))
    }

    /// Reads what a file called `path` would hold. Nothing is read from the disk.
    pub fn of(path: &Path, bytes: Vec<u8>) -> Result<CaptureReader, CaptureError> {
        CaptureReader::begin(path, Source::of(bytes)).map_err(|problem| fail(path, problem))
    }

    pub(super) fn open_with(path: &Path, digest: bool) -> Result<CaptureReader, Problem> {
        CaptureReader::begin(path, Source::open(path, digest)?)
    }

    fn begin(path: &Path, mut source: Source) -> Result<CaptureReader, Problem> {
        let got = source.fill(pcapng::SECTION_HEADER)?;
        let start = source.peek(got);
        if start.is_empty() {
            return Err(Problem::Empty);
        }
        let (decoder, interfaces) = if let Some(magic) = pcap::magic(start) {
            let (pcap, interface) = Pcap::open(&mut source, magic)?;
            (Decoder::Pcap(pcap), vec![interface])
        } else if pcapng::is_magic(start) {
            (Decoder::Pcapng(Pcapng::open(&mut source)?), Vec::new())
        } else {
            return Err(Problem::not_a_capture(start));
        };
        let path = path.to_owned();
        let (packets, time, tail) = (0, 0, None);
        Ok(CaptureReader { path, source, decoder, interfaces, packets, time, tail, done: false })
    }

    /// The next packet; nothing at the end, and nothing after an error.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        if self.done {
            return Ok(None);
        }
        match self.advance() {
            Ok(Step::Packet(found)) => Ok(Some(self.record(found))),
            Ok(Step::End) => {
                self.done = true;
                Ok(None)
            }
            Ok(Step::Tail(tail)) => {
                self.done = true;
                self.tail = Some(tail);
                Ok(None)
            }
            Err(problem) => {
                self.done = true;
                Err(fail(&self.path, problem.after(self.packets)))
            }
        }
    }

    /// The interfaces met so far: all of them once the last record is read. A pcap file has one.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// After the last record: where the file is cut, if it is.
    pub fn tail(&self) -> Option<Tail> {
        self.tail
    }

    /// pcap or pcapng.
    pub fn format(&self) -> Format {
        match self.decoder {
            Decoder::Pcap(_) => Format::Pcap,
            Decoder::Pcapng(_) => Format::Pcapng,
        }
    }

    /// The byte order: in pcapng that of the section being read.
    pub fn byte_order(&self) -> ByteOrder {
        match &self.decoder {
            Decoder::Pcap(pcap) => pcap.order,
            Decoder::Pcapng(pcapng) => pcapng.order,
        }
    }

    pub(super) fn sections(&self) -> u32 {
        match &self.decoder {
            Decoder::Pcap(_) => 1,
            Decoder::Pcapng(pcapng) => pcapng.sections,
        }
    }

    pub(super) fn source(&mut self) -> &mut Source {
        &mut self.source
    }

    fn advance(&mut self) -> Result<Step, Problem> {
        let index = self.packets + 1;
        match &mut self.decoder {
            Decoder::Pcap(pcap) => pcap.advance(&mut self.source, index),
            Decoder::Pcapng(pcapng) => {
                pcapng.advance(&mut self.source, &mut self.interfaces, index)
            }
        }
    }

    fn record(&mut self, found: Found) -> Record<'_> {
        self.packets += 1;
        self.time = found.time.unwrap_or(self.time);
        Record {
            index: self.packets,
            offset: found.offset,
            time: self.time,
            timed: found.time.is_some(),
            interface: found.interface,
            direction: found.direction,
            orig_len: found.orig_len,
            data: self.source.bytes(found.data),
            options: self.source.bytes(found.options),
            order: self.byte_order(),
        }
    }
}

impl<'a> Record<'a> {
    /// The packet's comments, in order: pcapng has them, pcap never.
    pub fn comments(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        pcapng::Options::new(self.options, self.order)
            .filter_map(Result::ok)
            .filter(|option| option.code == pcapng::OPT_COMMENT)
            .map(|option| String::from_utf8_lossy(option.value))
    }

    /// Whether only the front of the frame was captured.
    pub fn is_snapped(&self) -> bool {
        self.data.len() < self.orig_len as usize
    }
}

impl Interface {
    pub(super) fn new(
        name: Option<String>,
        link_type: u16,
        snaplen: u32,
        resolution: Resolution,
    ) -> Interface {
        Interface { name, link_type, snaplen, resolution, offset_seconds: 0, libpcap: true }
    }
}

impl Tail {
    pub(super) fn new(offset: u64, needed: usize, got: usize) -> Tail {
        Tail { offset, needed: needed as u64, got: got as u64 }
    }
}

pub(super) fn fail(path: &Path, problem: Problem) -> CaptureError {
    CaptureError { path: path.to_owned(), problem: Box::new(problem) }
}
