//! Numbers in capture files: two byte orders, and times in many units.

use std::fmt;

/// The byte order of a capture: that of the machine that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The low byte first.
    Little,
    /// The high byte first.
    Big,
}

impl ByteOrder {
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let mut field = [0; 2];
        field.copy_from_slice(&bytes[at..at + 2]);
        match self {
            ByteOrder::Little => u16::from_le_bytes(field),
            ByteOrder::Big => u16::from_be_bytes(field),
        }
    }

    pub(super) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let mut field = [0; 4];
        field.copy_from_slice(&bytes[at..at + 4]);
        match self {
            ByteOrder::Little => u32::from_le_bytes(field),
            ByteOrder::Big => u32::from_be_bytes(field),
        }
    }

    pub(super) fn u64(self, bytes: &[u8], at: usize) -> u64 {
        let mut field = [0; 8];
        field.copy_from_slice(&bytes[at..at + 8]);
        match self {
            ByteOrder::Little => u64::from_le_bytes(field),
            ByteOrder::Big => u64::from_be_bytes(field),
        }
    }
}

impl fmt::Display for ByteOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ByteOrder::Little => "little-endian",
            ByteOrder::Big => "big-endian",
        })
    }
}

/// The unit of an interface's times, as pcapng's `if_tsresol` has it: with the top bit clear a
/// negative power of ten, with it set a negative power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution(u8);

impl Resolution {
    /// Microseconds: what pcapng means when it does not say.
    pub const MICROS: Resolution = Resolution(6);
    /// Nanoseconds.
    pub const NANOS: Resolution = Resolution(9);

    pub(super) const fn from_tsresol(tsresol: u8) -> Resolution {
        Resolution(tsresol)
    }

    /// Whether times keep each nanosecond.
    pub fn keeps_nanos(self) -> bool {
        match (self.0 & 0x80, u32::from(self.0 & 0x7f)) {
            (0, exponent) => exponent >= 9,
            (_, exponent) => exponent >= 30,
        }
    }

    /// Whether libpcap counts in it, too: 10^-19 s and 2^-63 s are its finest.
    pub(super) const fn is_for_libpcap(self) -> bool {
        match self.0 & 0x80 {
            0 => self.0 <= 19,
            _ => self.0 & 0x7f <= 63,
        }
    }

    /// Nanoseconds since 1970, or nothing when that is before 1970 or after 2554.
    pub(super) fn to_nanos(self, units: u64, offset_seconds: i64) -> Option<u64> {
        let exponent = u32::from(self.0 & 0x7f);
        let units = u128::from(units);
        let nanos = match (self.0 & 0x80, exponent) {
            (0, 0..=9) => units * 10_u128.pow(9 - exponent),
            (0, 10..=38) => units / 10_u128.pow(exponent - 9),
            (0, _) => 0,
            (_, exponent) => (units * 1_000_000_000) >> exponent,
        };
        let nanos = i128::try_from(nanos).ok()? + i128::from(offset_seconds) * 1_000_000_000;
        u64::try_from(nanos).ok()
    }
}

impl fmt::Display for Resolution {
    /// `us`, `ns`, `10^-7 s`, `2^-20 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 & 0x80, self.0 & 0x7f) {
            (0, 0) => f.write_str("s"),
            (0, 3) => f.write_str("ms"),
            (0, 6) => f.write_str("us"),
            (0, 9) => f.write_str("ns"),
            (0, exponent) => write!(f, "10^-{exponent} s"),
            (_, exponent) => write!(f, "2^-{exponent} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resolution_becomes_nanoseconds() {
        let second = |tsresol, units| Resolution::from_tsresol(tsresol).to_nanos(units, 0);
        assert_eq!(second(0, 3), Some(3_000_000_000));
        assert_eq!(second(6, 1_000_001), Some(1_000_001_000));
        assert_eq!(second(9, 1_000_000_001), Some(1_000_000_001));
        assert_eq!(second(12, 1_999), Some(1));
        assert_eq!(second(0x7f, u64::MAX), Some(0));
        assert_eq!(second(0x80 | 10, 1_024 + 512), Some(1_500_000_000));
        assert_eq!(second(0xff, u64::MAX), Some(0));
        assert_eq!(second(0, u64::MAX), None);
    }

    #[test]
    fn an_offset_moves_the_time_and_may_not_lead_before_1970() {
        let micros = Resolution::MICROS;
        assert_eq!(micros.to_nanos(5, 2), Some(2_000_005_000));
        assert_eq!(micros.to_nanos(2_000_005, -2), Some(5_000));
        assert_eq!(micros.to_nanos(1_999_999, -2), None);
        assert_eq!(micros.to_nanos(0, i64::MIN), None);
    }
}
