//! Peers: who is at the far ends of the wires, and answers.
//!
//! A frame that leaves a port reaches all peers behind it after the wire's delay; what a peer sends comes
//! to the port's wire as any input does. Peers behind one port do not hear each other, as on a switch
//! with isolated ports. They live on the virtual clock, in whole microseconds.
//!
//! A peer looks at a frame at the first whole microsecond *after* it came: so what a step of an lcore
//! causes outside happens later than the step, and it makes no difference whether the steps beside it
//! were skipped.
//!
//! Invariant: a peer depends on the plan, on its streams of randomness, and on what reaches it when; so
//! it is the same with each fabric and each pace. Not here: the wire towards the port (`source.rs`).

mod check;
mod content;
mod host;
mod hostile;
mod link;
mod losses;
mod outcome;

pub use outcome::{
    Did, HostOutcome, PeerOutcome, PingOutcome, TcpReceived, TcpSent, UdpReceived, UdpSent,
};

use crate::fault::Fault;
use crate::oracle::Breach;
use crate::plan::{PeerKind, PeerPlan, Plan, PortPlan};
use crate::trace::Way;
use check::Path;
use dataplane::rng::Rng;
use dataplane::{Instant, Nanos, PortId};
use host::{Host, STEP};
use hostile::{Gateway, Hostile};
use losses::Losses;
use std::collections::VecDeque;
use std::net::Ipv4Addr;

/// What `loss` is counted in.
pub const MILLION: u32 = 1_000_000;

/// All peers of a run.
pub(crate) struct Peers {
    peers: Vec<Peer>,
    seed: u64,
    path: Path,
    next: Instant,
}

struct Peer {
    name: String,
    port: PortId,
    delay: Nanos,
    losses: Losses,
    /// Frames on their way to it, and when it looks at each.
    coming: VecDeque<(Instant, Vec<u8>)>,
    who: Who,
    heard: u64,
}

/// A frame that a peer sends.
pub(crate) enum Sent {
    /// It comes to the port's wire.
    Frame(PortId, Vec<u8>),
    /// It is lost before: the fault that loses it.
    Lost(Fault),
}

enum Who {
    Host(Box<Host>),
    Hostile(Hostile),
}

/// The randomness of the peer of this name.
fn stream_of(seed: u64, name: &str) -> Rng {
    Rng::new(seed).fork(&format!("peer.{name}"))
}

/// How the box looks to a peer.
fn gateway(plan: &Plan, peer: &PeerPlan) -> Gateway {
    let port = &plan.config.ports[peer.port.index()];
    let vlan = peer.vlan.and_then(|vid| port.vlans.iter().find(|vlan| vlan.vid == vid));
    let addresses = vlan.map_or(&port.addresses, |vlan| &vlan.addresses);
    Gateway {
        mac: vlan.and_then(|vlan| vlan.mac).unwrap_or(port.mac),
        address: addresses.first().map_or(Ipv4Addr::UNSPECIFIED, |net| net.addr()),
    }
}

impl Peers {
    /// The peers of a plan, which is checked: none has done anything yet.
    pub fn new(plan: &Plan) -> Peers {
        let seed = plan.config.seed;
        let peers = plan.peers.iter().map(|peer| {
            let own = stream_of(seed, &peer.name);
            let delay = match &plan.ports[peer.port.index()] {
                PortPlan::Ring(wire) => wire.delay,
                PortPlan::Pcap { .. } | PortPlan::Null { .. } => Nanos::ZERO,
            };
            Peer {
                name: peer.name.clone(),
                port: peer.port,
                delay,
                losses: Losses::new(&peer.name, peer.loss, own.fork("loss"), &plan.faults),
                coming: VecDeque::new(),
                who: match &peer.kind {
                    PeerKind::Host(host) => Who::Host(Box::new(Host::new(peer, host, own))),
                    PeerKind::Hostile(attacks) => {
                        Who::Hostile(Hostile::new(peer, attacks, gateway(plan, peer), &own))
                    }
                },
                heard: 0,
            }
        });
        let path = Path::with(&plan.faults);
        let mut peers = Peers { peers: peers.collect(), seed, path, next: Instant::MAX };
        peers.find_next();
        peers
    }

    /// When a peer has something to do next; the end of time when none has.
    pub fn next(&self) -> Instant {
        self.next
    }

    fn find_next(&mut self) {
        self.next = self.peers.iter().map(Peer::next).min().unwrap_or(Instant::MAX);
    }

    /// A frame has left a port: all peers behind it hear it, after the wire's delay. `lost` hears of
    /// each to whom it does not come.
    pub fn hear(&mut self, at: Instant, port: PortId, frame: &[u8], lost: &mut dyn FnMut(Fault)) {
        for peer in self.peers.iter_mut().filter(|peer| peer.port == port) {
            if let Some(fault) = peer.losses.pass(Way::Out) {
                lost(fault);
                continue;
            }
            let come = at.saturating_add(peer.delay);
            let look = come.floor_to(STEP).saturating_add(STEP);
            peer.coming.push_back((look, frame.to_vec()));
        }
        self.find_next();
    }

    /// The first peer that has something to do at `at` does it. Every frame that it sends is told.
    pub fn happen(&mut self, at: Instant, send: &mut dyn FnMut(Sent)) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.next() <= at) else {
            unreachable!("the engine asked for the time before")
        };
        while let Some((_, frame)) = peer.coming.pop_front_if(|(look, _)| *look <= at) {
            peer.heard += 1;
            match &mut peer.who {
                Who::Host(host) => host.hear(frame),
                Who::Hostile(hostile) => hostile.hear(frame),
            }
        }
        match &mut peer.who {
            Who::Host(host) => host.poll(at),
            Who::Hostile(hostile) => hostile.poll(at),
        }
        while let Some(frame) = peer.take_sent() {
            send(match peer.losses.pass(Way::In) {
                Some(fault) => Sent::Lost(fault),
                None => Sent::Frame(peer.port, frame),
            });
        }
        self.find_next();
    }

    /// Whether nothing is to come of any peer unless somebody talks to it.
    pub fn is_quiet(&self) -> bool {
        self.peers.iter().all(|peer| {
            let done = match &peer.who {
                Who::Host(host) => host.is_done(),
                Who::Hostile(hostile) => hostile.is_done(),
            };
            done && peer.coming.is_empty()
        })
    }

    /// What each experienced, and what is wrong with it.
    pub fn finish(self) -> (Vec<PeerOutcome>, Vec<Breach>) {
        let outcomes: Vec<PeerOutcome> = self.peers.into_iter().map(Peer::outcome).collect();
        let broken = check::check(self.seed, self.path, &outcomes);
        (outcomes, broken)
    }
}

impl Peer {
    fn next(&self) -> Instant {
        let own = match &self.who {
            Who::Host(host) => host.next(),
            Who::Hostile(hostile) => hostile.next(),
        };
        self.coming.front().map_or(own, |(look, _)| own.min(*look))
    }

    fn take_sent(&mut self) -> Option<Vec<u8>> {
        match &mut self.who {
            Who::Host(host) => host.take_sent(),
            Who::Hostile(hostile) => hostile.take_sent(),
        }
    }

    fn outcome(self) -> PeerOutcome {
        let (lost_from, lost_to) = self.losses.lost();
        PeerOutcome {
            name: self.name,
            port: self.port,
            sent: self.losses.sent(),
            heard: self.heard,
            lost_from,
            lost_to,
            did: match &self.who {
                Who::Host(host) => Did::Host(host.outcome()),
                Who::Hostile(hostile) => Did::Hostile(hostile.outcome()),
            },
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
