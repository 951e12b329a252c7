//! pcap: a header of 24 bytes, then records of 16 bytes and a frame.

use super::bytes::{ByteOrder, Resolution};
use super::error::Problem;
use super::reader::{Found, Interface, Step, Tail};
use super::source::Source;
use super::{ETHERNET, MAX_FRAME, MAX_RECORD};

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

/// Where we are in a pcap file.
pub(super) struct Pcap {
    pub(super) order: ByteOrder,
    resolution: Resolution,
}

/// Byte order and unit of time, from the first four bytes of a file.
pub(super) fn magic(start: &[u8]) -> Option<(ByteOrder, Resolution)> {
    match start {
        [0xd4, 0xc3, 0xb2, 0xa1, ..] => Some((ByteOrder::Little, Resolution::MICROS)),
        [0xa1, 0xb2, 0xc3, 0xd4, ..] => Some((ByteOrder::Big, Resolution::MICROS)),
        [0x4d, 0x3c, 0xb2, 0xa1, ..] => Some((ByteOrder::Little, Resolution::NANOS)),
        [0xa1, 0xb2, 0x3c, 0x4d, ..] => Some((ByteOrder::Big, Resolution::NANOS)),
        _ => None,
    }
}

impl Pcap {
    /// Reads the file header.
    pub(super) fn open(
        source: &mut Source,
        (order, resolution): (ByteOrder, Resolution),
    ) -> Result<(Pcap, Interface), Problem> {
        let got = source.fill(FILE_HEADER)?;
        if got < FILE_HEADER {
            return Err(Problem::CutHeader { need: 24, got: got as u64 });
        }
        let header = source.peek(FILE_HEADER);
        let (major, minor) = (order.u16(header, 4), order.u16(header, 6));
        if (major, minor) != (2, 4) {
            return Err(Problem::Version { format: "pcap", major, minor, offset: 4 });
        }
        let snaplen = order.u32(header, 16);
        let link_type = link_type(order.u32(header, 20))?;
        source.take(FILE_HEADER);
        Ok((Pcap { order, resolution }, Interface::new(None, link_type, snaplen, resolution)))
    }

    /// The next record. A file that ends inside a record was cut if that record's header could be
    /// a real one: no longer than any reader takes, and no longer than the frame was.
    pub(super) fn advance(&self, source: &mut Source, index: u64) -> Result<Step, Problem> {
        let offset = source.offset();
        let got = source.fill(RECORD_HEADER)?;
        if got == 0 {
            return Ok(Step::End);
        }
        if got < RECORD_HEADER {
            return Ok(Step::Tail(Tail::new(offset, RECORD_HEADER, got)));
        }
        let header = source.peek(RECORD_HEADER);
        let seconds = self.order.u32(header, 0);
        let fraction = self.order.u32(header, 4);
        let caplen = self.order.u32(header, 8);
        let orig_len = self.order.u32(header, 12);
        if caplen > MAX_RECORD {
            return Err(Problem::absurd_length(index, offset, caplen));
        }
        let need = RECORD_HEADER + caplen as usize;
        let got = source.fill(need)?;
        if got < need && caplen > orig_len {
            let reason = format!(
                "claims {caplen} bytes of a frame of {orig_len}, and the file ends after {}",
                got - RECORD_HEADER
            );
            return Err(Problem::record(index, offset, reason));
        }
        if got < need {
            return Ok(Step::Tail(Tail::new(offset, need, got)));
        }
        if caplen > MAX_FRAME {
            return Err(Problem::TooLong { index, offset, caplen });
        }
        let unit = if self.resolution == Resolution::NANOS { 1 } else { 1_000 };
        let time = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * unit;
        let taken = source.take(need);
        Ok(Step::Packet(Found {
            offset,
            time: Some(time),
            interface: 0,
            direction: None,
            orig_len,
            data: taken.start + RECORD_HEADER..taken.end,
            options: taken.end..taken.end,
        }))
    }
}

/// The field holds the link type in its low 16 bits, and above them whether frames end in a check
/// sequence and of how many 16-bit words.
fn link_type(field: u32) -> Result<u16, Problem> {
    const OFFSET: u64 = 20;
    const FCS_GIVEN: u32 = 0x0400_0000;
    const RESERVED: u32 = 0x03ff_0000;
    if field & RESERVED != 0 {
        return Err(Problem::ReservedLinkBits { field, offset: OFFSET });
    }
    let [words, _, high, low] = field.to_be_bytes();
    let link_type = u16::from_be_bytes([high, low]);
    if link_type != ETHERNET {
        return Err(Problem::NotEthernet { link_type, offset: OFFSET });
    }
    match (field & FCS_GIVEN, words >> 4) {
        (0, _) | (_, 0) => Ok(link_type),
        (_, words) => Err(Problem::Fcs { bytes: words * 2, offset: OFFSET }),
    }
}
