//! Fragments for the box, and an obvious model of what is held: a cell for each byte.
//!
//! Each four bytes of the input are a fragment, at most [`MOST`] of them. The model says of each what
//! becomes of it, and after each the two hold the same; a datagram that becomes whole has the bytes
//! that came first.

use dataplane::config::{Config, LcoreConfig, NeighConfig, PortConfig, PortQueues};
use dataplane::event::{Event, Reassembly};
use dataplane::heap::{HeapBuf, HeapWorld};
use dataplane::job::Role;
use dataplane::{DropReason, Instant, Lcore, LcoreId, Mac, Nanos, PortId, QueueId};
use fixtures::{ALICE, DUT_LAN, Frame, ipv4};
use std::collections::BTreeMap;

/// Fragments of one input.
pub const MOST: usize = 64;

const LAN: PortId = PortId(0);
const WORKER: LcoreId = LcoreId(1);
const TIMEOUT: Nanos = Nanos::from_millis(100);
/// Fragments of one datagram: small, so that it is met.
const FRAGMENTS: u32 = 12;
/// A protocol that nobody has.
const PROTOCOL: u8 = 253;
/// Bytes of the frame of an ICMP error before what it quotes of the payload: two headers of Ethernet
/// and IPv4, that of ICMP, and the IPv4 header that is quoted.
const QUOTED_FROM: usize = 14 + 20 + 8 + 20;

/// One fragment.
#[derive(Clone, Copy, Debug)]
struct Part {
    id: u16,
    start: u16,
    len: u16,
    last: bool,
    /// Which of two copies of the data it has.
    copy: bool,
    /// How long after the one before.
    after: Nanos,
}

impl Part {
    fn of([offset, len, flags, id]: [u8; 4]) -> Part {
        let near = u16::from(offset % 64);
        let blocks = if flags & 8 == 0 { near } else { 8191 - near };
        Part {
            id: u16::from(id % 3),
            start: blocks * 8,
            len: if flags & 2 == 0 { u16::from(len) } else { u16::from(len) * 8 % 1480 },
            // All at once would be no fragment.
            last: flags & 1 != 0 && blocks > 0,
            copy: flags & 4 != 0,
            after: Nanos::from_millis(u64::from(flags >> 4) * 5),
        }
    }

    /// The byte of its copy at `at`, an offset into the datagram.
    fn byte(self, at: u16) -> u8 {
        let [high, low] = at.to_be_bytes();
        (high ^ low) ^ if self.copy { 0x5a } else { 0 }
    }

    fn frame(self) -> Frame {
        let data: Vec<u8> = (0..self.len).map(|n| self.byte(self.start.wrapping_add(n))).collect();
        let frame = ipv4(ALICE, DUT_LAN, PROTOCOL, &data).id(self.id).offset(self.start);
        if self.last { frame } else { frame.mf() }
    }
}

/// What is held of a datagram.
#[derive(Debug)]
struct Held {
    cells: Vec<Option<u8>>,
    fragments: u32,
    has_last: bool,
    expires: Instant,
}

/// What becomes of a fragment.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Held,
    Whole(Vec<u8>),
    Dropped(DropReason),
    /// With all that was held of its datagram.
    Refused(DropReason),
}

#[derive(Debug, Default)]
struct Model(BTreeMap<u16, Held>);

impl Model {
    fn fragments(&self) -> u64 {
        self.0.values().map(|held| u64::from(held.fragments)).sum()
    }

    fn fate(&mut self, part: Part, now: Instant) -> Fate {
        self.0.retain(|_, held| held.expires > now);
        // RFC 791 §3.2: all but the last have whole blocks. Linux cuts what is more.
        let len = if part.last { part.len } else { part.len & !7 };
        let end = usize::from(part.start) + usize::from(len);
        if end + 20 > usize::from(u16::MAX) {
            return Fate::Dropped(DropReason::ReassemblyOversize);
        }
        let expires = now + TIMEOUT;
        let known = self.0.contains_key(&part.id);
        let held = self.0.entry(part.id).or_insert_with(|| Held {
            cells: Vec::new(),
            fragments: 0,
            has_last: false,
            expires,
        });
        let reason = held.refuses(part, end, len, known);
        match reason {
            Some(DropReason::ReassemblyDuplicate) => {
                return Fate::Dropped(DropReason::ReassemblyDuplicate);
            }
            Some(reason) => {
                self.0.remove(&part.id);
                return Fate::Refused(reason);
            }
            None => {}
        }
        held.fragments += 1;
        held.has_last |= part.last;
        held.cells.resize(held.cells.len().max(end), None);
        for at in part.start..part.start + len {
            held.cells[usize::from(at)] = Some(part.byte(at));
        }
        if !held.has_last || held.cells.contains(&None) {
            return Fate::Held;
        }
        let whole = self.0.remove(&part.id).map(|held| held.cells.into_iter().flatten().collect());
        Fate::Whole(whole.unwrap_or_default())
    }
}

