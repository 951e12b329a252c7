//! ICMP (RFC 792): what it says, and of an error the datagram it is about.

use super::ipv4::{self, Complaint, Payload};
use super::transport::cut;
use etherparse::Icmpv4Slice;
use std::fmt::{self, Write};
use std::net::Ipv4Addr;

pub(super) fn message(out: &mut dyn Write, payload: &Payload<'_>) -> Result<Complaint, fmt::Error> {
    let Some((head, data)) = payload.bytes.split_first_chunk::<8>() else {
        return cut(out, "icmp", payload, 8);
    };
    let [kind, code, _, _, rest @ ..] = *head;
    let [a, b, c, d] = rest;
    let (id, seq) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    ipv4::ends(out, "icmp", &payload.header)?;
    let name = name(kind, code);
    write!(out, " {name}")?;
    match (kind, code) {
        (0 | 8, 0) => {}
        _ if name == "message" => write!(out, " type {kind} code {code}")?,
        _ => write!(out, " ({kind}/{code})")?,
    }
    match kind {
        0 | 8 | 13 | 14 => write!(out, " id {id} seq {seq}")?,
        3 if code == 4 => write!(out, " mtu {seq}")?,
        5 => write!(out, " to {}", Ipv4Addr::from(rest))?,
        12 => write!(out, " at byte {a}")?,
        _ => {}
    }
    if matches!(kind, 3..=5 | 11 | 12) && !payload.scope.quoted {
        ipv4::quote(out, data)?;
        write!(out, " ttl {}", payload.header.ttl())?;
    } else {
        payload.ttl_len(out, 8)?;
    }
    if payload.is_whole() && !ipv4::checksum_fits(payload.bytes) {
        return Ok(Complaint::BadChecksum("icmp"));
    }
    if payload.is_whole() && Icmpv4Slice::from_slice(payload.bytes).is_err() {
        return Ok(Complaint::IcmpLength);
    }
    Ok(Complaint::Nothing)
}

fn name(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (0, _) => "echo reply",
        (8, _) => "echo request",
        (3, 0) => "net unreachable",
        (3, 1) => "host unreachable",
        (3, 2) => "protocol unreachable",
        (3, 3) => "port unreachable",
        (3, 4) => "fragmentation needed",
        (3, 5) => "source route failed",
        (3, 9 | 10 | 13) => "prohibited",
        (3, _) => "unreachable",
        (4, _) => "source quench",
        (5, 0) => "redirect net",
        (5, 1) => "redirect host",
        (5, _) => "redirect",
        (9, _) => "router advertisement",
        (10, _) => "router solicitation",
        (11, 0) => "time exceeded",
        (11, 1) => "reassembly time exceeded",
        (11, _) => "time exceeded",
        (12, _) => "parameter problem",
        (13, _) => "timestamp request",
        (14, _) => "timestamp reply",
        _ => "message",
    }
}
