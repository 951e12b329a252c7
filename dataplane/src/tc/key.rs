//! What classifiers and bands know of a frame: read from its bytes, never from what others say.
//!
//! Invariant: at most two tags are read, so that no frame keeps us busy.
//!
//! DPVS: the parser of cls_match.c and sch_pfifo_fast.c never gets beyond a second 0x8100, and the
//! lcore hangs (defect B59); the type of a frame that leaves is what somebody left in `packet_type`
//! (B64); ports are read from fragments that have none, and header lengths are believed (B69).

use super::config::{Match, Range};
use crate::planted::{Defect, Planted};
use crate::types::PortId;
use crate::wire::ethernet::{self, EtherType};
use crate::wire::{ipv4, l4, vlan};
use std::net::Ipv4Addr;

/// Tags that are looked behind.
const TAGS: usize = 2;

/// What is known of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The device at which it is looked at.
    pub dev: PortId,
    /// The type in the Ethernet header; nothing if the frame ends within that.
    outer: Option<EtherType>,
    /// The type behind the tags.
    inner: Option<EtherType>,
    ip: Option<Ip>,
    /// Type of service, traffic class; 0 for what has none.
    tos: u8,
    pub(super) planted: Planted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ip {
    protocol: u8,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    ports: Option<(u16, u16)>,
}

impl Key {
    /// Reads a frame from its Ethernet header on.
    pub fn of(frame: &[u8], dev: PortId) -> Key {
        Key::read(frame, dev, Planted::default())
    }

    pub(super) fn read(frame: &[u8], dev: PortId, planted: Planted) -> Key {
        let mut key = Key { dev, outer: None, inner: None, ip: None, tos: 0, planted };
        let Ok(header) = ethernet::Header::parse(frame) else { return key };
        (key.outer, key.inner) = (Some(header.ether_type), Some(header.ether_type));
        let mut rest = frame;
        for _ in 0..TAGS {
            if !matches!(key.inner, Some(EtherType::VLAN | EtherType::QINQ)) {
                break;
            }
            // A tag is read at the same place of a frame that begins so much later.
            let Ok(tag) = vlan::Tag::parse(rest) else {
                key.inner = None;
                return key;
            };
            key.inner = Some(tag.ether_type);
            rest = rest.get(vlan::TAG_LEN..).unwrap_or_default();
        }
        let packet = rest.get(ethernet::HEADER_LEN..).unwrap_or_default();
        match key.inner {
            Some(EtherType::IPV4) => {
                if let Ok(view) = ipv4::View::new(packet) {
                    key.tos = view.tos();
                    key.ip = Some(Ip::of(&view, packet, planted));
                }
            }
            Some(EtherType::IPV6) => {
                if let Some([first, second]) = packet.first_chunk() {
                    key.tos = first << 4 | second >> 4;
                }
            }
            _ => {}
        }
        key
    }

    /// The band of a pfifo_fast, by the four bits behind the precedence (RFC 1349): bulk last, low
    /// delay first, and the rest between.
    ///
    /// As Linux, where these bits are a priority (`ip_tos2prio`) and that is a band.
    // DPVS: takes the bits for the priority, so that low delay (0x10) is in the middle band. Nobody
    // sees it, since a pfifo_fast of DPVS never holds more than one packet.
    pub fn band(&self) -> usize {
        match self.tos >> 1 & 0x0f {
            4..8 => 2,
            8..12 => 0,
            _ => 1,
        }
    }
}

impl Ip {
    fn of(view: &ipv4::View<'_>, packet: &[u8], planted: Planted) -> Ip {
        let first = view.fragment_offset() == ipv4::FragOffset::ZERO
            || planted.is(Defect::ClsFragmentPorts);
        let ports = packet
            .get(view.header_len()..)
            .filter(|_| first)
            .and_then(|bytes| l4::ports(view.protocol(), bytes));
        Ip { protocol: view.protocol().0, src: view.src(), dst: view.dst(), ports }
    }
}

impl Match {
    /// Whether a packet looks like this.
    pub fn matches(&self, key: &Key) -> bool {
        let typed = |wanted: EtherType| {
            let swapped = key.planted.is(Defect::ClsTypeSwapped);
            let wanted = if swapped { EtherType(wanted.0.swap_bytes()) } else { wanted };
            key.outer == Some(wanted) || key.inner == Some(wanted)
        };
        let here = |dev| dev == key.dev;
        self.ether_type.is_none_or(typed)
            && self.iif.is_none_or(here)
            && self.oif.is_none_or(here)
            && (!self.needs_ip() || key.ip.is_some_and(|ip| self.matches_ip(&ip, key.planted)))
    }

    fn needs_ip(&self) -> bool {
        let ports = self.sport.is_some() || self.dport.is_some();
        self.protocol.is_some() || self.src.is_some() || self.dst.is_some() || ports
    }

    fn matches_ip(&self, ip: &Ip, planted: Planted) -> bool {
        let dst = if planted.is(Defect::ClsDstBySrc) { self.dst.and(self.src) } else { self.dst };
        let port = |wanted: Option<Range<u16>>, of: fn((u16, u16)) -> u16| {
            wanted.is_none_or(|range| ip.ports.is_some_and(|ports| range.contains(of(ports))))
        };
        self.protocol.is_none_or(|protocol| protocol == ip.protocol)
            && self.src.is_none_or(|range| range.contains(ip.src))
            && dst.is_none_or(|range| range.contains(ip.dst))
            && port(self.sport, |(src, _)| src)
            && port(self.dport, |(_, dst)| dst)
    }
}
