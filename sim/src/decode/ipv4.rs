//! IPv4: what carries the rest, and what is unusual about it.

use super::{icmp, transport, truncated};
use etherparse::checksum::Sum16BitWords;
use etherparse::err::ipv4::{HeaderError, HeaderSliceError};
use etherparse::{IpNumber, Ipv4HeaderSlice};
use std::fmt::{self, Write};

/// What surrounds a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// Its end may be missing without being wrong: of a snapped frame or a quoted datagram.
    partial: bool,
    /// It is quoted by an ICMP error.
    pub(super) quoted: bool,
    /// Bytes behind it are no padding: the frame is longer than padding makes it.
    trailer: bool,
}

/// What is wrong with what a datagram carries. It is said after what is unusual about the datagram.
pub(super) enum Complaint {
    Nothing,
    NoUdpChecksum,
    BadChecksum(&'static str),
    UdpLength(usize),
    IcmpLength,
}

/// The payload of a datagram and what it is needed for.
pub(super) struct Payload<'a> {
    pub(super) header: Ipv4HeaderSlice<'a>,
    /// As far as it is here.
    pub(super) bytes: &'a [u8],
    /// As the header says.
    pub(super) len: usize,
    pub(super) scope: Scope,
}

impl Scope {
    pub(super) fn frame(len: usize, snapped: bool) -> Scope {
        Scope { partial: snapped, quoted: false, trailer: len > 60 }
    }

    fn quote() -> Scope {
        Scope { partial: true, quoted: true, trailer: false }
    }
}

impl Payload<'_> {
    /// Whether all of it is here, so that a checksum over it means something.
    pub(super) fn is_whole(&self) -> bool {
        self.bytes.len() == self.len && !self.scope.quoted
    }

    /// ` ttl 64`, and unless it is a quote ` len 32`.
    pub(super) fn ttl_len(&self, out: &mut dyn Write, header_len: usize) -> fmt::Result {
        write!(out, " ttl {}", self.header.ttl())?;
        if self.scope.quoted {
            return Ok(());
        }
        write!(out, " len {}", self.len.saturating_sub(header_len))
    }
}

/// RFC 1071: the sum over what a checksum covers, itself included, is all ones.
pub(super) fn checksum_fits(bytes: &[u8]) -> bool {
    Sum16BitWords::new().add_slice(bytes).ones_complement() == 0
}

/// A datagram quoted by an ICMP error, in brackets.
pub(super) fn quote(out: &mut dyn Write, bytes: &[u8]) -> fmt::Result {
    out.write_str(" for [")?;
    datagram(out, bytes, Scope::quote())?;
    out.write_char(']')
}

pub(super) fn datagram(out: &mut dyn Write, bytes: &[u8], scope: Scope) -> fmt::Result {
    let header = match Ipv4HeaderSlice::from_slice(bytes) {
        Ok(header) => header,
        Err(HeaderSliceError::Len(error)) => {
            return truncated(out, "ipv4", "header", error.required_len, bytes.len());
        }
        Err(HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number })) => {
            return write!(out, "ipv4 malformed: version {version_number}");
        }
        Err(HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { ihl })) => {
            return write!(out, "ipv4 malformed: header length {}, at least 20", ihl * 4);
        }
    };
    let header_len = header.slice().len();
    let total_len = usize::from(header.total_len());
    if total_len < header_len {
        return write!(out, "ipv4 malformed: total length {total_len}, header {header_len}");
    }
    let end = total_len.min(bytes.len());
    let payload =
        Payload { bytes: &bytes[header_len..end], len: total_len - header_len, header, scope };
    let complaint = if payload.header.is_fragmenting_payload() {
        fragment(out, &payload)?;
        Complaint::Nothing
    } else {
        whole(out, &payload)?
    };
    unusual(out, &payload.header)?;
    match complaint {
        Complaint::Nothing => {}
        Complaint::NoUdpChecksum => out.write_str(" no udp checksum")?,
        Complaint::BadChecksum(name) => write!(out, " bad {name} checksum")?,
        Complaint::UdpLength(len) => {
            write!(out, " BAD-UDP-LENGTH {len}, {} bytes here", payload.len)?;
        }
        Complaint::IcmpLength => out.write_str(" BAD-ICMP-LENGTH")?,
    }
    if total_len > bytes.len() && !scope.partial {
        write!(out, " BAD-IP-LENGTH {total_len}, {} bytes here", bytes.len())?;
    }
    if total_len < bytes.len() && scope.trailer {
        write!(out, " trailer {}", bytes.len() - total_len)?;
    }
    Ok(())
}

