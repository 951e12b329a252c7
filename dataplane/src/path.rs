//! The path of a packet: the one `match` over all steps.
//!
//! ```text
//!  rank  step       function            pushes next
//!  ────  ─────────  ──────────────────  ──────────────────────────────────────────────
//!   0    Deliver    netif::deliver      ArpInput | Ipv4Input
//!   1    ArpInput   neigh::arp_input    Egress (the reply; each packet that waited)
//!   1    Ipv4Input  ipv4::input         Route | LocalOut (an ICMP error) | nothing: the echo goes
//!                                       to another lcore, whose job starts it again at Route
//!   2    Route      ipv4::route         Reassemble | LocalIn | Forward | LocalOut (an ICMP error)
//!   3    Reassemble ipv4::reassembly   LocalIn (the datagram), or it is held
//!   4    LocalIn    ipv4::local_in      LocalOut (an echo reply, an ICMP error)
//!   4    Forward    ipv4::forward       Output (a redirect, the packet) | LocalOut (an ICMP error)
//!   5    LocalOut   ipv4::local_out     Output
//!   6    Output     ipv4::output        Resolve (the packet; each of its fragments)
//!   7    Resolve    neigh::resolve      Egress (the packet; an ARP request), or it waits
//!   8    Egress     netif::egress       Transmit
//!   8    Egress     msg::master_xmit    nothing, on the master: a worker sends it
//!   9    Transmit   netif::transmit     nothing: job xmit bursts the queue out
//! ```
//!
//! Each may drop its packet by name. A stage never calls another: it pushes what comes next, and
//! ranks only grow, so that there is no loop and the work for each packet is bounded.
//!
//! Invariant: `run` empties the queue before the next packet of a burst starts (run to completion).
//! Not here: what a stage does.
//!
//! DPVS: `netif_rcv_mbuf → ipv4_rcv → ipv4_rcv_fin → ipv4_local_in | ipv4_forward → ipv4_output →
//! neigh_output → netif_xmit → netif_hard_xmit`, six calls deep; input ends up inside output.

use crate::env::Env;
use crate::icmp::ErrorLimit;
use crate::iftraf::Sampler;
use crate::ipv4::reassembly::{self, Reassembler};
use crate::ipv4::{self, Datagram, IpIds, Outbound, Outgoing};
use crate::msg::{self, Messages};
use crate::neigh::{self, Neighbours};
use crate::netif::{self, Frame, L3Frame, TxQueues};
use crate::route::{Hop, Routes};
use crate::types::PortId;
use crate::world::World;
use std::collections::VecDeque;

/// Where a packet goes next.
#[derive(Debug)]
pub enum Step<B> {
    /// A frame as it was received.
    Deliver(Frame<B>),
    /// An ARP packet.
    ArpInput(L3Frame<B>),
    /// An IPv4 packet, unchecked.
    Ipv4Input(L3Frame<B>),
    /// A checked IPv4 packet.
    Route(Datagram<B>),
    /// A fragment for us.
    Reassemble(Datagram<B>),
    /// A packet for us.
    LocalIn(Datagram<B>),
    /// A packet through us.
    Forward(Datagram<B>, Hop),
    /// A packet of our own, without its IPv4 header.
    LocalOut(Outgoing<B>),
    /// A packet that only has to leave.
    Output(Outbound<B>),
    /// A packet that needs its next hop's MAC.
    Resolve(Outbound<B>),
    /// A frame for a device.
    Egress(B, PortId),
    /// A frame for a physical port.
    Transmit(B, PortId),
}

impl<B> Step<B> {
    /// How far along the path this step is.
    pub const fn rank(&self) -> u8 {
        match self {
            Step::Deliver(_) => 0,
            Step::ArpInput(_) | Step::Ipv4Input(_) => 1,
            Step::Route(_) => 2,
            Step::Reassemble(_) => 3,
            Step::LocalIn(_) | Step::Forward(..) => 4,
            Step::LocalOut(_) => 5,
            Step::Output(_) => 6,
            Step::Resolve(_) => 7,
            Step::Egress(..) => 8,
            Step::Transmit(..) => 9,
        }
    }
}

/// What comes next, in order.
#[derive(Debug)]
pub struct Next<B>(VecDeque<Step<B>>);

impl<B> Default for Next<B> {
    fn default() -> Next<B> {
        Next(VecDeque::new())
    }
}

impl<B> Next<B> {
    /// Appends a step.
    pub fn push(&mut self, step: Step<B>) {
        self.0.push_back(step);
    }

    /// Takes the oldest step.
    pub(crate) fn pop(&mut self) -> Option<Step<B>> {
        self.0.pop_front()
    }

    /// Appends a step, if there is one.
    pub fn extend(&mut self, step: Option<Step<B>>) {
        self.0.extend(step);
    }
}

/// The tables that the path of a packet uses.
#[derive(Debug)]
pub struct Tables<B> {
    /// Where packets go.
    pub routes: Routes,
    /// Datagrams for us that are not whole yet.
    pub reassembly: Reassembler<B>,
    /// Who is on the links.
    pub neigh: Neighbours<B>,
    /// Frames that wait for job xmit.
    pub tx: TxQueues<B>,
    /// What this lcore tells others and is told by them.
    pub msg: Messages,
    /// IPv4 identifications of our own packets.
    pub ids: IpIds,
    /// The limit of our ICMP errors.
    pub icmp_limit: ErrorLimit,
    /// The limit of our ICMP redirects.
    pub redirect_limit: ErrorLimit,
    /// Which packet is sampled next.
    pub sampler: Sampler,
}

/// Takes every step that `next` holds, and those that they push, until none is left.
pub fn run<W: World>(tables: &mut Tables<W::Buf>, env: &mut Env<'_, W>, next: &mut Next<W::Buf>) {
    while let Some(step) = next.pop() {
        let (rank, queued) = (step.rank(), next.0.len());
        let t = &mut *tables;
        match step {
            Step::Deliver(frame) => netif::deliver(frame, env, next),
            Step::ArpInput(frame) => neigh::arp_input(&mut t.neigh, frame, env, next),
            Step::Ipv4Input(frame) => {
                ipv4::input((&mut t.icmp_limit, &mut t.sampler), frame, env, next);
            }
            Step::Route(packet) => ipv4::route(&t.routes, &mut t.icmp_limit, packet, env, next),
            Step::Reassemble(packet) => {
                reassembly::reassemble(&mut t.reassembly, &mut t.icmp_limit, packet, env, next);
            }
            Step::LocalIn(packet) => {
                ipv4::local_in(&t.routes, &mut t.icmp_limit, packet, env, next);
            }
            Step::Forward(packet, hop) => {
                let limits = (&mut t.icmp_limit, &mut t.redirect_limit);
                ipv4::forward(limits, &mut t.ids, packet, hop, env, next);
            }
            Step::LocalOut(packet) => ipv4::local_out(&t.routes, &mut t.ids, packet, env, next),
            Step::Output(packet) => ipv4::output(&mut t.sampler, packet, env, next),
            Step::Resolve(packet) => neigh::resolve(&mut t.neigh, packet, env, next),
            Step::Egress(buf, device) if t.msg.is_master() => {
                msg::master_xmit(&mut t.msg, buf, device, env);
            }
            Step::Egress(buf, device) => netif::egress(buf, device, env, next),
            Step::Transmit(buf, port) => netif::transmit(&mut t.tx, buf, port, env),
        }
        let pushed = next.0.iter().skip(queued);
        assert!(pushed.map(Step::rank).all(|new| new > rank), "the path never turns back");
    }
}
