//! Which frames of a capture are input.
//!
//! A capture of a router's interface has both what came to it and what it sent itself. Only the
//! former is input; the latter is for us to make anew.

use crate::plan::{Ours, Select};
use crate::rss::behind_tags;
use dataplane::Mac;
use std::net::Ipv4Addr;

/// Whether a frame is input.
pub(crate) fn selects(select: &Select, interface: u32, frame: &[u8]) -> bool {
    select.interface.is_none_or(|only| only == interface)
        && !select.ours.iter().any(|ours| sent_by(frame, *ours))
}

fn sent_by(frame: &[u8], ours: Ours) -> bool {
    match ours {
        Ours::Mac(Mac(mac)) => frame.get(6..12) == Some(&mac[..]),
        Ours::Ip(address) => source_address(frame) == Some(address),
    }
}

/// The source of an IPv4 packet, or the sender of an ARP packet, behind any VLAN tags.
fn source_address(frame: &[u8]) -> Option<Ipv4Addr> {
    let (ether_type, packet) = behind_tags(frame)?.split_first_chunk::<2>()?;
    let offset = match ether_type {
        [0x08, 0x00] => 12,
        [0x08, 0x06] => 14,
        _ => return None,
    };
    let octets = packet.get(offset..)?.first_chunk::<4>()?;
    Some(Ipv4Addr::from(*octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);

    fn frame(ether_type: [u8; 2], offset: usize, source: Ipv4Addr) -> Vec<u8> {
        let mut frame = vec![0; 60];
        frame[6..12].copy_from_slice(&MAC.0);
        frame[12..14].copy_from_slice(&ether_type);
        frame[14 + offset..18 + offset].copy_from_slice(&source.octets());
        frame
    }

    #[test]
    fn what_we_sent_is_known_by_its_source() {
        let select = |ours| Select { interface: None, ours: vec![ours] };
        let other = Ipv4Addr::new(192, 0, 2, 2);
        for (ether_type, offset) in [([0x08, 0x00], 12), ([0x08, 0x06], 14)] {
            let mut ours = frame(ether_type, offset, US);
            assert!(!selects(&select(Ours::Ip(US)), 0, &ours));
            assert!(selects(&select(Ours::Ip(US)), 0, &frame(ether_type, offset, other)));
            ours.splice(12..12, [0x88, 0xa8, 0, 1, 0x81, 0x00, 0, 2]);
            assert!(!selects(&select(Ours::Ip(US)), 0, &ours));
        }
        assert!(!selects(&select(Ours::Mac(MAC)), 0, &frame([0x86, 0xdd], 0, other)));
        assert!(selects(&select(Ours::Mac(Mac::ZERO)), 0, &frame([0x86, 0xdd], 0, other)));
    }

    #[test]
    fn a_frame_too_short_to_have_a_source_is_input() {
        let select = Select { interface: None, ours: vec![Ours::Ip(US), Ours::Mac(MAC)] };
        for len in 0..12 {
            assert!(selects(&select, 0, &[0x55; 12][..len]));
        }
    }

    #[test]
    fn an_interface_can_be_picked() {
        let select = Select { interface: Some(1), ours: Vec::new() };
        assert!(selects(&select, 1, &[]));
        assert!(!selects(&select, 0, &[]));
    }
}
