//! Which station the recorded device is.
//!
//! Asked side by side, the strongest evidence first: what somebody said, what the capture says of
//! directions, packets that were forwarded, a station that takes part in everything, one that
//! answers. If nothing of that is there, the capture shows two hosts that talk to each other, and
//! the device is put between them.

use super::observe::{Link, Observed, Seen, Station, is_station};
use super::{many, times};
use crate::plan::Ours;
use dataplane::Mac;
use std::net::Ipv4Addr;

/// Who the device is.
#[derive(Debug)]
pub(super) enum Device {
    /// A station of each side.
    Stations(Vec<Face>),
    /// None: a router is put between these two, the first of whom talks more.
    Between(Mac, Mac),
}

/// The device on one side.
#[derive(Clone, Debug)]
pub(super) struct Face {
    pub(super) mac: Mac,
    /// On what evidence.
    pub(super) why: String,
}

/// Finds the device.
pub(super) fn find(observed: &Observed, ours: &[Ours]) -> Device {
    let mut faces = Vec::new();
    for (number, seen) in observed.sides.iter().enumerate() {
        let said = said(seen, ours);
        let face = said
            .or_else(|| outgoing(seen))
            .or_else(|| forwarder(observed, number))
            .or_else(|| hub(seen))
            .or_else(|| answerer(seen));
        faces.push(face);
    }
    if let ([None], [seen]) = (faces.as_slice(), observed.sides.as_slice())
        && let Some((a, b)) = two_loudest(seen)
    {
        return Device::Between(a, b);
    }
    let numbered = faces.into_iter().zip(&observed.sides).zip(1u8..);
    Device::Stations(
        numbered.map(|((face, seen), n)| face.unwrap_or_else(|| weak(seen, n))).collect(),
    )
}

fn face(mac: Mac, why: String) -> Option<Face> {
    Some(Face { mac, why })
}

/// The station with the address that somebody named.
fn said(seen: &Seen, ours: &[Ours]) -> Option<Face> {
    ours.iter().find_map(|ours| match ours {
        Ours::Mac(mac) => {
            let station = seen.stations.get(mac)?;
            let Station { sent, received, .. } = station;
            face(
                *mac,
                format!(
                    "as given; it sent {} and was sent {received}",
                    many(*sent, "frame", "frames")
                ),
            )
        }
        Ours::Ip(ip) => {
            let (mac, n, how) = seen.links.values().find_map(|link| owner(link, *ip))?;
            face(mac, format!("{ip} was given, and {how} {}", times(n)))
        }
    })
}

/// Whose address it is: who says so by ARP, else who is sent what is for it, else who sends from
/// it.
fn owner(link: &Link, ip: Ipv4Addr) -> Option<(Mac, u64, &'static str)> {
    let tables = [
        (&link.arp, "this MAC said by ARP that it has it"),
        (&link.to, "this MAC was sent what is for it"),
        (&link.from, "this MAC sent from it"),
    ];
    tables.into_iter().find_map(|(table, how)| {
        let rows = table.iter().filter(|((mac, a), _)| *a == ip && is_station(*mac));
        rows.max_by_key(|(_, n)| **n).map(|((mac, _), n)| (*mac, *n, how))
    })
}

/// The capture says itself which frames went out.
fn outgoing(seen: &Seen) -> Option<Face> {
    let (mac, station) = seen.stations.iter().max_by_key(|(_, s)| s.out)?;
    match station.out {
        0 => None,
        n => {
            let frames = many(n, "frame", "frames");
            face(*mac, format!("it sent {frames}, marked by the capture as outgoing"))
        }
    }
}

/// Packets came to it and left it with a smaller TTL.
fn forwarder(observed: &Observed, side: usize) -> Option<Face> {
    let mine = observed.forwarders.iter().filter(|((s, _), _)| *s == side);
    let ((_, mac), n) = mine.max_by_key(|(_, n)| **n)?;
    let packets = many(*n, "packet", "packets");
    face(
        *mac,
        format!("{packets} to it or from it can be seen twice, with another TTL: it forwards"),
    )
}

/// It takes part in nearly everything, and has several peers.
fn hub(seen: &Seen) -> Option<Face> {
    let mut busy: Vec<(u64, usize, Mac)> = seen
        .stations
        .iter()
        .map(|(mac, s)| (unicast(s), s.peers.len(), *mac))
        .filter(|(frames, ..)| *frames > 0)
        .collect();
    busy.sort_by(|a, b| b.cmp(a));
    let [(most, peers, mac), (second, ..), ..] = busy.as_slice() else { return None };
    if *peers < 2 || most == second || most * 10 < seen.unicast * 9 {
        return None;
    }
    let all = seen.unicast;
    face(*mac, format!("it is in {most} of {all} unicast frames, with {peers} peers"))
}

/// It answers ARP and pings, and at least half of what it gets are such questions.
fn answerer(seen: &Seen) -> Option<Face> {
    let answers = |s: &Station| s.answers > 0 && s.questions * 2 >= s.received.max(1);
    let found = seen.stations.iter().filter(|(_, s)| answers(s));
    let (mac, station) = found.max_by_key(|(_, s)| s.answers)?;
    let Station { answers, received, .. } = station;
    face(
        *mac,
        format!(
            "it answered ARP or ICMP {}, and was sent {}",
            times(*answers),
            many(*received, "frame", "frames")
        ),
    )
}

/// The two stations with the most frames between them.
fn two_loudest(seen: &Seen) -> Option<(Mac, Mac)> {
    let mut busy: Vec<(u64, u64, Mac)> =
        seen.stations.iter().map(|(mac, s)| (unicast(s), s.sent, *mac)).collect();
    busy.retain(|(frames, ..)| *frames > 0);
    busy.sort_by(|a, b| b.cmp(a));
    match busy.as_slice() {
        [(_, _, a), (_, _, b), ..] => Some((*a, *b)),
        [_] | [] => None,
    }
}

/// Unicast frames that it takes part in.
fn unicast(station: &Station) -> u64 {
    match station.peers.is_empty() {
        true => 0,
        false => station.sent + station.received,
    }
}

/// The most that can be said without evidence.
fn weak(seen: &Seen, number: u8) -> Face {
    let loudest =
        seen.stations.iter().filter(|(_, s)| unicast(s) > 0).max_by_key(|(_, s)| unicast(s));
    match loudest {
        Some((mac, station)) => Face {
            mac: *mac,
            why: format!("weak: it is in more unicast frames than others, {}", unicast(station)),
        },
        None => Face {
            mac: Mac([2, 0, 0, 0, 1, number]),
            why: "made up: no frame here is from one station to another".to_owned(),
        },
    }
}
