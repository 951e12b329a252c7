//! What is known of a capture before it is used.

use super::bytes::ByteOrder;
use super::error::{CaptureError, Problem};
use super::reader::{CaptureReader, Interface, Record, Tail, fail};
use std::fmt;
use std::path::{Path, PathBuf};

/// A whole capture, walked through and found good.
#[derive(Clone, Debug)]
pub struct CaptureInfo {
    /// The file, as it was named.
    pub path: PathBuf,
    /// pcap or pcapng.
    pub format: Format,
    /// Whether it is gzipped.
    pub gzip: bool,
    /// Byte order of the file, in pcapng of its last section.
    pub byte_order: ByteOrder,
    /// pcapng sections; 1 in pcap.
    pub sections: u32,
    /// Interfaces in the order of their declaration, over all sections.
    pub interfaces: Vec<Interface>,
    /// Packets of each interface.
    pub interface_packets: Vec<u64>,
    /// Length of the file.
    pub file_len: u64,
    /// xxh3-128 of the file as it lies on the disk.
    pub digest: u128,
    /// Packets.
    pub packets: u64,
    /// Captured bytes of all packets.
    pub bytes: u64,
    /// Times of the packets; nothing when no packet has one.
    pub times: Option<Times>,
    /// Packets that have an earlier time than the one before them.
    pub backward: u64,
    /// Packets without a time: pcapng's simple packet blocks.
    pub untimed: u64,
    /// Packets that say which way they passed their interface.
    pub directed: u64,
    /// Packets of which only the front was captured.
    pub snapped: u64,
    /// Captured bytes of the longest packet.
    pub largest: u32,
    /// Length on the wire of the longest packet, as recorded: nonsense in a fuzzed file.
    pub largest_orig: u32,
    /// Where the file is cut, if it ends inside a record.
    pub tail: Option<Tail>,
    /// Why libpcap, and with it a DPDK pcap port, does not read this file although we do.
    pub libpcap: Option<&'static str>,
}

/// The format of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The classic one.
    Pcap,
    /// The one with blocks.
    Pcapng,
}

/// Nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Of the first packet.
    pub first: u64,
    /// Of the last packet.
    pub last: u64,
    /// The earliest.
    pub min: u64,
    /// The latest.
    pub max: u64,
}

impl CaptureInfo {
    /// Reads a capture from the first byte to the last.
    pub fn scan(path: &Path) -> Result<CaptureInfo, CaptureError> {
        let mut reader =
            CaptureReader::open_with(path, true).map_err(|problem| fail(path, problem))?;
        let mut info = CaptureInfo::empty(path, &reader);
        let order = reader.byte_order();
        while let Some(record) = reader.next_record()? {
            info.count(&record);
        }
        info.finish(&mut reader, order).map_err(|problem| fail(path, problem))?;
        Ok(info)
    }

    fn empty(path: &Path, reader: &CaptureReader) -> CaptureInfo {
        CaptureInfo {
            path: path.to_owned(),
            format: reader.format(),
            gzip: false,
            byte_order: reader.byte_order(),
            sections: 0,
            interfaces: Vec::new(),
            interface_packets: Vec::new(),
            file_len: 0,
            digest: 0,
            packets: 0,
            bytes: 0,
            times: None,
            backward: 0,
            untimed: 0,
            directed: 0,
            snapped: 0,
            largest: 0,
            largest_orig: 0,
            tail: None,
            libpcap: None,
        }
    }

    fn count(&mut self, record: &Record<'_>) {
        let caplen = u32::try_from(record.data.len()).unwrap_or(u32::MAX);
        self.packets += 1;
        self.bytes += u64::from(caplen);
        self.snapped += u64::from(record.is_snapped());
        self.directed += u64::from(record.direction.is_some());
        self.largest = self.largest.max(caplen);
        self.largest_orig = self.largest_orig.max(record.orig_len);
        let interface = record.interface as usize;
        if self.interface_packets.len() <= interface {
            self.interface_packets.resize(interface + 1, 0);
        }
        self.interface_packets[interface] += 1;
        if !record.timed {
            self.untimed += 1;
            return;
        }
        let time = record.time;
        let times =
            self.times.get_or_insert(Times { first: time, last: time, min: time, max: time });
        self.backward += u64::from(time < times.last);
        times.last = time;
        times.min = times.min.min(time);
        times.max = times.max.max(time);
    }

    fn finish(&mut self, reader: &mut CaptureReader, first: ByteOrder) -> Result<(), Problem> {
        self.interfaces = reader.interfaces().to_vec();
        self.interface_packets.resize(self.interfaces.len(), 0);
        self.sections = reader.sections();
        self.byte_order = reader.byte_order();
        self.tail = reader.tail();
        let source = reader.source();
        self.gzip = source.is_gzip();
        source.drain()?;
        (self.file_len, self.digest) = source.digest();
        self.libpcap = self.libpcap_objection(first);
        Ok(())
    }

    /// libpcap reads a pcapng file only as far as it could be a pcap file.
    fn libpcap_objection(&self, first: ByteOrder) -> Option<&'static str> {
        const MAX: u32 = super::MAX_RECORD;
        let effective = |snaplen| {
            if snaplen == 0 || snaplen > MAX { MAX } else { snaplen }
        };
        let mut snaplens = self.interfaces.iter().map(|each| effective(each.snaplen));
        let snaplen = snaplens.next();
        if self.gzip {
            Some("it is gzipped")
        } else if snaplen.is_none() {
            Some("it declares no interface")
        } else if self.sections > 1 && first != self.byte_order {
            Some("its sections differ in byte order")
        } else if snaplens.any(|other| Some(other) != snaplen) {
            Some("its interfaces differ in snap length")
        } else if self.interfaces.iter().any(|each| !each.libpcap) {
            Some("it says of an interface's times what libpcap does not take")
        } else {
            None
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Pcap => "pcap",
            Format::Pcapng => "pcapng",
        })
    }
}
