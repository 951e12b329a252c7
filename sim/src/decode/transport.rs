//! UDP and TCP.

use super::ipv4::{self, Complaint, Payload};
use etherparse::err::tcp::HeaderSliceError;
use etherparse::{TcpHeaderSlice, TcpOptionElement, UdpHeaderSlice};
use std::fmt::{self, Write};

pub(super) fn udp(out: &mut dyn Write, payload: &Payload<'_>) -> Result<Complaint, fmt::Error> {
    let Ok(udp) = UdpHeaderSlice::from_slice(payload.bytes) else {
        return cut(out, "udp", payload, 8);
    };
    let (from, to) = (udp.source_port(), udp.destination_port());
    ports(out, "udp", payload, from, to)?;
    payload.ttl_len(out, 8)?;
    let len = usize::from(udp.length());
    if payload.scope.quoted {
        return Ok(Complaint::Nothing);
    }
    if len != payload.len {
        return Ok(Complaint::UdpLength(len));
    }
    if udp.checksum() == 0 {
        return Ok(Complaint::NoUdpChecksum);
    }
    let (src, dst) = (payload.header.source(), payload.header.destination());
    let right = udp.to_header().calc_checksum_ipv4_raw(src, dst, &payload.bytes[8..]);
    if payload.is_whole() && right != Ok(udp.checksum()) {
        return Ok(Complaint::BadChecksum("udp"));
    }
    Ok(Complaint::Nothing)
}

pub(super) fn tcp(out: &mut dyn Write, payload: &Payload<'_>) -> Result<Complaint, fmt::Error> {
    let tcp = match TcpHeaderSlice::from_slice(payload.bytes) {
        Ok(tcp) => tcp,
        Err(HeaderSliceError::Len(error)) => {
            match payload.bytes {
                [a, b, c, d, e, f, g, h, ..] if payload.scope.quoted => {
                    let (from, to) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
                    ports(out, "tcp", payload, from, to)?;
                    write!(out, " seq {}", u32::from_be_bytes([*e, *f, *g, *h]))?;
                    payload.ttl_len(out, 0)?;
                }
                _ => {
                    cut(out, "tcp", payload, error.required_len)?;
                }
            }
            return Ok(Complaint::Nothing);
        }
        Err(HeaderSliceError::Content(_)) => {
            ipv4::ends(out, "tcp", &payload.header)?;
            out.write_str(" malformed: header length below 20")?;
            payload.ttl_len(out, 0)?;
            return Ok(Complaint::Nothing);
        }
    };
    ports(out, "tcp", payload, tcp.source_port(), tcp.destination_port())?;
    out.write_char(' ')?;
    flags(out, &tcp)?;
    write!(out, " seq {} ack {}", tcp.sequence_number(), tcp.acknowledgment_number())?;
    write!(out, " win {}", tcp.window_size())?;
    let mss = tcp.options_iterator().find_map(|option| match option {
        Ok(TcpOptionElement::MaximumSegmentSize(mss)) => Some(mss),
        _ => None,
    });
    if let Some(mss) = mss {
        write!(out, " mss {mss}")?;
    }
    payload.ttl_len(out, tcp.slice().len())?;
    if !payload.is_whole() {
        return Ok(Complaint::Nothing);
    }
    let (src, dst) = (payload.header.source(), payload.header.destination());
    let right = tcp.calc_checksum_ipv4_raw(src, dst, &payload.bytes[tcp.slice().len()..]);
    if right == Ok(tcp.checksum()) {
        Ok(Complaint::Nothing)
    } else {
        Ok(Complaint::BadChecksum("tcp"))
    }
}

/// tcpdump's letters, `.` being ACK; `none` when no flag is set.
fn flags(out: &mut dyn Write, tcp: &TcpHeaderSlice<'_>) -> fmt::Result {
    let letters = [
        (tcp.fin(), 'F'),
        (tcp.syn(), 'S'),
        (tcp.rst(), 'R'),
        (tcp.psh(), 'P'),
        (tcp.ack(), '.'),
        (tcp.urg(), 'U'),
        (tcp.ece(), 'E'),
        (tcp.cwr(), 'W'),
    ];
    if letters.iter().all(|(set, _)| !set) {
        return out.write_str("none");
    }
    for (_, letter) in letters.iter().filter(|(set, _)| *set) {
        out.write_char(*letter)?;
    }
    Ok(())
}

fn ports(
    out: &mut dyn Write,
    name: &str,
    payload: &Payload<'_>,
    from: u16,
    to: u16,
) -> fmt::Result {
    let (src, dst) = (payload.header.source_addr(), payload.header.destination_addr());
    write!(out, "{name} {src}:{from} > {dst}:{to}")
}

/// A header that is not wholly here.
pub(super) fn cut(
    out: &mut dyn Write,
    name: &str,
    payload: &Payload<'_>,
    need: usize,
) -> Result<Complaint, fmt::Error> {
    ipv4::ends(out, name, &payload.header)?;
    write!(out, " truncated: header of {need}, {} bytes", payload.bytes.len())?;
    write!(out, " ttl {}", payload.header.ttl())?;
    Ok(Complaint::Nothing)
}
