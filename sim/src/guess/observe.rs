//! What a capture shows: stations, and per link who said which address is whose.
//!
//! Invariant: memory is bounded, whatever the capture: each table stops growing at [`TABLE`] rows.

use super::Side;
use crate::capture::{CaptureError, CaptureReader, Direction};
use dataplane::Mac;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Rows of a table.
const TABLE: usize = 65_536;

/// How often each thing was seen.
pub(super) type Counts<K> = BTreeMap<K, u64>;

/// What the captures show, side by side.
pub(super) struct Observed {
    pub(super) sides: Vec<Seen>,
    /// Of packets seen twice, the second time with a smaller TTL: the station that the first went
    /// to and the one that the second came from, each with its side.
    pub(super) forwarders: Counts<(usize, Mac)>,
    /// Packets by what does not change on the way: side, TTL, source and destination MAC.
    passing: BTreeMap<Identity, (usize, u8, Mac, Mac)>,
    keys: Vec<(PathBuf, Option<u32>)>,
}

/// Source, destination, identification and protocol, and a hash of the payload.
type Identity = (Ipv4Addr, Ipv4Addr, u16, u8, u64);

/// One side.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) frames: u64,
    pub(super) unicast: u64,
    pub(super) stations: BTreeMap<Mac, Station>,
    /// By VLAN; 0 is untagged.
    pub(super) links: BTreeMap<u16, Link>,
}

/// A station: a unicast MAC that sent or received.
#[derive(Default)]
pub(super) struct Station {
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Sent by the recording device itself, says the capture.
    pub(super) out: u64,
    pub(super) peers: BTreeSet<Mac>,
    /// ARP replies, echo replies and ICMP errors of its own.
    pub(super) answers: u64,
    /// ARP and ICMP to it.
    pub(super) questions: u64,
}

/// A link: the untagged frames of a side, or those of a VLAN.
#[derive(Default)]
pub(super) struct Link {
    /// Who said in ARP that an address is his.
    pub(super) arp: Counts<(Mac, Ipv4Addr)>,
    /// Addresses that somebody asked for by ARP.
    pub(super) asked: Counts<Ipv4Addr>,
    /// Who sent from which address.
    pub(super) from: Counts<(Mac, Ipv4Addr)>,
    /// Who was sent what is for which address.
    pub(super) to: Counts<(Mac, Ipv4Addr)>,
    /// Who sent ICMP errors from which address, with a TTL that nobody had decremented.
    pub(super) errors: Counts<(Mac, Ipv4Addr)>,
    /// Who said that packets to an address must not be longer.
    pub(super) mtus: BTreeMap<(Mac, Ipv4Addr), u16>,
    /// Bytes of the longest IPv4 packet.
    pub(super) longest: u16,
}

fn count<K: Ord>(table: &mut Counts<K>, key: K) {
    if let Some(n) = table.get_mut(&key) {
        *n += 1;
    } else if table.len() < TABLE {
        table.insert(key, 1);
    }
}

impl Observed {
    pub(super) fn new(sides: &[Side]) -> Observed {
        Observed {
            sides: sides.iter().map(|_| Seen::default()).collect(),
            forwarders: BTreeMap::new(),
            passing: BTreeMap::new(),
            keys: sides.iter().map(|side| (side.path.clone(), side.interface)).collect(),
        }
    }

    /// Reads a capture.
    pub(super) fn read(&mut self, path: &Path) -> Result<(), CaptureError> {
        let mut reader = CaptureReader::open(path)?;
        while let Some(record) = reader.next_record()? {
            let is_mine = |(file, interface): &(PathBuf, Option<u32>)| {
                file == path && interface.is_none_or(|i| i == record.interface)
            };
            let Some(side) = self.keys.iter().position(is_mine) else { continue };
            self.frame(side, record.data, record.direction == Some(Direction::Out));
        }
        Ok(())
    }

    /// Looks at a frame.
    pub(super) fn frame(&mut self, side: usize, frame: &[u8], out: bool) {
        let seen = &mut self.sides[side];
        seen.frames += 1;
        let Some((header, body)) = frame.split_at_checked(14) else { return };
        let (to, from) = (mac(header, 0), mac(header, 6));
        let mut vlan = 0;
        let (mut ethertype, mut body) = (be16(header, 12), body);
        if let (0x8100, Some((tag, inner))) = (ethertype, body.split_at_checked(4)) {
            vlan = be16(tag, 0) & 0xfff;
            (ethertype, body) = (be16(tag, 2), inner);
        }
        let unicast = is_station(to) && is_station(from) && to != from;
        seen.unicast += u64::from(unicast);
        if is_station(from) && seen.stations.len() < TABLE {
            let station = seen.stations.entry(from).or_default();
            station.sent += 1;
            station.out += u64::from(out);
            if unicast {
                station.peers.insert(to);
                let other = seen.stations.entry(to).or_default();
                other.received += 1;
                other.peers.insert(from);
            }
        }
        if vlan == 4095 {
            return;
        }
        match ethertype {
            0x0806 => self.arp(side, vlan, from, to, body),
            0x0800 => self.ipv4(side, vlan, from, to, body),
            _ => {}
        }
    }

