//! The path of a packet: the one `match` over all steps.
//!
//! ```text
//!  rank  step         function          pushes next
//!  ────  ───────────  ────────────────  ──────────────────────────────────────────────
//!   0    Ingress      tc::hook          Untag, or it waits (traffic control of the port)
//!   1    Untag        netif::untag      VlanIngress | Deliver
//!   2    VlanIngress  tc::hook          Deliver, or it waits (that of the VLAN device)
//!   3    Deliver      netif::deliver    ArpInput | Ipv4Input
//!   4    ArpInput     neigh::arp_input  Egress (the reply; each packet that waited)
//!   4    Ipv4Input    ipv4::input       Route | LocalOut (an ICMP error) | nothing: the echo goes to
//!                                       another lcore, whose job starts it again at Route
//!   5    Route        ipv4::route       Reassemble | LocalIn | Forward | LocalOut (an ICMP error)
//!   6    Reassemble   ipv4::reassembly  LocalIn (the datagram), or it is held
//!   7    LocalIn      ipv4::local_in    LocalOut (an echo reply, an ICMP error)
//!   7    Forward      ipv4::forward     Output (a redirect, the packet) | LocalOut (an ICMP error)
//!   8    LocalOut     ipv4::local_out   Output
//!   9    Output       ipv4::output      Resolve (the packet; each of its fragments)
//!  10    Resolve      neigh::resolve    Egress (the packet; an ARP request), or it waits
//!  11    Egress       tc::hook          Tag | Transmit, or it waits (that of the device)
//!  11    Egress       msg::master_xmit  nothing, on the master: a worker sends it
//!  11    Egress       netif::transmit   nothing, by a port without a tree: as Transmit
//!  12    Tag          netif::tag        PortEgress
//!  13    PortEgress   tc::hook          Transmit, or it waits (that of the VLAN device's port)
//!  14    Transmit     netif::transmit   nothing: job xmit bursts the queue out
//! ```
//!
//! A device without a tree of Qschs has no hook: its packets are at the next step at once. What
//! another lcore received and handed over by a ring starts at `Deliver`.
//!
//! Each may drop its packet by name. A stage never calls another: it pushes what comes next, and
//! ranks only grow, so that there is no loop and the work for each packet is bounded.
//!
//! Invariant: `run` empties the queue before the next packet of a burst starts (run to completion).
//! Not here: what a stage does.
//!
//! DPVS: `netif_rcv_mbuf → ipv4_rcv → ipv4_rcv_fin → ipv4_local_in | ipv4_forward → ipv4_output →
//! neigh_output → netif_xmit → netif_hard_xmit`, six calls deep; input ends up inside output.

use crate::device::Devices;
use crate::env::Env;
use crate::icmp::ErrorLimit;
use crate::iftraf::Sampler;
use crate::ipv4::reassembly::{self, Reassembler};
use crate::ipv4::{self, Datagram, IpIds, Outbound, Outgoing};
use crate::msg::{self, Messages};
use crate::neigh::{self, Neighbours};
use crate::netif::{self, ArpFrame, Origin, TxQueues};
use crate::packet::Buf;
use crate::route::{Hop, Routes};
use crate::tc::{self, Hook, Tc};
use crate::types::PortId;
use crate::world::World;
use std::collections::VecDeque;

/// Where a packet goes next.
///
/// A packet is moved at each of its steps, eight of them when it is forwarded. So what goes along is the
/// buffer and, of IPv4, one word or two: what is written field by field and read as a whole, a processor
/// has to wait for. Everything else a stage reads where the packet has it.
#[derive(Debug)]
pub enum Step<B> {
    /// A frame as it was received. Its port is the device that it came in on.
    Ingress(B),
    /// A frame that its port lets in.
    Untag(B),
    /// A frame of a VLAN device, without its tag.
    VlanIngress(B),
    /// A frame that its device lets in, without a tag.
    Deliver {
        /// The frame.
        buf: B,
        /// Whether it came through a ring.
        from_ring: bool,
    },
    /// An ARP packet.
    ArpInput(ArpFrame<B>),
    /// An IPv4 packet, unchecked.
    Ipv4Input(B, Origin),
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
    /// A frame that a VLAN device lets out.
    Tag(B, PortId),
    /// A tagged frame for a physical port.
    PortEgress(B, PortId),
    /// A frame for a physical port.
    Transmit(B, PortId),
}

// Half a cache line, whatever there is to know.
const _: () = assert!(size_of::<Option<Step<u64>>>() <= 32);