fn whole(out: &mut dyn Write, payload: &Payload<'_>) -> Result<Complaint, fmt::Error> {
    match payload.header.protocol() {
        IpNumber::UDP => transport::udp(out, payload),
        IpNumber::TCP => transport::tcp(out, payload),
        IpNumber::ICMP => icmp::message(out, payload),
        other => {
            ends(out, "ip", &payload.header)?;
            out.write_char(' ')?;
            protocol(out, other)?;
            payload.ttl_len(out, 0)?;
            Ok(Complaint::Nothing)
        }
    }
}

fn fragment(out: &mut dyn Write, payload: &Payload<'_>) -> fmt::Result {
    let header = &payload.header;
    ends(out, "ip", header)?;
    out.write_char(' ')?;
    protocol(out, header.protocol())?;
    let offset = header.fragments_offset().byte_offset();
    write!(out, " frag id {} off {offset}", header.identification())?;
    if !payload.scope.quoted {
        write!(out, " len {}", payload.len)?;
    }
    if header.more_fragments() {
        out.write_str(" MF")?;
    }
    write!(out, " ttl {}", header.ttl())
}

/// `ip 1.2.3.4 > 5.6.7.8`
pub(super) fn ends(out: &mut dyn Write, name: &str, header: &Ipv4HeaderSlice<'_>) -> fmt::Result {
    write!(out, "{name} {} > {}", header.source_addr(), header.destination_addr())
}

pub(super) fn protocol(out: &mut dyn Write, number: IpNumber) -> fmt::Result {
    let name = match number.0 {
        1 => "icmp",
        2 => "igmp",
        4 => "ipip",
        6 => "tcp",
        17 => "udp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmp6",
        89 => "ospf",
        112 => "vrrp",
        132 => "sctp",
        other => return write!(out, "proto {other}"),
    };
    out.write_str(name)
}

fn unusual(out: &mut dyn Write, header: &Ipv4HeaderSlice<'_>) -> fmt::Result {
    let bytes = header.slice();
    if header.dont_fragment() {
        out.write_str(" DF")?;
    }
    if bytes[6] & 0x80 != 0 {
        out.write_str(" evil")?;
    }
    if bytes[1] != 0 {
        write!(out, " tos {:#04x}", bytes[1])?;
    }
    if !header.options().is_empty() {
        options(out, header.options())?;
    }
    // Not etherparse's own sum over the header: it leaves out the reserved flag.
    if !checksum_fits(bytes) {
        out.write_str(" BAD-IP-CHECKSUM")?;
    }
    Ok(())
}

/// ` options [rr 7,router-alert 4]`: each with its length.
fn options(out: &mut dyn Write, bytes: &[u8]) -> fmt::Result {
    out.write_str(" options [")?;
    let mut rest = bytes;
    let mut separator = "";
    while let [kind, tail @ ..] = rest {
        out.write_str(separator)?;
        separator = ",";
        let name = match kind {
            0 => {
                out.write_str("end")?;
                break;
            }
            1 => {
                out.write_str("nop")?;
                rest = tail;
                continue;
            }
            7 => "rr",
            68 => "ts",
            130 => "security",
            131 => "lsrr",
            133 => "commercial-security",
            136 => "stream-id",
            137 => "ssrr",
            148 => "router-alert",
            _ => "option",
        };
        out.write_str(name)?;
        if name == "option" {
            write!(out, " {kind:#04x}")?;
        }
        let Some(len) = tail.first().map(|len| usize::from(*len)) else {
            out.write_str(" without length")?;
            break;
        };
        if len < 2 || len > rest.len() {
            write!(out, " of bad length {len}")?;
            break;
        }
        write!(out, " {len}")?;
        rest = &rest[len..];
    }
    out.write_char(']')
}
