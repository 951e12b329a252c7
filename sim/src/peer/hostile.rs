//! Somebody who sends what nobody should, by a script and the seed.
//!
//! Each attack draws from a stream of its own, so that one more shifts no other.
//!
//! Invariant: what is sent depends on the plan, the seed and, of an ARP liar, on what it hears. Not
//! here: whether the box minds (that is what the run shows).

mod craft;

use super::host::STEP;
use crate::plan::{AttackKind, AttackPlan, PeerPlan};
use craft::{Header, arp, ethernet, mend, syn, udp};
use dataplane::rng::Rng;
use dataplane::{Instant, Mac, VlanId};
use std::collections::VecDeque;
use std::net::Ipv4Addr;

/// Bytes of a frame with a packet of 1500 bytes.
const LARGEST: usize = 1514;
/// Bytes of the largest frame that there can be here.
const GIANT: usize = 65_535;

/// The box, as those on one of its links see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gateway {
    pub mac: Mac,
    pub address: Ipv4Addr,
}

/// Somebody hostile.
pub(super) struct Hostile {
    mac: Mac,
    address: Ipv4Addr,
    vlan: Option<VlanId>,
    gateway: Gateway,
    attacks: Vec<Attack>,
    inbox: VecDeque<Vec<u8>>,
    outbox: VecDeque<Vec<u8>>,
}

/// An attack that goes on.
struct Attack {
    plan: AttackPlan,
    rng: Rng,
    done: u32,
    frames: u64,
}

impl Attack {
    fn next(&self) -> Instant {
        match self.plan.what {
            // It does nothing by itself.
            AttackKind::ArpLiar => Instant::MAX,
            _ => self.plan.times.nth(self.done).unwrap_or(Instant::MAX).ceil_to(STEP),
        }
    }

    fn port(&mut self) -> u16 {
        1024 + u16::try_from(self.rng.below(64_512)).unwrap_or(0)
    }

    fn id(&mut self) -> u16 {
        u16::try_from(self.rng.below(65_536)).unwrap_or(0)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.rng.next_u64().to_le_bytes()[0]).collect()
    }

    /// Somebody in the /24 of an address.
    fn neighbour_of(&mut self, address: Ipv4Addr) -> Ipv4Addr {
        let [a, b, c, _] = address.octets();
        let last = u8::try_from(1 + self.rng.below(254)).unwrap_or(1);
        Ipv4Addr::new(a, b, c, last)
    }
}

impl Hostile {
    /// Somebody who has done nothing yet. `peer` is its own randomness.
    pub fn new(plan: &PeerPlan, attacks: &[AttackPlan], gateway: Gateway, peer: &Rng) -> Hostile {
        let attacks = attacks.iter().zip(0..).map(|(plan, n)| {
            let rng = peer.fork(&format!("does.{n}"));
            Attack { plan: plan.clone(), rng, done: 0, frames: 0 }
        });
        Hostile {
            mac: plan.mac,
            address: plan.address.addr(),
            vlan: plan.vlan,
            gateway,
            attacks: attacks.collect(),
            inbox: VecDeque::new(),
            outbox: VecDeque::new(),
        }
    }

    /// A frame has come.
    pub fn hear(&mut self, frame: Vec<u8>) {
        self.inbox.push_back(frame);
    }

    /// When it sends something next by itself: a whole microsecond.
    pub fn next(&self) -> Instant {
        self.attacks.iter().map(Attack::next).min().unwrap_or(Instant::MAX)
    }

    /// Takes a frame that it sent, oldest first.
    pub fn take_sent(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front()
    }

    /// Whether it sends nothing any more by itself.
    pub fn is_done(&self) -> bool {
        self.inbox.is_empty() && self.next() == Instant::MAX
    }

    /// How many frames each attack was.
    pub fn outcome(&self) -> Vec<(AttackKind, u64)> {
        self.attacks.iter().map(|attack| (attack.plan.what, attack.frames)).collect()
    }

    /// Does all that it has to do at `at`.
    pub fn poll(&mut self, at: Instant) {
        while let Some(frame) = self.inbox.pop_front() {
            self.lie(at, &frame);
        }
        for index in 0..self.attacks.len() {
            while self.attacks[index].next() <= at {
                let frames = self.group(index);
                self.attacks[index].done += 1;
                frames.into_iter().for_each(|frame| self.send(index, frame));
            }
        }
    }

