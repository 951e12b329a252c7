//! Which frames belong together: what is left out together at first.
//!
//! Invariant: fragments of one datagram are in one group, at each level but the last.

use dataplane::wire::arp;
use dataplane::wire::ethernet::{EtherType, Header};
use dataplane::wire::ipv4::View;
use dataplane::wire::l4;
use std::net::Ipv4Addr;

/// How much is in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// All that two hosts have to do with each other, ARP too.
    Hosts,
    /// A flow, in both directions: two hosts, a protocol, and ports; fragments without them.
    Flow,
    /// A datagram with all of its fragments.
    Datagram,
    /// Each frame by itself.
    Frame,
}

impl Level {
    pub const ALL: [Level; 4] = [Level::Hosts, Level::Flow, Level::Datagram, Level::Frame];
}

/// What a frame has in common with those of its group. `number` is the frame's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Hosts(Ipv4Addr, Ipv4Addr),
    Flow { hosts: (Ipv4Addr, Ipv4Addr), protocol: u8, ports: (u16, u16) },
    Datagram { src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, id: u16 },
    Other { ether_type: u16 },
    Frame(usize),
}

/// The group of a frame.
pub(super) fn key(level: Level, frame: &[u8], number: usize) -> Key {
    if level == Level::Frame {
        return Key::Frame(number);
    }
    let (ether_type, packet) = behind_tags(frame);
    if ether_type == EtherType::ARP
        && let Ok(arp) = arp::Packet::parse(packet)
    {
        return match level {
            Level::Datagram | Level::Frame => Key::Frame(number),
            Level::Hosts | Level::Flow => hosts(arp.sender_ip, arp.target_ip),
        };
    }
    let view = match View::new(packet) {
        Ok(view) if ether_type == EtherType::IPV4 => view,
        Ok(_) | Err(_) if level == Level::Datagram => return Key::Frame(number),
        Ok(_) | Err(_) => return Key::Other { ether_type: ether_type.0 },
    };
    let (src, dst, protocol) = (view.src(), view.dst(), view.protocol().0);
    match level {
        Level::Hosts => hosts(src, dst),
        Level::Datagram if view.is_fragment() => {
            Key::Datagram { src, dst, protocol, id: view.id() }
        }
        Level::Datagram | Level::Frame => Key::Frame(number),
        Level::Flow => {
            let body = packet.get(view.header_len()..).unwrap_or_default();
            let ports = match view.is_fragment() {
                true => None,
                false => l4::ports(view.protocol(), body),
            };
            let (from, to) = ports.unwrap_or_default();
            let (hosts, ports) = match src <= dst {
                true => ((src, dst), (from, to)),
                false => ((dst, src), (to, from)),
            };
            Key::Flow { hosts, protocol, ports }
        }
    }
}

fn hosts(one: Ipv4Addr, other: Ipv4Addr) -> Key {
    Key::Hosts(one.min(other), one.max(other))
}

/// The EtherType behind any VLAN tags, and what follows it.
pub(super) fn behind_tags(frame: &[u8]) -> (EtherType, &[u8]) {
    let at = packet_at(frame);
    let ether_type = match frame.get(at.saturating_sub(2)..at) {
        Some([high, low]) => EtherType(u16::from_be_bytes([*high, *low])),
        Some(_) | None => EtherType(0),
    };
    (ether_type, frame.get(at..).unwrap_or_default())
}

/// Where the packet begins, behind the Ethernet header and up to two VLAN tags.
pub(super) fn packet_at(frame: &[u8]) -> usize {
    let mut at = 14;
    if Header::parse(frame).is_err() {
        return frame.len();
    }
    for _ in 0..2 {
        let tagged = matches!(frame.get(at - 2..at), Some([0x81, 0x00] | [0x88, 0xa8]));
        if tagged && frame.len() >= at + 4 {
            at += 4;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::{ALICE, BOB, DUT_LAN, arp_reply, udp};

    #[test]
    fn both_ways_of_a_flow_are_one_group() {
        let (there, back) = (udp(ALICE, BOB).build(), udp(BOB, ALICE).build());
        let mut mirrored = back.clone();
        // The fixture has the same ports both ways: swap them, as an answer does.
        mirrored.swap(34, 36);
        mirrored.swap(35, 37);
        assert_eq!(key(Level::Flow, &there, 0), key(Level::Flow, &mirrored, 1));
        assert_ne!(key(Level::Flow, &there, 0), key(Level::Flow, &back, 1));
        assert_eq!(key(Level::Hosts, &there, 0), key(Level::Hosts, &back, 1));
        assert_ne!(key(Level::Datagram, &there, 0), key(Level::Datagram, &there, 1));
        let arp = arp_reply(ALICE, DUT_LAN).build();
        assert_eq!(key(Level::Flow, &arp, 3), Key::Hosts(DUT_LAN.ip, ALICE.ip));
    }

    #[test]
    fn fragments_of_one_datagram_stay_together() {
        let mut first = udp(ALICE, BOB).build();
        first[20] = 0x20;
        let mut last = first.clone();
        (last[20], last[21]) = (0, 1);
        for level in [Level::Hosts, Level::Flow, Level::Datagram] {
            assert_eq!(key(level, &first, 0), key(level, &last, 1), "{level:?}");
        }
        last[19] ^= 1;
        assert_ne!(key(Level::Datagram, &first, 0), key(Level::Datagram, &last, 1));
        assert_ne!(key(Level::Frame, &first, 0), key(Level::Frame, &first, 1));
    }

    #[test]
    fn tags_hide_nothing_and_stumps_are_no_fault() {
        let plain = udp(ALICE, BOB).build();
        let mut tagged = plain.clone();
        tagged.splice(12..12, [0x88, 0xa8, 0, 1, 0x81, 0x00, 0, 2]);
        assert_eq!(key(Level::Flow, &plain, 0), key(Level::Flow, &tagged, 0));
        for len in 0..plain.len() {
            for level in Level::ALL {
                key(level, &plain[..len], 0);
            }
        }
    }
}
