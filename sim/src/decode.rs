//! One line for each frame, in the field's words: for snapshots, reports and `lockstep decode`.
//!
//! ```
//! let request = fixtures::arp_request(fixtures::DUT_WAN, fixtures::BOB).build();
//! assert_eq!(sim::decode::line(&request), "arp who-has 192.0.2.9 tell 192.0.2.1");
//! ```
//!
//! A line begins with the tags, then says what the innermost protocol we know says; what is unusual
//! comes last: `DF`, a type of service, options, wrong checksums and lengths. `len` counts the data
//! behind the last header named, in an `eth` or `llc` line the whole frame. What cannot be decoded
//! is said with the layer, the bytes it needs and the bytes there are.
//!
//! Invariant: any bytes give a line, without line breaks, and the same bytes the same line.
//! Not here: the dataplane's own parsers. This decoder is etherparse's, so that the two check each
//! other.

mod arp;
mod file;
mod icmp;
mod ipv4;
mod ipv6;
mod transport;

#[cfg(test)]
mod tests;

pub use file::{DecodeError, Decoded, Filter, decode_file};

use etherparse::{EtherType, Ethernet2HeaderSlice, SingleVlanHeaderSlice};
use std::fmt::{self, Write};

/// Tags of a frame that are decoded; QinQ needs two.
const TAGS_MAX: usize = 4;

/// The line of a frame that was captured whole.
pub fn line(frame: &[u8]) -> String {
    let mut line = String::new();
    // Writing to a String cannot fail.
    let _ = write_line(&mut line, frame, 0);
    line
}

/// Writes the line of a frame that had `orig_len` bytes on the wire. When that is more than are
/// here, lengths and checksums that speak of the rest are not complained about.
pub fn write_line(out: &mut dyn Write, frame: &[u8], orig_len: u32) -> fmt::Result {
    let snapped = frame.len() < orig_len as usize;
    ethernet(out, frame, snapped)?;
    if snapped {
        write!(out, " snapped {}/{orig_len}", frame.len())?;
    }
    Ok(())
}

fn ethernet(out: &mut dyn Write, frame: &[u8], snapped: bool) -> fmt::Result {
    let Ok(header) = Ethernet2HeaderSlice::from_slice(frame) else {
        return truncated(out, "eth", "header", 14, frame.len());
    };
    let mut ether_type = header.ether_type();
    let mut rest = &frame[14..];
    for _ in 0..TAGS_MAX {
        let name = match ether_type {
            EtherType::VLAN_TAGGED_FRAME => "vlan",
            EtherType::PROVIDER_BRIDGING | EtherType::VLAN_DOUBLE_TAGGED_FRAME => "qinq",
            _ => break,
        };
        let Ok(tag) = SingleVlanHeaderSlice::from_slice(rest) else {
            return truncated(out, name, "tag", 4, rest.len());
        };
        write!(out, "{name} {} ", tag.vlan_identifier().value())?;
        if tag.priority_code_point().value() != 0 {
            write!(out, "pcp {} ", tag.priority_code_point().value())?;
        }
        if tag.drop_eligible_indicator() {
            out.write_str("dei ")?;
        }
        ether_type = tag.ether_type();
        rest = &rest[4..];
    }
    match ether_type {
        EtherType::IPV4 => ipv4::datagram(out, rest, ipv4::Scope::frame(frame.len(), snapped)),
        EtherType::ARP => arp::packet(out, rest),
        EtherType::IPV6 => ipv6::datagram(out, rest, snapped),
        EtherType(0..=1500) => llc(out, &header, rest, frame.len()),
        EtherType(other) => {
            ends(out, "eth", &header)?;
            write!(out, " type {other:#06x} len {}", frame.len())
        }
    }
}

/// 802.3: the field is a length, and an LLC header follows, by SNAP perhaps with an ethertype.
fn llc(
    out: &mut dyn Write,
    header: &Ethernet2HeaderSlice<'_>,
    payload: &[u8],
    frame_len: usize,
) -> fmt::Result {
    ends(out, "llc", header)?;
    match payload {
        [0xaa, 0xaa, 3, a, b, c, high, low, ..] => {
            let ether_type = u16::from_be_bytes([*high, *low]);
            write!(out, " snap {a:02x}{b:02x}{c:02x} type {ether_type:#06x}")?;
        }
        [dsap, ssap, _, ..] => write!(out, " dsap {dsap:#04x} ssap {ssap:#04x}")?,
        short => write!(out, " truncated: header of 3, {} bytes", short.len())?,
    }
    write!(out, " len {frame_len}")
}

fn ends(out: &mut dyn Write, layer: &str, header: &Ethernet2HeaderSlice<'_>) -> fmt::Result {
    let (src, dst) = (dataplane::Mac(header.source()), dataplane::Mac(header.destination()));
    write!(out, "{layer} {src} > {dst}")
}

fn truncated(out: &mut dyn Write, layer: &str, what: &str, need: usize, got: usize) -> fmt::Result {
    write!(out, "{layer} truncated: {what} of {need}, {got} bytes")
}
