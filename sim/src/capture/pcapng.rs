//! pcapng: blocks, of which we read section headers, interface descriptions and packets.
//!
//! A file that ends inside a block was cut if the block is of a type we know and of a length that
//! a writer may have given it. Blocks that we have no use for are stepped over.

mod packet;

use super::bytes::{ByteOrder, Resolution};
use super::error::Problem;
use super::reader::{Interface, Step, Tail};
use super::source::Source;
use super::{ETHERNET, MAX_RECORD};

/// Bytes of a section header without options.
pub(super) const SECTION_HEADER: usize = 28;
pub(super) const OPT_COMMENT: u16 = 1;

/// Type and length before, length after.
const BLOCK_MIN: u32 = 12;
/// Longest block that is believed: Wireshark's limit.
const BLOCK_MAX: u32 = 16 * 1024 * 1024;
/// Interfaces of a file that are believed.
const INTERFACES_MAX: usize = 4096;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Where we are in a pcapng file.
pub(super) struct Pcapng {
    pub(super) order: ByteOrder,
    pub(super) sections: u32,
    /// Interfaces of the sections before this one.
    base: usize,
}

/// A block that lies wholly in the window.
struct Block<'a> {
    order: ByteOrder,
    offset: u64,
    /// With type and lengths.
    bytes: &'a [u8],
}

pub(super) fn is_magic(start: &[u8]) -> bool {
    start.starts_with(&SECTION.to_le_bytes()) && order_of(start).is_some()
}

fn order_of(start: &[u8]) -> Option<ByteOrder> {
    match start.get(8..12) {
        Some([0x4d, 0x3c, 0x2b, 0x1a]) => Some(ByteOrder::Little),
        Some([0x1a, 0x2b, 0x3c, 0x4d]) => Some(ByteOrder::Big),
        _ => None,
    }
}

impl Pcapng {
    /// Reads the first section header.
    pub(super) fn open(source: &mut Source) -> Result<Pcapng, Problem> {
        let order = order_of(source.peek(12)).unwrap_or(ByteOrder::Little);
        let mut pcapng = Pcapng { order, sections: 0, base: 0 };
        let got = source.fill(SECTION_HEADER)?;
        if got < SECTION_HEADER {
            return Err(Problem::CutHeader { need: SECTION_HEADER as u64, got: got as u64 });
        }
        let len = pcapng.block_len(0, order.u32(source.peek(8), 4))?;
        let got = source.fill(len)?;
        if got < len {
            return Err(Problem::CutHeader { need: len as u64, got: got as u64 });
        }
        pcapng.section(&block(source, order, len)?, 0)?;
        source.take(len);
        Ok(pcapng)
    }

    /// Goes on to the next packet, and learns of interfaces on the way.
    pub(super) fn advance(
        &mut self,
        source: &mut Source,
        interfaces: &mut Vec<Interface>,
        index: u64,
    ) -> Result<Step, Problem> {
        loop {
            let offset = source.offset();
            let got = source.fill(12)?;
            if got == 0 {
                return Ok(Step::End);
            }
            if got < 12 {
                return Ok(Step::Tail(Tail::new(offset, 12, got)));
            }
            let kind = self.order.u32(source.peek(4), 0);
            if kind == SECTION {
                let magic = || Problem::block(offset, "has a damaged byte order mark".to_owned());
                self.order = order_of(source.peek(12)).ok_or_else(magic)?;
            }
            let len = self.block_len(offset, self.order.u32(source.peek(8), 4))?;
            let got = source.fill(len)?;
            if got < len {
                return self.cut(source.peek(got), kind, Tail::new(offset, len, got), index);
            }
            let block = block(source, self.order, len)?;
            let declared = interfaces.get(self.base..).unwrap_or_default();
            let found = match kind {
                SECTION => {
                    self.section(&block, interfaces.len())?;
                    None
                }
                INTERFACE => {
                    let interface = block.interface(interfaces.len())?;
                    interfaces.push(interface);
                    None
                }
                PACKET => Some(block.packet(declared, index)?),
                SIMPLE_PACKET => Some(block.simple_packet(declared, index)?),
                ENHANCED_PACKET => Some(block.enhanced_packet(declared, index)?),
                _ => None,
            };
            let taken = source.take(len);
            if let Some(mut found) = found {
                let base = u32::try_from(self.base).unwrap_or(u32::MAX);
                found.interface += base;
                found.data = taken.start + found.data.start..taken.start + found.data.end;
                found.options = taken.start + found.options.start..taken.start + found.options.end;
                return Ok(Step::Packet(found));
            }
        }
    }

    fn section(&mut self, block: &Block<'_>, interfaces: usize) -> Result<(), Problem> {
        if block.bytes.len() < SECTION_HEADER {
            return Err(block.corrupt("is too short for a section header"));
        }
        let (major, minor) = (block.u16(12), block.u16(14));
        if major != 1 || !matches!(minor, 0 | 2) {
            let offset = block.offset + 12;
            return Err(Problem::Version { format: "pcapng", major, minor, offset });
        }
        self.sections += 1;
        self.base = interfaces;
        Ok(())
    }

    fn block_len(&self, offset: u64, len: u32) -> Result<usize, Problem> {
        let wrong = |why: &str| Problem::block(offset, format!("has the length {len}, {why}"));
        if len < BLOCK_MIN {
            return Err(wrong("less than a block has"));
        }
        if !len.is_multiple_of(4) {
            return Err(wrong("not a multiple of 4"));
        }
        if len > BLOCK_MAX {
            return Err(wrong("more than the limit of 16 MiB"));
        }
        Ok(len as usize)
    }

