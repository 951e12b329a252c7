//! ARP for IPv4 over Ethernet; of any other only the numbers.

use super::truncated;
use dataplane::Mac;
use etherparse::{ArpOperation, ArpPacketSlice, EtherType};
use std::fmt::{self, Write};
use std::net::Ipv4Addr;

pub(super) fn packet(out: &mut dyn Write, bytes: &[u8]) -> fmt::Result {
    let arp = match ArpPacketSlice::from_slice(bytes) {
        Ok(arp) => arp,
        Err(error) => return truncated(out, "arp", "packet", error.required_len, bytes.len()),
    };
    let ends = (
        mac(arp.sender_hw_addr()),
        ip(arp.sender_protocol_addr()),
        mac(arp.target_hw_addr()),
        ip(arp.target_protocol_addr()),
    );
    let plain = arp.hw_addr_type().0 == 1 && arp.proto_addr_type() == EtherType::IPV4;
    let (Some(sender), Some(sender_ip), Some(target), Some(target_ip), true) =
        (ends.0, ends.1, ends.2, ends.3, plain)
    else {
        return write!(
            out,
            "arp odd: op {} hardware {}, {} bytes, protocol {:#06x}, {} bytes",
            arp.operation().0,
            arp.hw_addr_type().0,
            arp.hw_addr_size(),
            arp.proto_addr_type().0,
            arp.proto_addr_size()
        );
    };
    match arp.operation() {
        ArpOperation::REQUEST if sender_ip.is_unspecified() => {
            write!(out, "arp probe {target_ip} from {sender}")
        }
        ArpOperation::REQUEST if sender_ip == target_ip => {
            write!(out, "arp announce {sender_ip} is-at {sender}")
        }
        ArpOperation::REQUEST => write!(out, "arp who-has {target_ip} tell {sender_ip}"),
        ArpOperation::REPLY if sender_ip == target_ip => {
            write!(out, "arp announce {sender_ip} is-at {sender} by reply")
        }
        ArpOperation::REPLY => write!(out, "arp {sender_ip} is-at {sender}"),
        ArpOperation(other) => {
            write!(out, "arp op {other} {sender_ip} {sender} > {target_ip} {target}")
        }
    }
}

fn mac(bytes: &[u8]) -> Option<Mac> {
    <[u8; 6]>::try_from(bytes).ok().map(Mac)
}

fn ip(bytes: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from)
}
