//! Captures: frames with their times, in files.
//!
//! Reads pcap (micro- and nanoseconds) and pcapng of either byte order, plain or gzipped; writes
//! pcapng. [`CaptureInfo::scan`] walks a whole file before a run, so that a run never stops half
//! way because of its input; [`CaptureReader`] then streams the records with flat memory.
//!
//! What is refused, because the DPDK port that replays the file could not carry it either: link
//! types other than Ethernet, frames of more than 65535 bytes, frames with a check sequence (FCS).
//!
//! A file may end inside a record: whoever wrote it was stopped. All records before that count,
//! and [`Tail`] says what is missing. A record whose header no writer would have written is
//! another matter: the file is corrupt, and [`CaptureError`] names the byte.
//!
//! The parser is ours and not a library's. It has to name the byte where a file goes wrong, tell a
//! cut file from a corrupt one, and accept what libpcap accepts: a snap length of zero, and records
//! longer than the snap length, both of which `pcap-file` refuses. Tests read with `pcap-file` what
//! we write.
//!
//! Invariant: a record that is handed out lies wholly in the file, is of an Ethernet interface,
//! and holds at most 65535 bytes.

mod bytes;
mod error;
mod info;
mod link;
mod pcap;
mod pcapng;
mod reader;
mod source;
mod writer;

#[cfg(test)]
mod tests;

pub use bytes::{ByteOrder, Resolution};
pub use error::{CaptureError, Problem};
pub use info::{CaptureInfo, Format, Times};
pub use reader::{CaptureReader, Direction, Interface, Record, Tail};
pub use writer::{Frame, PcapngWriter};

/// The longest frame that a DPDK pcap port can carry: its mbuf counts in 16 bits.
pub const MAX_FRAME: u32 = 65_535;

/// The longest record that any reader takes: libpcap's and Wireshark's own limit.
pub const MAX_RECORD: u32 = 262_144;

/// The link type of Ethernet.
const ETHERNET: u16 = 1;
