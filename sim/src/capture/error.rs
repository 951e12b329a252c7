//! Why a capture cannot be used: which file, which byte, what is wrong and what to do about it.

use super::{MAX_FRAME, MAX_RECORD, link};
use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

/// A capture that cannot be used. Its text is one line: file, offset, reason, remedy.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}; {}", path.display(), problem.remedy())]
pub struct CaptureError {
    /// The file, as it was named.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: Box<Problem>,
}

/// What is wrong with a capture. Offsets count bytes from the start of the file, in a gzipped one
/// bytes of what was compressed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file system says no.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// A directory, pipe or device.
    #[error("is not a regular file")]
    NotAFile,
    /// Not a single byte.
    #[error("is empty (0 bytes)")]
    Empty,
    /// The compressed data ends too early, or is damaged.
    #[error("the gzip data is cut or damaged after {offset} uncompressed bytes: {source}")]
    Gzip {
        /// Bytes that could be uncompressed.
        offset: u64,
        /// What the decoder says.
        source: io::Error,
    },
    /// The first bytes are of something else.
    #[error("is not a capture: {found} at offset 0")]
    NotACapture {
        /// What the first bytes are.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file ends before its own header does.
    #[error("ends inside its header: {got} bytes of {need}")]
    CutHeader {
        /// Length of the header.
        need: u64,
        /// Length of the file.
        got: u64,
    },
    /// Not pcap 2.4, and not pcapng 1.0 or 1.2.
    #[error("{format} version {major}.{minor} at offset {offset} is not supported")]
    Version {
        /// `pcap` or `pcapng`.
        format: &'static str,
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
        /// Where the version is.
        offset: u64,
    },
    /// The frames do not begin with an Ethernet header.
    #[error(
        "link type {link_type} ({}) at offset {offset} is not Ethernet",
        link::name(*link_type)
    )]
    NotEthernet {
        /// The link type.
        link_type: u16,
        /// Where it is.
        offset: u64,
    },
    /// pcapng: one interface is Ethernet, another is not.
    #[error(
        "interface {interface} at offset {offset} has link type {link_type} ({}), \
         others are Ethernet",
        link::name(*link_type)
    )]
    MixedLinkTypes {
        /// The interface that is not Ethernet.
        interface: u32,
        /// Its link type.
        link_type: u16,
        /// Where it is.
        offset: u64,
    },
    /// Frames end in a check sequence, which no receiver hands to software.
    #[error("frames carry a check sequence of {bytes} bytes (FCS), says offset {offset}")]
    Fcs {
        /// Its length.
        bytes: u8,
        /// Where that is said.
        offset: u64,
    },
    /// Bits of the link type field that mean nothing yet.
    #[error("reserved bits of the link type are set: {field:#010x} at offset {offset}")]
    ReservedLinkBits {
        /// The whole field.
        field: u32,
        /// Where it is.
        offset: u64,
    },
    /// A packet that is longer than a DPDK pcap port can carry.
    #[error("packet {index} at offset {offset} holds {caplen} bytes, more than {MAX_FRAME}")]
    TooLong {
        /// Number of the packet, from 1.
        index: u64,
        /// Where its record begins.
        offset: u64,
        /// Its captured length.
        caplen: u32,
    },
    /// pcapng: a packet of an interface that no block before it declares.
    #[error(
        "packet {index} at offset {offset} is of interface {interface}, but its section has \
         declared {declared}"
    )]
    UndeclaredInterface {
        /// Number of the packet, from 1.
        index: u64,
        /// Where its block begins.
        offset: u64,
        /// The interface it names.
        interface: u32,
        /// How many there are.
        declared: u32,
    },
    /// A record or block that no writer would have written.
    #[error("is corrupt: the {what} at offset {offset} {reason}")]
    Corrupt {
        /// What is there: `record of packet 3`, `pcapng block`.
        what: String,
        /// Where it begins.
        offset: u64,
        /// What is wrong with it.
        reason: String,
        /// Packets before it, all good.
        before: u64,
    },
}