impl<B> Step<B> {
    /// How far along the path this step is.
    pub const fn rank(&self) -> u8 {
        match self {
            Step::Ingress(_) => 0,
            Step::Untag(_) => 1,
            Step::VlanIngress(_) => 2,
            Step::Deliver { .. } => 3,
            Step::ArpInput(_) | Step::Ipv4Input(..) => 4,
            Step::Route(_) => 5,
            Step::Reassemble(_) => 6,
            Step::LocalIn(_) | Step::Forward(..) => 7,
            Step::LocalOut(_) => 8,
            Step::Output(_) => 9,
            Step::Resolve(_) => 10,
            Step::Egress(..) => 11,
            Step::Tag(..) => 12,
            Step::PortEgress(..) => 13,
            Step::Transmit(..) => 14,
        }
    }
}

/// What comes next, in order.
///
/// Nearly every stage pushes one step. The oldest has a place of its own, so that the queue behind it
/// mostly stays empty.
#[derive(Debug)]
pub struct Next<B> {
    first: Option<Step<B>>,
    /// The rank of the first, which whoever pushed it knew: a step that is taken is asked for nothing.
    rank: u8,
    rest: VecDeque<Step<B>>,
    /// The least rank that may be pushed: more than that of the step which runs.
    least: u8,
}

impl<B> Default for Next<B> {
    fn default() -> Next<B> {
        Next { first: None, rank: 0, rest: VecDeque::new(), least: 0 }
    }
}

impl<B> Next<B> {
    /// Appends a step.
    ///
    /// # Panics
    /// It is not further along the path than the step that pushes it: a bug of ours.
    #[inline(always)]
    pub fn push(&mut self, step: Step<B>) {
        let rank = step.rank();
        assert!(rank >= self.least, "the path never turns back");
        match self.first {
            None => (self.first, self.rank) = (Some(step), rank),
            Some(_) => self.rest.push_back(step),
        }
    }

    /// Takes the oldest step, and lets what is pushed then be of any rank: for whoever tries one stage
    /// without the path.
    pub fn pop(&mut self) -> Option<Step<B>> {
        let step = self.take();
        self.least = 0;
        step
    }

    /// Takes the oldest step: what is pushed from here on is further along.
    #[inline(always)]
    fn take(&mut self) -> Option<Step<B>> {
        let step = self.first.take()?;
        self.least = self.rank + 1;
        if let Some(second) = self.rest.pop_front() {
            (self.rank, self.first) = (second.rank(), Some(second));
        }
        Some(step)
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
    /// Packets that traffic control holds back.
    pub tc: Tc<B>,
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

impl<B: Buf> Tables<B> {
    /// Whether a frame for `device` has neither a tree nor a tag before it.
    #[inline]
    fn sends_at_once(&self, device: PortId, devices: &Devices) -> bool {
        let is_port = devices.find(device).is_some_and(|device| device.vlan.is_none());
        is_port && !self.tc.shapes(device, Hook::Egress)
    }

    /// Where the path of a received frame begins.
    pub fn entry(&self, buf: B) -> Step<B> {
        match self.tc.shapes(buf.meta().port, Hook::Ingress) {
            true => Step::Ingress(buf),
            false => Step::Untag(buf),
        }
    }
}

/// Takes every step that `next` holds, and those that they push, until none is left.
pub fn run<W: World>(tables: &mut Tables<W::Buf>, env: &mut Env<'_, W>, next: &mut Next<W::Buf>) {
    while let Some(step) = next.take() {
        let t = &mut *tables;
        match step {
            Step::Ingress(buf) => {
                let port = buf.meta().port;
                tc::hook(&mut t.tc, (Hook::Ingress, port), buf, env, next);
            }
            Step::Untag(buf) => netif::untag(buf, env, next),
            Step::VlanIngress(buf) => {
                let device = buf.meta().port;
                tc::hook(&mut t.tc, (Hook::Ingress, device), buf, env, next);
            }
            Step::Deliver { buf, from_ring } => netif::deliver(buf, from_ring, env, next),
            Step::ArpInput(frame) => neigh::arp_input(&mut t.neigh, frame, env, next),
            Step::Ipv4Input(buf, from) => {
                ipv4::input((&mut t.icmp_limit, &mut t.sampler), (buf, from), env, next);
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
            Step::Egress(buf, port) if t.sends_at_once(port, env.devices) => {
                netif::transmit(&mut t.tx, buf, port, env);
            }
            Step::Egress(buf, device) | Step::PortEgress(buf, device) => {
                tc::hook(&mut t.tc, (Hook::Egress, device), buf, env, next);
            }
            Step::Tag(buf, device) => netif::tag(buf, device, env, next),
            Step::Transmit(buf, port) => netif::transmit(&mut t.tx, buf, port, env),
        }
    }
    next.least = 0;
}