    fn send(&mut self, index: usize, mut frame: Vec<u8>) {
        if let Some(vlan) = self.vlan
            && frame.len() >= 12
        {
            let [high, low] = vlan.get().to_be_bytes();
            frame.splice(12..12, [0x81, 0x00, high, low]);
        }
        self.attacks[index].frames += 1;
        self.outbox.push_back(frame);
    }

    /// Answers a request for somebody else, if there is a liar.
    fn lie(&mut self, at: Instant, frame: &[u8]) {
        let Some((asker, asked)) = asked(frame, self.vlan) else { return };
        for index in 0..self.attacks.len() {
            let Attack { plan, done, .. } = &self.attacks[index];
            let about = plan.target == asked || plan.target.is_unspecified();
            let on = plan.what == AttackKind::ArpLiar && plan.times.at <= at;
            if on && about && *done < plan.times.count && asked != self.address {
                self.attacks[index].done += 1;
                let reply = arp(2, (self.mac, asked), asker);
                let frame = ethernet(asker.0, self.mac, craft::ARP, &reply);
                self.send(index, frame);
            }
        }
    }

    /// The next group of frames of an attack.
    fn group(&mut self, index: usize) -> Vec<Vec<u8>> {
        let Hostile { mac, address, gateway, .. } = *self;
        let attack = &mut self.attacks[index];
        let target = attack.plan.target;
        let to_box = |packet: Vec<u8>| ethernet(gateway.mac, mac, craft::IPV4, &packet);
        match attack.plan.what {
            AttackKind::ArpLiar => Vec::new(),
            AttackKind::GratuitousStorm => vec![announcement(attack, address)],
            AttackKind::Teardrop => teardrop(attack, address).map(to_box).to_vec(),
            AttackKind::Overlap => overlap(attack, address).map(to_box).to_vec(),
            AttackKind::ReassemblyExhauster => {
                let mut header = Header::new(address, target, craft::UDP);
                (header.id, header.fragment) = (attack.id(), craft::MORE_FRAGMENTS);
                let data = attack.bytes(600);
                vec![to_box(header.packet(&udp(attack.port(), 9, &data)))]
            }
            AttackKind::NeighbourExhauster => {
                let to = attack.neighbour_of(target);
                let data = udp(attack.port(), 9, &[]);
                vec![to_box(Header::new(address, to, craft::UDP).packet(&data))]
            }
            AttackKind::TtlProber => {
                let mut header = Header::new(address, target, craft::UDP);
                header.ttl = u8::try_from(attack.done % 2).unwrap_or(0);
                let data = udp(attack.port(), 33_434, &[]);
                vec![to_box(header.packet(&data))]
            }
            AttackKind::Spoofer => vec![to_box(spoofed(attack, gateway))],
            AttackKind::GiantsAndRunts => vec![misshapen(attack, (mac, address), gateway)],
        }
    }
}

/// Who asks for whom in a frame, if it is an ARP request in this VLAN.
fn asked(frame: &[u8], vlan: Option<VlanId>) -> Option<((Mac, Ipv4Addr), Ipv4Addr)> {
    let arp = match vlan {
        None => frame.get(12..)?,
        Some(vlan) => {
            let tag = frame.get(12..16)?;
            let tci = u16::from_be_bytes([tag[2], tag[3]]);
            (tag[..2] == [0x81, 0x00] && tci & 0x0fff == vlan.get()).then(|| &frame[16..])?
        }
    };
    if *arp.get(..10)? != [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1] {
        return None;
    }
    let mac: [u8; 6] = arp.get(10..16)?.try_into().ok()?;
    let address = |at: usize| -> Option<Ipv4Addr> {
        let octets: [u8; 4] = arp.get(at..at + 4)?.try_into().ok()?;
        Some(octets.into())
    };
    Some(((Mac(mac), address(16)?), address(26)?))
}

/// Somebody who is not there says where it is: as a request for itself, or as an answer.
fn announcement(attack: &mut Attack, near: Ipv4Addr) -> Vec<u8> {
    let who = attack.neighbour_of(near);
    let [a, b, c, d, ..] = attack.rng.next_u64().to_le_bytes();
    let mac = Mac([2, 0xbd, a, b, c, d]);
    let operation = 1 + u16::try_from(attack.rng.below(2)).unwrap_or(0);
    ethernet(craft::BROADCAST, mac, craft::ARP, &arp(operation, (mac, who), (mac, who)))
}