impl Problem {
    /// What the user may do about it.
    pub fn remedy(&self) -> Cow<'static, str> {
        if let Problem::Corrupt { before: before @ 1.., .. } = self {
            return Cow::Owned(format!(
                "copy it again in binary mode, or keep the good packets with \
                 `editcap -r OLD NEW 1-{before}`"
            ));
        }
        Cow::Borrowed(self.fixed_remedy())
    }

    fn fixed_remedy(&self) -> &'static str {
        match self {
            Problem::Unreadable(error) if error.kind() == io::ErrorKind::NotFound => {
                "check the path; it is relative to the current directory"
            }
            Problem::Unreadable(_) => "check its permissions and the disk",
            Problem::NotAFile => {
                "a capture is read more than once: save it to a file and name that"
            }
            Problem::Empty => "record it again; `tcpdump -U` writes each packet at once",
            Problem::Gzip { .. } => "`gzip -dc FILE > part.pcap` saves what is there: use that",
            Problem::NotACapture { remedy, .. } => remedy,
            Problem::CutHeader { .. } => "record or copy it again: no packet is in it",
            Problem::Version { .. } => {
                "record it again with today's tools: pcap 2.4 and pcapng 1.0 are read"
            }
            Problem::NotEthernet { link_type, .. } => link::remedy(*link_type),
            Problem::MixedLinkTypes { .. } => {
                "keep the Ethernet ones: `tcpdump` or `dumpcap` with one file for each interface"
            }
            Problem::Fcs { .. } => {
                "cut it off, 4 bytes for instance with `editcap -F nsecpcap -L -C -4 OLD NEW`"
            }
            Problem::ReservedLinkBits { .. } => "the file header is damaged: copy it again",
            Problem::TooLong { .. } => {
                "a DPDK pcap port cannot carry it: turn segmentation offloads off (`ethtool -K DEV \
                 tso off gso off gro off lro off`) and re-capture, or cut with `editcap -s 65535`"
            }
            Problem::UndeclaredInterface { .. } => {
                "its writer is at fault, or blocks are missing: record or merge it again"
            }
            Problem::Corrupt { .. } => "copy it again in binary mode; no packet is before that",
        }
    }

    /// `corrupt record of packet 3 …`, for the many reasons a record may have.
    pub(super) fn record(index: u64, offset: u64, reason: String) -> Problem {
        Problem::Corrupt {
            what: format!("record of packet {index}"),
            offset,
            reason,
            before: index - 1,
        }
    }

    /// A block that is no packet, or not known to be one.
    pub(super) fn block(offset: u64, reason: String) -> Problem {
        Problem::Corrupt { what: "pcapng block".to_owned(), offset, reason, before: 0 }
    }

    /// The same, after so many good packets.
    pub(super) fn after(mut self, packets: u64) -> Problem {
        if let Problem::Corrupt { before, .. } = &mut self {
            *before = packets;
        }
        self
    }

    /// The captured length is beyond what any reader takes.
    pub(super) fn absurd_length(index: u64, offset: u64, caplen: u32) -> Problem {
        let reason = format!("claims {caplen} bytes, more than the limit of {MAX_RECORD}");
        Problem::record(index, offset, reason)
    }

    /// Names what the first bytes of a file are, when they are of no capture.
    pub(super) fn not_a_capture(start: &[u8]) -> Problem {
        let (found, remedy) = foreign(start);
        let found = match found {
            Some(found) => found.to_owned(),
            None => {
                let shown = &start[..start.len().min(4)];
                let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("the bytes {}", hex.join(" "))
            }
        };
        Problem::NotACapture { found, remedy }
    }
}

/// Files that are taken for captures now and then.
fn foreign(start: &[u8]) -> (Option<&'static str>, &'static str) {
    const CONVERT: &str = "convert it with `editcap -F pcapng OLD NEW`";
    const RECOPY: &str = "copy it again in binary mode";
    const EXPECTED: &str = "pcap and pcapng are read, plain or gzipped";
    const KNOWN: &[(&[u8], &str, &str)] = &[
        (b"\x7fELF", "a program (ELF)", EXPECTED),
        (b"snoop\0\0\0", "a Solaris snoop capture", CONVERT),
        (b"btsnoop\0", "a Bluetooth snoop capture", EXPECTED),
        (b"\x34\xcd\xb2\xa1", "a \"modified\" pcap (Kuznetzov's)", CONVERT),
        (b"\xa1\xb2\xcd\x34", "a \"modified\" pcap (Kuznetzov's)", CONVERT),
        (b"\x01\x00\x1c\x00", "an IXIA capture", CONVERT),
        (b"\x02\x00\x1c\x00", "an IXIA capture", CONVERT),
        (b"RTSS", "a NetMon capture", CONVERT),
        (b"GMBU", "a NetMon capture", CONVERT),
        (b"XCP\0", "a NetXray capture", CONVERT),
        (b"\x28\xb5\x2f\xfd", "zstd data", "unpack it with `zstd -d` first"),
        (b"\xfd7zXZ\0", "xz data", "unpack it with `xz -d` first"),
        (b"BZh", "bzip2 data", "unpack it with `bzip2 -d` first"),
        (b"\x04\x22\x4d\x18", "lz4 data", "unpack it with `lz4 -d` first"),
        (b"\x1f\x8b", "gzip data in gzip data", "unpack it with `gzip -d` first"),
        (b"PK\x03\x04", "a zip archive", "unpack it first"),
        (b"\n\n", "pcapng damaged by a text-mode transfer", RECOPY),
        (b"\r\n\r\n", "pcapng damaged by a text-mode transfer", RECOPY),
        (b"\n\r\r\n", "pcapng with a damaged byte order mark", RECOPY),
    ];
    for (magic, what, remedy) in KNOWN {
        if start.starts_with(magic) {
            return (Some(what), remedy);
        }
    }
    let text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if start.iter().all(text) {
        return (Some("text"), "name the capture itself, not a listing or a scenario");
    }
    (None, EXPECTED)
}