impl Held {
    fn refuses(&self, part: Part, end: usize, len: u16, known: bool) -> Option<DropReason> {
        let furthest = self.cells.len();
        let contradicts = match part.last {
            true => end < furthest || self.has_last && end != furthest,
            false => end > furthest && self.has_last,
        };
        if known && contradicts {
            return Some(DropReason::ReassemblyEnd);
        }
        if len == 0 {
            return Some(DropReason::ReassemblyEmpty);
        }
        let start = usize::from(part.start);
        let held = self.cells.iter().take(end).skip(start).flatten().count();
        match held {
            0 if self.fragments >= FRAGMENTS => Some(DropReason::ReassemblyTooMany),
            0 => None,
            all if all == usize::from(len) => Some(DropReason::ReassemblyDuplicate),
            _ => Some(DropReason::ReassemblyOverlap),
        }
    }
}

/// `bytes` are fragments, four bytes each.
///
/// # Panics
/// The box does something else than the model.
pub fn check(bytes: &[u8]) {
    let config = config();
    let mut world = HeapWorld::new(&config);
    let Ok(mut lcore) = Lcore::<HeapBuf>::new(&config, WORKER) else {
        unreachable!("the configuration is right")
    };
    let mut model = Model::default();
    let mut now = Instant::EPOCH + Nanos::from_millis(1);
    for chunk in bytes.chunks_exact(4).take(MOST) {
        let part = Part::of([chunk[0], chunk[1], chunk[2], chunk[3]]);
        now += part.after;
        world.set(now, WORKER);
        assert!(world.receive(LAN, QueueId(0), &part.frame().build()).is_some());
        world.events.clear();
        world.sent.clear();
        tick(&mut lcore, &mut world);
        let expected = model.fate(part, now);
        assert_eq!(fate(&world, &expected), expected, "{part:?}");
        assert_eq!(lcore.held(), model.fragments(), "after {part:?}");
    }
    lcore.release(&mut world);
    assert_eq!(world.in_use(), 0, "every buffer came back");
}

/// One whole turn: what came is received, what goes is sent.
fn tick(lcore: &mut Lcore<HeapBuf>, world: &mut HeapWorld) {
    let tick = lcore.position().tick;
    while lcore.position().tick == tick {
        lcore.step(world);
    }
}

/// What became of the fragment; `expected` says how long a datagram that is whole has to be.
fn fate(world: &HeapWorld, expected: &Fate) -> Fate {
    let events = || world.events.iter().map(|(_, _, event)| event);
    let noted =
        |what| events().any(|event| matches!(event, Event::Reassembly(note) if note.what == what));
    if noted(Reassembly::Complete) {
        // Beside it may be one about a datagram whose time was up.
        let unknown = |frame: &[u8]| frame.get(34..36) == Some(&[3, 2]);
        let sent = world.sent.iter().find(|sent| unknown(&sent.frame));
        let quoted = sent.map(|sent| sent.frame[QUOTED_FROM..].to_vec()).unwrap_or_default();
        let Fate::Whole(whole) = expected else { return Fate::Whole(quoted) };
        // An error of 576 bytes quotes no more than the front.
        let front = quoted.len() == whole.len().min(576 - 48) && whole.starts_with(&quoted);
        return Fate::Whole(if front { whole.clone() } else { quoted });
    }
    // What has expired is dropped too, before it.
    let mut dropped = events().filter_map(|event| match event {
        Event::Dropped { reason: DropReason::ReassemblyTimeout, .. } => None,
        Event::Dropped { reason, .. } => Some(*reason),
        _ => None,
    });
    match (dropped.next_back(), expected) {
        (None, _) => Fate::Held,
        (Some(reason), Fate::Refused(_)) => Fate::Refused(reason),
        (Some(reason), _) => Fate::Dropped(reason),
    }
}

/// The box on ALICE's network.
fn config() -> Config {
    let port = PortConfig {
        name: "lan".into(),
        mac: Mac(DUT_LAN.mac),
        mtu: 1500,
        addresses: ipnet(),
        rx_queues: 1,
        tx_queues: 1,
        vlans: vec![],
    };
    let queues = vec![PortQueues { port: LAN, rx: vec![QueueId(0)], tx: vec![QueueId(0)] }];
    let lcore = |id, role, queues| LcoreConfig { id, role, queues };
    let mut config = Config {
        ports: vec![port],
        lcores: vec![lcore(LcoreId(0), Role::Master, vec![]), lcore(WORKER, Role::Worker, queues)],
        neighbours: vec![NeighConfig { dev: LAN, address: ALICE.ip, mac: Mac(ALICE.mac) }],
        ..Config::default()
    };
    config.policy.reassembly_timeout = TIMEOUT;
    config.policy.reassembly_fragments = FRAGMENTS;
    config.policy.icmp_rate_limit = None;
    config
}

fn ipnet() -> Vec<ipnet::Ipv4Net> {
    ipnet::Ipv4Net::new(DUT_LAN.ip, 24).into_iter().collect()
}