/// The second fragment lies inside the first, and is the last (CERT CA-1997-28).
fn teardrop(attack: &mut Attack, from: Ipv4Addr) -> [Vec<u8>; 2] {
    let mut header = Header::new(from, attack.plan.target, craft::UDP);
    header.id = attack.id();
    let data = udp(attack.port(), 9, &attack.bytes(32));
    header.fragment = craft::MORE_FRAGMENTS;
    let first = header.packet(&data);
    header.fragment = 24 / 8;
    [first, header.packet(&data[24..28])]
}

/// The second of three fragments says other bytes where the first has been (RFC 1858 §4).
fn overlap(attack: &mut Attack, from: Ipv4Addr) -> [Vec<u8>; 3] {
    let mut header = Header::new(from, attack.plan.target, craft::UDP);
    header.id = attack.id();
    let port = attack.port();
    let mut fragment = |offset: u16, more: bool| {
        let flag = if more { craft::MORE_FRAGMENTS } else { 0 };
        header.fragment = flag | (offset / 8);
        let data = attack.bytes(800);
        header.packet(&if offset == 0 { udp(port, 9, &data[8..]) } else { data })
    };
    [fragment(0, true), fragment(400, true), fragment(1200, false)]
}

/// A packet from where it cannot come.
fn spoofed(attack: &mut Attack, gateway: Gateway) -> Vec<u8> {
    let target = attack.plan.target;
    let [a, b, ..] = attack.rng.next_u64().to_le_bytes();
    let from = match attack.done % 5 {
        // Somebody of the target's own subnet.
        0 => attack.neighbour_of(target),
        1 => Ipv4Addr::new(127, 0, a, b),
        2 => Ipv4Addr::new(0, 0, a, b),
        3 => Ipv4Addr::new(224 + (a & 0x0f), 0, a, b),
        // Land (CERT CA-1997-28): the box hears from itself.
        _ => {
            let (port, sequence) = (attack.port(), u32::from(attack.id()));
            let header = Header::new(gateway.address, gateway.address, craft::TCP);
            return header.packet(&syn(port, port, sequence));
        }
    };
    let data = attack.bytes(16);
    Header::new(from, target, craft::UDP).packet(&udp(attack.port(), 9, &data))
}

/// A frame that is too short, too long, or says that it is.
fn misshapen(attack: &mut Attack, (mac, from): (Mac, Ipv4Addr), gateway: Gateway) -> Vec<u8> {
    let frame = |packet: &[u8]| ethernet(gateway.mac, mac, craft::IPV4, packet);
    let mut header = Header::new(from, attack.plan.target, craft::UDP);
    let mut whole = |attack: &mut Attack, len: usize| {
        let data = attack.bytes(len);
        header.fragment = craft::DONT_FRAGMENT;
        header.packet(&udp(attack.port(), 9, &data))
    };
    let below = |attack: &mut Attack, bound: usize| {
        usize::try_from(attack.rng.below(bound as u64)).unwrap_or(0)
    };
    match attack.done % 8 {
        // A piece of an Ethernet header.
        0 => frame(&[])[..1 + below(attack, 13)].to_vec(),
        // A piece of an IPv4 header.
        1 => frame(&whole(attack, 8)[..below(attack, 20)]),
        // A piece of an ARP packet.
        2 => {
            let request = arp(1, (mac, from), (Mac([0; 6]), gateway.address));
            ethernet(craft::BROADCAST, mac, craft::ARP, &request[..below(attack, 28)])
        }
        // More bytes are said than there are.
        3 => {
            let packet = whole(attack, 64);
            frame(&packet[..packet.len() - 1 - below(attack, 64)])
        }
        // A header of fewer than 20 bytes.
        4 => {
            let mut packet = whole(attack, 8);
            packet[0] = 0x40 + u8::try_from(below(attack, 5)).unwrap_or(0);
            mend(&mut packet);
            frame(&packet)
        }
        // More than any link here carries, and not to be cut.
        5 => {
            let len = LARGEST + below(attack, 7500);
            frame(&whole(attack, len))
        }
        // As much as a datagram can have.
        6 => frame(&whole(attack, GIANT - 14 - 28)),
        // More than a frame can have.
        _ => {
            let mut giant = frame(&whole(attack, 8));
            giant.resize(GIANT + 1 + below(attack, 1000), 0);
            giant
        }
    }
}