    fn station(&mut self, side: usize, mac: Mac) -> Option<&mut Station> {
        self.sides[side].stations.get_mut(&mac)
    }

    fn arp(&mut self, side: usize, vlan: u16, from: Mac, to: Mac, body: &[u8]) {
        let Some(body) = body.get(..28) else { return };
        if (be16(body, 0), be16(body, 2), body[4], body[5]) != (1, 0x0800, 6, 4) {
            return;
        }
        let (op, sender, target) = (be16(body, 6), address(body, 14), address(body, 24));
        let link = self.sides[side].links.entry(vlan).or_default();
        if is_host(sender) && mac(body, 8) == from {
            count(&mut link.arp, (from, sender));
        }
        if op == 1 && is_host(target) && sender != target {
            count(&mut link.asked, target);
        }
        if let Some(station) = self.station(side, from) {
            station.answers += u64::from(op == 2);
        }
        if let Some(station) = self.station(side, to) {
            station.questions += 1;
        }
    }

    fn ipv4(&mut self, side: usize, vlan: u16, from: Mac, to: Mac, packet: &[u8]) {
        let Some(header) = packet.get(..20) else { return };
        let header_len = usize::from(header[0] & 0xf) * 4;
        if header[0] >> 4 != 4 || header_len < 20 {
            return;
        }
        let (source, destination) = (address(header, 12), address(header, 16));
        let (ttl, protocol, length) = (header[8], header[9], be16(header, 2));
        let payload = packet.get(header_len..usize::from(length).min(packet.len()));
        let payload = payload.unwrap_or_default();
        let link = self.sides[side].links.entry(vlan).or_default();
        link.longest = link.longest.max(length);
        if is_host(source) {
            count(&mut link.from, (from, source));
        }
        if is_station(to) && is_host(destination) {
            count(&mut link.to, (to, destination));
        }
        let fresh = matches!(ttl, 64 | 128 | 255);
        let mut answers = 0;
        if let (1, Some(icmp)) = (protocol, payload.get(..8)) {
            let error = matches!(icmp[0], 3 | 5 | 11 | 12) && fresh;
            if error && is_host(source) {
                count(&mut link.errors, (from, source));
                answers = 1;
            }
            if (icmp[0], icmp[1]) == (3, 4)
                && let Some(quoted) = payload.get(8..28)
                && error
                && link.mtus.len() < TABLE
            {
                link.mtus.insert((from, address(quoted, 16)), be16(icmp, 6));
            }
            answers += u64::from(icmp[0] == 0 && fresh);
            if let Some(station) = self.station(side, to) {
                station.questions += 1;
            }
        }
        if let Some(station) = self.station(side, from) {
            station.answers += answers;
        }
        let hash = xxhash_rust::xxh3::xxh3_64(payload);
        let identity = (source, destination, be16(header, 4), protocol, hash);
        self.passes(identity, (side, ttl, from, to));
    }

    /// The same packet again, with a smaller TTL: somebody forwarded it.
    fn passes(&mut self, identity: Identity, now: (usize, u8, Mac, Mac)) {
        match self.passing.get(&identity) {
            Some(first) => {
                let (before, after) = if first.1 > now.1 { (*first, now) } else { (now, *first) };
                if before.1 != after.1 && is_station(before.3) {
                    count(&mut self.forwarders, (before.0, before.3));
                    count(&mut self.forwarders, (after.0, after.2));
                }
            }
            None if self.passing.len() < TABLE => {
                self.passing.insert(identity, now);
            }
            None => {}
        }
    }
}

impl Link {
    /// Whether this station sent or received here.
    pub(super) fn involves(&self, mac: Mac) -> bool {
        let any = |table: &Counts<(Mac, Ipv4Addr)>| table.keys().any(|(m, _)| *m == mac);
        any(&self.arp) || any(&self.from) || any(&self.to)
    }

    /// The stations here, but for `but`.
    pub(super) fn stations(&self, but: Mac) -> BTreeSet<Mac> {
        let tables = [&self.arp, &self.from, &self.to];
        let all = tables.into_iter().flat_map(|table| table.keys().map(|(mac, _)| *mac));
        all.filter(|mac| *mac != but && is_station(*mac)).collect()
    }
}

/// The addresses of one station in a table, with their counts.
pub(super) fn of(table: &Counts<(Mac, Ipv4Addr)>, mac: Mac) -> Counts<Ipv4Addr> {
    let (first, last) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
    table.range((mac, first)..=(mac, last)).map(|((_, ip), n)| (*ip, *n)).collect()
}

/// Whether this is the MAC of a single station.
pub(super) fn is_station(mac: Mac) -> bool {
    !mac.is_multicast() && mac != Mac::ZERO
}

/// Whether a host may have this address.
pub(super) fn is_host(address: Ipv4Addr) -> bool {
    !matches!(address.octets()[0], 0 | 127 | 224..)
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn address(bytes: &[u8], at: usize) -> Ipv4Addr {
    Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3])
}

fn mac(bytes: &[u8], at: usize) -> Mac {
    let mut octets = [0; 6];
    octets.copy_from_slice(&bytes[at..at + 6]);
    Mac(octets)
}
