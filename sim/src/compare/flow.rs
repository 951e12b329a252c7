//! To which flow a frame belongs, and what can be said of it, field by field.
//!
//! Invariant: any bytes are of a flow. What is not understood is compared as bytes. Not here: the
//! dataplane's own parsers; this is etherparse's reading, as `decode.rs` is.

use crate::bundle::hex;
use dataplane::Mac;
use etherparse::{ArpPacketSlice, EtherType, Ethernet2HeaderSlice, Ipv4HeaderSlice};
use etherparse::{SingleVlanHeaderSlice, ip_number};
use std::fmt;
use std::net::Ipv4Addr;

/// A flow, in words: `udp 198.51.100.7:4000 > 192.0.2.9:53`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flow {
    tags: String,
    /// Whether it is a request for a neighbour.
    pub request: bool,
    name: String,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.tags, self.name)
    }
}

/// A field: its name, and its value in words.
pub(super) type Field = (&'static str, String);

/// What is behind the Ethernet header and the tags.
struct Body<'a> {
    tags: Vec<(u16, u8)>,
    ether_type: EtherType,
    rest: &'a [u8],
}

fn body(frame: &[u8]) -> Option<Body<'_>> {
    let header = Ethernet2HeaderSlice::from_slice(frame).ok()?;
    let (mut ether_type, mut rest, mut tags) = (header.ether_type(), &frame[14..], Vec::new());
    while matches!(ether_type, EtherType::VLAN_TAGGED_FRAME | EtherType::PROVIDER_BRIDGING)
        && let Ok(tag) = SingleVlanHeaderSlice::from_slice(rest)
    {
        tags.push((tag.vlan_identifier().value(), tag.priority_code_point().value()));
        ether_type = tag.ether_type();
        rest = &rest[4..];
    }
    Some(Body { tags, ether_type, rest })
}

/// The IPv4 header and as much of its payload as is there, without what Ethernet pads.
fn datagram(rest: &[u8]) -> Option<(Ipv4HeaderSlice<'_>, &[u8])> {
    let header = Ipv4HeaderSlice::from_slice(rest).ok()?;
    let from = header.slice().len();
    let to = usize::from(header.total_len()).clamp(from, rest.len());
    Some((header, &rest[from..to]))
}

impl Flow {
    /// The flow of a frame.
    pub fn of(frame: &[u8]) -> Flow {
        let Some(body) = body(frame) else {
            return Flow { tags: String::new(), request: false, name: "runt".to_owned() };
        };
        let tags = body.tags.iter().map(|(vid, _)| format!("vlan {vid} ")).collect();
        let named = match body.ether_type {
            EtherType::ARP => arp_flow(body.rest),
            EtherType::IPV4 => ip_flow(body.rest).map(|name| (false, name)),
            _ => None,
        };
        let (request, name) = named.unwrap_or_else(|| {
            (false, format!("eth type {:#06x} from {}", body.ether_type.0, source(frame)))
        });
        Flow { tags, request, name }
    }
}

fn source(frame: &[u8]) -> Mac {
    Mac(frame.get(6..12).and_then(|mac| mac.try_into().ok()).unwrap_or_default())
}

fn arp_flow(rest: &[u8]) -> Option<(bool, String)> {
    let arp = ArpPacketSlice::from_slice(rest).ok()?;
    let ip = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from);
    let (sender, target) = (ip(arp.sender_protocol_addr())?, ip(arp.target_protocol_addr())?);
    Some(match arp.operation().0 {
        1 => (true, format!("arp who-has {target}")),
        2 => (false, format!("arp {sender} is-at, to {target}")),
        other => (false, format!("arp operation {other} of {sender}")),
    })
}

fn ip_flow(rest: &[u8]) -> Option<String> {
    let (header, payload) = datagram(rest)?;
    let (src, dst) = (header.source_addr(), header.destination_addr());
    let name = match header.protocol() {
        ip_number::ICMP => "icmp".to_owned(),
        ip_number::TCP => "tcp".to_owned(),
        ip_number::UDP => "udp".to_owned(),
        other => format!("protocol {}", other.0),
    };
    if header.is_fragmenting_payload() {
        return Some(format!("{name} {src} > {dst} fragments"));
    }
    Some(match (header.protocol(), payload) {
        (ip_number::TCP | ip_number::UDP, [a, b, c, d, ..]) => {
            let (from, to) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
            format!("{name} {src}:{from} > {dst}:{to}")
        }
        (ip_number::ICMP, [kind @ (0 | 8), _, _, _, a, b, ..]) => {
            let which = if *kind == 0 { "reply" } else { "request" };
            format!("icmp {src} > {dst} echo {which} id {}", u16::from_be_bytes([*a, *b]))
        }
        (ip_number::ICMP, [kind, code, ..]) => format!("icmp {src} > {dst} {kind}/{code}"),
        _ => format!("{name} {src} > {dst}"),
    })
}

