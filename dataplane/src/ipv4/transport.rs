//! Whether what a packet for us carries is UDP or TCP at all: before its sender is told that nobody
//! is at the port.
//!
//! Invariant: nothing is said about a datagram or segment that nobody may take notice of.
//! Not here: who would be at a port; the box has neither UDP nor TCP of its own.
//!
//! DPVS: it hands both to the kernel, unread.

use super::Ip;
use crate::drop::DropReason;
use crate::packet::{self, Buf};
use crate::wire::checksum::Sum;
use crate::wire::ipv4::Protocol;

const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;

/// Why a whole packet for us has to be discarded silently, if it has to. Other protocols are not
/// looked at.
pub(super) fn fault(ip: &Ip, buf: &impl Buf) -> Option<DropReason> {
    match ip.protocol {
        Protocol::UDP => udp(ip, buf),
        Protocol::TCP => tcp(ip, buf),
        _ => None,
    }
}

/// RFC 768: bytes behind the datagram's own length are none of it. RFC 1122 §4.1.3.4: a checksum of
/// zero is none.
fn udp(ip: &Ip, buf: &impl Buf) -> Option<DropReason> {
    let mut header = [0; UDP_HEADER];
    if buf.read(ip.header_len.into(), &mut header).is_err() {
        return Some(DropReason::TransportLength);
    }
    let [.., high, low, first, second] = header;
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len < UDP_HEADER || len > payload(ip) {
        return Some(DropReason::TransportLength);
    }
    let right = [first, second] == [0, 0] || sum(ip, buf, len) == 0;
    (!right).then_some(DropReason::TransportChecksum)
}

/// RFC 9293 §3.1: the header says where the data begins, and the checksum is never left out.
fn tcp(ip: &Ip, buf: &impl Buf) -> Option<DropReason> {
    let mut header = [0; TCP_HEADER];
    if buf.read(ip.header_len.into(), &mut header).is_err() {
        return Some(DropReason::TransportLength);
    }
    let data = usize::from(header[12] >> 4) * 4;
    if data < TCP_HEADER || data > payload(ip) {
        return Some(DropReason::TransportLength);
    }
    (sum(ip, buf, payload(ip)) != 0).then_some(DropReason::TransportChecksum)
}

fn payload(ip: &Ip) -> usize {
    usize::from(ip.total_len).saturating_sub(ip.header_len.into())
}

/// The checksum over the pseudo header and `len` bytes of payload: zero when it is right.
fn sum(ip: &Ip, buf: &impl Buf, len: usize) -> u16 {
    let mut sum = Sum::new();
    sum.add(&ip.src.octets());
    sum.add(&ip.dst.octets());
    sum.add(&[0, ip.protocol.0]);
    sum.add(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
    let start = usize::from(ip.header_len);
    packet::add(&mut sum, buf, start..start + len);
    sum.finish()
}
