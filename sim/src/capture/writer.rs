//! pcapng out: the same packets give the same bytes, on each machine and each day.
//!
//! Little-endian, nanoseconds, no host, no operating system, no date. Not here: custom blocks,
//! which Wireshark would count as frames.

use super::reader::Direction;
use super::{ETHERNET, MAX_RECORD};
use std::io::{self, Write};

/// Bytes gathered before they go out.
const CHUNK: usize = 64 * 1024;

const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;
const IF_NAME: u16 = 2;
const EPB_FLAGS: u16 = 2;
const SHB_USERAPPL: u16 = 4;
const IF_TSRESOL: u16 = 9;

/// A frame to be written.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Index of its interface in the list the writer was made with.
    pub interface: u32,
    /// Nanoseconds since 1970.
    pub time: u64,
    /// Which way it passed the interface.
    pub direction: Option<Direction>,
    /// Its length on the wire, if that is more than is here.
    pub orig_len: Option<u32>,
    /// Its bytes, one segment after the other.
    pub segments: &'a [&'a [u8]],
    /// What to say of it. An empty comment is left out, one of more than 65535 bytes cut.
    pub comments: &'a [&'a str],
}

/// Writes pcapng. Call [`finish`](PcapngWriter::finish), or the last packets are lost.
#[must_use = "the last packets go out with finish()"]
pub struct PcapngWriter<W: Write> {
    out: W,
    chunk: Vec<u8>,
    interfaces: u32,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a file with Ethernet interfaces of these names, and a comment on the whole.
    pub fn new(out: W, interfaces: &[&str], comment: Option<&str>) -> io::Result<PcapngWriter<W>> {
        let count = u32::try_from(interfaces.len()).unwrap_or(u32::MAX);
        let chunk = Vec::with_capacity(2 * CHUNK);
        let mut writer = PcapngWriter { out, chunk, interfaces: count };
        writer.section(comment);
        for name in interfaces {
            writer.interface(name);
        }
        writer.send_full()?;
        Ok(writer)
    }

    /// Writes one frame. Its interface must be one of the list, its length at most 262144.
    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        assert!(frame.interface < self.interfaces, "a frame is of a declared interface");
        let len: usize = frame.segments.iter().map(|segment| segment.len()).sum();
        assert!(len <= MAX_RECORD as usize, "a frame is no longer than readers take");
        let caplen = u32::try_from(len).unwrap_or(u32::MAX);
        let [t0, t1, t2, t3, t4, t5, t6, t7] = frame.time.to_le_bytes();

        let start = self.begin(6);
        let mut fields = [0; 20];
        fields[0..4].copy_from_slice(&frame.interface.to_le_bytes());
        fields[4..12].copy_from_slice(&[t4, t5, t6, t7, t0, t1, t2, t3]);
        fields[12..16].copy_from_slice(&caplen.to_le_bytes());
        fields[16..20].copy_from_slice(&frame.orig_len.unwrap_or(caplen).to_le_bytes());
        self.chunk.extend_from_slice(&fields);
        for segment in frame.segments {
            self.chunk.extend_from_slice(segment);
        }
        self.pad(len);
        let flags = match frame.direction {
            None => 0_u32,
            Some(Direction::In) => 1,
            Some(Direction::Out) => 2,
        };
        if flags != 0 {
            self.option(EPB_FLAGS, &flags.to_le_bytes());
        }
        for comment in frame.comments {
            self.comment(comment);
        }
        if flags != 0 || !frame.comments.is_empty() {
            self.option(OPT_END, &[]);
        }
        self.end(start);
        self.send_full()
    }

    /// Sends what is still here, and gives back what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&self.chunk)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn section(&mut self, comment: Option<&str>) {
        let start = self.begin(0x0a0d_0d0a);
        self.chunk.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        self.chunk.extend_from_slice(&[1, 0, 0, 0]);
        self.chunk.extend_from_slice(&u64::MAX.to_le_bytes());
        self.comment(comment.unwrap_or_default());
        self.option(SHB_USERAPPL, concat!("lockstep ", env!("CARGO_PKG_VERSION")).as_bytes());
        self.option(OPT_END, &[]);
        self.end(start);
    }

    fn interface(&mut self, name: &str) {
        let start = self.begin(1);
        self.chunk.extend_from_slice(&ETHERNET.to_le_bytes());
        self.chunk.extend_from_slice(&[0; 2]);
        self.chunk.extend_from_slice(&MAX_RECORD.to_le_bytes());
        self.option(IF_NAME, name.as_bytes());
        self.option(IF_TSRESOL, &[9]);
        self.option(OPT_END, &[]);
        self.end(start);
    }

    fn begin(&mut self, kind: u32) -> usize {
        let start = self.chunk.len();
        self.chunk.extend_from_slice(&u64::from(kind).to_le_bytes());
        start
    }

    /// Closes the block that began at `start`: its length goes before and after.
    fn end(&mut self, start: usize) {
        let len = u32::try_from(self.chunk.len() + 4 - start).unwrap_or(u32::MAX).to_le_bytes();
        self.chunk[start + 4..start + 8].copy_from_slice(&len);
        self.chunk.extend_from_slice(&len);
    }

    fn comment(&mut self, comment: &str) {
        let end = comment.floor_char_boundary(usize::from(u16::MAX));
        if end > 0 {
            self.option(OPT_COMMENT, &comment.as_bytes()[..end]);
        }
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.chunk.extend_from_slice(&code.to_le_bytes());
        self.chunk.extend_from_slice(&len.to_le_bytes());
        self.chunk.extend_from_slice(value);
        self.pad(value.len());
    }

    fn pad(&mut self, len: usize) {
        self.chunk.extend_from_slice(&[0; 3][..len.next_multiple_of(4) - len]);
    }

    fn send_full(&mut self) -> io::Result<()> {
        if self.chunk.len() >= CHUNK {
            self.out.write_all(&self.chunk)?;
            self.chunk.clear();
        }
        Ok(())
    }
}