/// What is compared of a frame. Of packets from `own` addresses, the identification is free.
pub(super) fn fields(frame: &[u8], own: &[Ipv4Addr]) -> Vec<Field> {
    let Some(body) = body(frame) else { return vec![("bytes", hex(frame))] };
    let destination = Mac(frame[..6].try_into().unwrap_or_default());
    let mut fields: Vec<Field> =
        vec![("to MAC", destination.to_string()), ("from MAC", source(frame).to_string())];
    for (vid, priority) in body.tags {
        fields.extend([("vlan", vid.to_string()), ("priority", priority.to_string())]);
    }
    fields.push(("ethertype", format!("{:#06x}", body.ether_type.0)));
    let more = match body.ether_type {
        EtherType::ARP => arp_fields(body.rest),
        EtherType::IPV4 => ip_fields(body.rest, own),
        _ => None,
    };
    fields.extend(more.unwrap_or_else(|| vec![("bytes", hex(body.rest))]));
    fields
}

fn arp_fields(rest: &[u8]) -> Option<Vec<Field>> {
    let arp = ArpPacketSlice::from_slice(rest).ok()?;
    Some(vec![
        ("arp operation", arp.operation().0.to_string()),
        ("arp sender MAC", hex(arp.sender_hw_addr())),
        ("arp sender", hex(arp.sender_protocol_addr())),
        ("arp target MAC", hex(arp.target_hw_addr())),
        ("arp target", hex(arp.target_protocol_addr())),
    ])
}

fn ip_fields(rest: &[u8], own: &[Ipv4Addr]) -> Option<Vec<Field>> {
    let (header, payload) = datagram(rest)?;
    let is_own = own.contains(&header.source_addr());
    let mut fields = vec![
        ("tos", format!("{:#04x}", header.slice()[1])),
        ("length", header.total_len().to_string()),
        ("DF", u8::from(header.dont_fragment()).to_string()),
        ("MF", u8::from(header.more_fragments()).to_string()),
        ("offset", (u32::from(header.fragments_offset().value()) * 8).to_string()),
        ("ttl", header.ttl().to_string()),
        ("protocol", header.protocol().0.to_string()),
        ("source", header.source_addr().to_string()),
        ("destination", header.destination_addr().to_string()),
        ("options", hex(header.options())),
    ];
    if !is_own {
        fields.push(("identification", header.identification().to_string()));
    }
    // That of an own packet follows from its identification.
    let sum = header.header_checksum();
    let right = header.to_header().calc_header_checksum() == sum;
    fields.push((
        "IP checksum",
        match (is_own, right) {
            (true, true) => "right".to_owned(),
            _ => format!("{sum:#06x}"),
        },
    ));
    match (header.protocol(), header.is_fragmenting_payload(), payload) {
        (ip_number::ICMP, false, [kind, code, a, b, rest @ ..]) if rest.len() >= 4 => {
            fields.extend([
                ("icmp type", kind.to_string()),
                ("icmp code", code.to_string()),
                ("icmp checksum", hex(&[*a, *b])),
                ("icmp rest of header", hex(&rest[..4])),
                ("icmp data", hex(&rest[4..])),
            ]);
        }
        _ => fields.push(("payload", hex(payload))),
    }
    Some(fields)
}

/// The fields of which the two have other values, as they are shown.
pub(super) fn differing(recorded: &[Field], here: &[Field]) -> Vec<(String, String, String)> {
    let value = |fields: &[Field], name: &str, nth: usize| {
        let mut all = fields.iter().filter(|(other, _)| *other == name);
        all.nth(nth).map_or("nothing".to_owned(), |(_, value)| value.clone())
    };
    let mut names: Vec<(&str, usize)> = Vec::new();
    for fields in [recorded, here] {
        for (at, (name, _)) in fields.iter().enumerate() {
            let nth = fields[..at].iter().filter(|(other, _)| other == name).count();
            if !names.contains(&(name, nth)) {
                names.push((name, nth));
            }
        }
    }
    let both = names
        .into_iter()
        .map(|(name, nth)| (name.to_owned(), value(recorded, name, nth), value(here, name, nth)));
    both.filter(|(_, a, b)| a != b).map(|(name, a, b)| shortened(name, a, b)).collect()
}

/// Of long values, where they part.
fn shortened(name: String, a: String, b: String) -> (String, String, String) {
    const LONG: usize = 24;
    if a.len().max(b.len()) <= LONG {
        return (name, a, b);
    }
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count() / 2;
    let from = |text: &str| {
        let part = text.get(common * 2..text.len().min(common * 2 + 8)).unwrap_or_default();
        if part.is_empty() { "nothing".to_owned() } else { format!("{part}…") }
    };
    (format!("{name} from byte {common}"), from(&a), from(&b))
}