    /// The file ends in this block: it was cut, or it is corrupt here and the length is nonsense.
    fn cut(&self, start: &[u8], kind: u32, tail: Tail, index: u64) -> Result<Step, Problem> {
        let known = matches!(kind, SECTION | 1..=10 | 0xbad | 0x4000_0bad);
        if !known {
            let reason = format!(
                "has the unknown type {kind:#010x} and a length of {}, and the file ends after {}",
                tail.needed, tail.got
            );
            return Err(Problem::block(tail.offset, reason));
        }
        if kind == ENHANCED_PACKET && start.len() >= 28 {
            let caplen = self.order.u32(start, 20);
            if caplen > MAX_RECORD {
                return Err(Problem::absurd_length(index, tail.offset, caplen));
            }
            if u64::from(caplen) + 32 > tail.needed {
                let reason = format!("claims {caplen} bytes in a block of {}", tail.needed);
                return Err(Problem::record(index, tail.offset, reason));
            }
        }
        Ok(Step::Tail(tail))
    }
}

/// The next `len` bytes as a block, once both its lengths agree.
fn block(source: &Source, order: ByteOrder, len: usize) -> Result<Block<'_>, Problem> {
    let bytes = source.peek(len);
    let block = Block { order, offset: source.offset(), bytes };
    let (before, after) = (block.u32(4), block.u32(len - 4));
    if before == after {
        return Ok(block);
    }
    let reason = format!("says at its start that it has {before} bytes, at its end {after}");
    Err(Problem::block(block.offset, reason))
}

impl Block<'_> {
    fn u16(&self, at: usize) -> u16 {
        self.order.u16(self.bytes, at)
    }

    fn u32(&self, at: usize) -> u32 {
        self.order.u32(self.bytes, at)
    }

    fn corrupt(&self, reason: &str) -> Problem {
        Problem::block(self.offset, reason.to_owned())
    }

    /// Where the fields end: before the length at the end.
    fn end(&self) -> usize {
        self.bytes.len() - 4
    }

    fn interface(&self, so_far: usize) -> Result<Interface, Problem> {
        if self.bytes.len() < 20 {
            return Err(self.corrupt("is too short for an interface description"));
        }
        if so_far >= INTERFACES_MAX {
            return Err(self.corrupt("declares interface 4097, one more than is believed"));
        }
        let link_type = self.u16(8);
        // Each may be there once; of several the first counts, as for Wireshark. libpcap takes none.
        let (mut name, mut tsresol, mut fcs, mut seconds) = (None, None, None, None);
        let mut regular = true;
        for option in Options::new(&self.bytes[16..self.end()], self.order) {
            let OptionField { code, value } = option.map_err(|why| self.corrupt(why))?;
            match (code, value) {
                (2, text) => _ = name.get_or_insert(text),
                (9, [unit]) if tsresol.is_none() => tsresol = Some(*unit),
                (13, [bytes]) => _ = fcs.get_or_insert(*bytes),
                (14, value) if value.len() == 8 && seconds.is_none() => {
                    seconds = Some(self.order.u64(value, 0).cast_signed());
                }
                (9 | 14, _) => regular = false,
                _ => {}
            }
        }
        let name = name.map(|text| String::from_utf8_lossy(text).into_owned());
        let resolution = tsresol.map_or(Resolution::MICROS, Resolution::from_tsresol);
        let mut interface = Interface::new(name, link_type, self.u32(12), resolution);
        interface.offset_seconds = seconds.unwrap_or(0);
        interface.libpcap = regular && resolution.is_for_libpcap();
        let fcs = fcs.unwrap_or(0);
        self.check_link(&interface, so_far, fcs)?;
        Ok(interface)
    }

    fn check_link(&self, interface: &Interface, so_far: usize, fcs: u8) -> Result<(), Problem> {
        let link_type = interface.link_type;
        let offset = self.offset + 8;
        if link_type != ETHERNET && so_far > 0 {
            let interface = u32::try_from(so_far).unwrap_or(u32::MAX);
            return Err(Problem::MixedLinkTypes { interface, link_type, offset });
        }
        if link_type != ETHERNET {
            return Err(Problem::NotEthernet { link_type, offset });
        }
        if fcs != 0 {
            return Err(Problem::Fcs { bytes: fcs, offset: self.offset });
        }
        Ok(())
    }
}

/// A block's options.
#[derive(Clone, Debug)]
pub(super) struct Options<'a> {
    rest: &'a [u8],
    order: ByteOrder,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub(super) struct OptionField<'a> {
    pub(super) code: u16,
    pub(super) value: &'a [u8],
}

impl<'a> Options<'a> {
    pub(super) fn new(bytes: &'a [u8], order: ByteOrder) -> Options<'a> {
        Options { rest: bytes, order }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<OptionField<'a>, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.len() < 4 {
            return None;
        }
        let code = self.order.u16(self.rest, 0);
        let len = usize::from(self.order.u16(self.rest, 2));
        if code == 0 {
            return None;
        }
        let Some(value) = self.rest.get(4..4 + len) else {
            self.rest = &[];
            return Some(Err("has an option that runs past its end"));
        };
        self.rest = self.rest.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok(OptionField { code, value }))
    }
}
