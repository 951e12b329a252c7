//! The three kinds of block that hold a packet.

use super::super::error::Problem;
use super::super::reader::{Direction, Found, Interface};
use super::super::{MAX_FRAME, MAX_RECORD};
use super::{Block, OptionField, Options};

/// What an enhanced packet block and its obsolete forerunner have in common.
struct Fields {
    interface: u32,
    units: u64,
    caplen: u32,
    orig_len: u32,
}

/// Where the frame begins in both.
const FRAME: usize = 28;
const OPT_FLAGS: u16 = 2;

impl Block<'_> {
    pub(super) fn enhanced_packet(
        &self,
        declared: &[Interface],
        index: u64,
    ) -> Result<Found, Problem> {
        self.long_enough(FRAME, index)?;
        let interface = self.u32(8);
        let units = u64::from(self.u32(12)) << 32 | u64::from(self.u32(16));
        let (caplen, orig_len) = (self.u32(20), self.u32(24));
        self.found(&Fields { interface, units, caplen, orig_len }, declared, index)
    }

    /// The obsolete block has the interface in 16 bits, then a count of drops.
    pub(super) fn packet(&self, declared: &[Interface], index: u64) -> Result<Found, Problem> {
        self.long_enough(FRAME, index)?;
        let interface = u32::from(self.u16(8));
        let units = u64::from(self.u32(12)) << 32 | u64::from(self.u32(16));
        let (caplen, orig_len) = (self.u32(20), self.u32(24));
        self.found(&Fields { interface, units, caplen, orig_len }, declared, index)
    }

    /// A simple block has neither time nor interface nor captured length: it is of interface 0, and
    /// as long as the frame was or the snap length allows.
    pub(super) fn simple_packet(
        &self,
        declared: &[Interface],
        index: u64,
    ) -> Result<Found, Problem> {
        const FRAME: usize = 12;
        self.long_enough(FRAME, index)?;
        let orig_len = self.u32(8);
        let snaplen = match self.declared(declared, 0, index)?.snaplen {
            0 => u32::MAX,
            snaplen => snaplen,
        };
        let end = self.frame_end(FRAME, orig_len.min(snaplen), index)?;
        Ok(Found {
            offset: self.offset,
            time: None,
            interface: 0,
            direction: None,
            orig_len,
            data: FRAME..end,
            options: end..end,
        })
    }

    fn found(&self, fields: &Fields, declared: &[Interface], index: u64) -> Result<Found, Problem> {
        let interface = self.declared(declared, fields.interface, index)?;
        let end = self.frame_end(FRAME, fields.caplen, index)?;
        let time = interface.resolution.to_nanos(fields.units, interface.offset_seconds);
        let time = time.ok_or_else(|| {
            let reason = "has a time before 1970 or after 2554".to_owned();
            Problem::record(index, self.offset, reason)
        })?;
        let options = end.next_multiple_of(4).min(self.end())..self.end();
        let mut direction = None;
        for option in Options::new(&self.bytes[options.clone()], self.order) {
            let OptionField { code, value } =
                option.map_err(|why| Problem::record(index, self.offset, why.to_owned()))?;
            if code == OPT_FLAGS && value.len() == 4 {
                direction = self.flags(self.order.u32(value, 0))?;
            }
        }
        Ok(Found {
            offset: self.offset,
            time: Some(time),
            interface: fields.interface,
            direction,
            orig_len: fields.orig_len,
            data: FRAME..end,
            options,
        })
    }

    /// Bits 0 and 1 are the direction, bits 5 to 8 the length of the check sequence.
    fn flags(&self, flags: u32) -> Result<Option<Direction>, Problem> {
        let [_, _, high, low] = flags.to_be_bytes();
        match (high & 1) << 3 | low >> 5 {
            0 => {}
            bytes => {
                return Err(Problem::Fcs { bytes, offset: self.offset });
            }
        }
        Ok(match low & 3 {
            1 => Some(Direction::In),
            2 => Some(Direction::Out),
            _ => None,
        })
    }

    fn declared<'a>(
        &self,
        declared: &'a [Interface],
        interface: u32,
        index: u64,
    ) -> Result<&'a Interface, Problem> {
        declared.get(interface as usize).ok_or_else(|| Problem::UndeclaredInterface {
            index,
            offset: self.offset,
            interface,
            declared: u32::try_from(declared.len()).unwrap_or(u32::MAX),
        })
    }

    fn long_enough(&self, fields: usize, index: u64) -> Result<(), Problem> {
        if self.end() >= fields {
            return Ok(());
        }
        let reason = format!("has {} bytes, too few for a packet", self.bytes.len());
        Err(Problem::record(index, self.offset, reason))
    }

    fn frame_end(&self, start: usize, caplen: u32, index: u64) -> Result<usize, Problem> {
        if caplen > MAX_RECORD {
            return Err(Problem::absurd_length(index, self.offset, caplen));
        }
        let end = start + caplen as usize;
        if end > self.end() {
            let reason = format!("claims {caplen} bytes in a block of {}", self.bytes.len());
            return Err(Problem::record(index, self.offset, reason));
        }
        if caplen > MAX_FRAME {
            return Err(Problem::TooLong { index, offset: self.offset, caplen });
        }
        Ok(end)
    }
}
