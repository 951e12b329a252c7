//! What each job does when it runs, and what it does when it finds nothing.

use super::Lcore;
use crate::config::RxQueue;
use crate::counters::Counters;
use crate::drop::DropReason;
use crate::env::TimerKey;
use crate::event::Event;
use crate::icmp::gather;
use crate::ipv4::reassembly;
use crate::job::{JobKind, Role};
use crate::neigh;
use crate::netif;
use crate::packet::Buf;
use crate::path::{self, Step, Tables};
use crate::planted::{Defect, Planted};
use crate::tc;
use crate::time::Instant;
use crate::types::{PortId, QueueId};
use crate::wire::ethernet;
use crate::world::{BURST, Parcel, Ring, World};

/// Bursts that an isolated-rx lcore takes from a queue in one run, while they are full: a default
/// receive queue in all.
const ISOL_BURSTS: usize = 8;

/// What `n` runs of a job of an lcore with so many receive queues change that find nothing to do:
/// the closed form of idle time.
pub(super) fn idle_runs<B: Buf>(
    kind: JobKind,
    n: u64,
    rx_queues: usize,
    counters: &mut Counters,
    tables: &mut Tables<B>,
    planted: Planted,
) {
    if n == 0 {
        return;
    }
    counters.job_runs[kind.index()] += n;
    if kind == JobKind::QschSched && !planted.is(Defect::IdleOverlimits) {
        counters.overlimits += tables.tc.idle_runs(n);
    }
    if matches!(kind, JobKind::RecvFwd | JobKind::IsolPktRcv | JobKind::KniLoop) {
        counters.bursts.idle_polls(n * rx_queues as u64);
    }
}

impl<B: Buf> Lcore<B> {
    /// Runs a job once. Returns how many things it found to do.
    pub(super) fn run<W: World<Buf = B>>(&mut self, kind: JobKind, world: &mut W) -> u32 {
        match kind {
            JobKind::RecvFwd => self.recv_fwd(world),
            JobKind::Xmit => self.with_env(world, |tables, env, _| tables.tx.flush(env)),
            JobKind::TimerManage => self.timer_manage(world),
            JobKind::NeighSync => self.neigh_sync(world),
            JobKind::Ipv4Frag => self.ipv4_frag(world),
            JobKind::IsolPktRcv => self.isol_pkt_rcv(world),
            JobKind::KniLoop => self.kni_loop(world),
            JobKind::KniMaster => self.serve_kernel(world),
            JobKind::MsgMaster | JobKind::MsgSlave => self.messages(world),
            JobKind::Sockopt => self.sockopt(world),
            JobKind::QschSched => self.qsch_sched(world),
            JobKind::IftrafRing => self.iftraf_ring_proc(world),
            JobKind::IcmpRedirect => self.icmp_redirect_proc(world),
            JobKind::CfgfileReload => self.cfgfile_reload(world),
        }
    }

    /// The earliest instant at which a run of `timer_manage` finds a timer to run: one that starts
    /// then or later does, one that starts earlier does not. Nothing when no timer is armed.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        let interval = self.policy.timer_interval;
        let due = self.timers.next_due()?.ceil_to(interval);
        Some(match self.last_gate {
            Some(gate) => due.max(gate + interval),
            None => due,
        })
    }

    /// Job qsch_sched: each Qsch lets go what it may, one packet after the other. Spec 6.2.
    fn qsch_sched<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        if self.tables.tc.held() == 0 {
            return 0;
        }
        let mut items = 0;
        for at in 0..self.tables.tc.qschs().len() {
            items += self.with_env(world, |tables, env, next| {
                let mut sent = 0;
                for _ in 0..tc::QUOTA {
                    if !tables.tc.let_go(at, env, next) {
                        break;
                    }
                    sent += 1;
                    path::run(tables, env, next);
                }
                sent
            });
        }
        items
    }

    /// Job recv_fwd: the arp ring, then a burst, for each receive queue. Spec 2.3.
    ///
    /// DPVS: a worker without receive queues never drains its rings; ours drains them once a run.
    fn recv_fwd<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let mut items = 0;
        if self.rx.is_empty() {
            items += self.drain_arp_ring(world);
        }
        for at in 0..self.rx.len() {
            let rx = self.rx[at];
            items += self.drain_arp_ring(world);
            let mut burst = match rx.other {
                None => self.receive(rx.port, rx.queue, world),
                Some(_) => self.isolated(rx, world),
            };
            items += u32::try_from(burst.len()).unwrap_or(u32::MAX);
            if self.planted.is(Defect::RxRemainder) {
                burst.truncate(BURST - 1);
            }
            self.with_env(world, |tables, env, next| {
                for buf in burst.drain(..) {
                    next.push(tables.entry(buf));
                    path::run(tables, env, next);
                }
            });
            self.burst = burst;
        }
        items
    }

    /// Takes a burst from a receive queue, and counts it.
    fn receive<W: World<Buf = B>>(
        &mut self,
        port: PortId,
        queue: QueueId,
        world: &mut W,
    ) -> Vec<B> {
        let mut burst = std::mem::take(&mut self.burst);
        world.rx_burst(port, queue, &mut burst, self.limits.rx_burst as usize);
        self.counters.bursts.poll(burst.len());
        for buf in &mut burst {
            buf.meta_mut().port = port;
            let len = u32::try_from(buf.len()).unwrap_or(u32::MAX);
            self.counters.ipackets += 1;
            self.counters.ibytes += u64::from(len);
            world.observe(Event::Rx { packet: buf.meta().id, port, queue, len });
        }
        burst
    }

    /// Takes a burst of what another lcore received for this one.
    fn isolated<W: World<Buf = B>>(&mut self, rx: RxQueue, world: &mut W) -> Vec<B> {
        let mut burst = std::mem::take(&mut self.burst);
        let ring = Ring::Isol(rx.port, rx.queue);
        self.drain(ring, &mut burst, world);
        self.counters.bursts.poll(burst.len());
        burst
    }

    /// Takes up to a burst of frames from one of this lcore's rings.
    fn drain<W: World<Buf = B>>(&mut self, ring: Ring, into: &mut Vec<B>, world: &mut W) {
        while into.len() < BURST {
            match world.recv(ring) {
                None => break,
                Some(Parcel::Frame(buf)) => {
                    self.counters.ring_packets += 1;
                    world.observe(Event::RingRx { packet: buf.meta().id, ring });
                    into.push(buf);
                }
                Some(_) => unreachable!("this ring carries frames"),
            }
        }
    }

    /// Job isol_pkt_rcv: hands what it polls over to the workers that own the queues. Spec 2.4.
    ///
    /// DPVS polls a queue for as long as it gives full bursts, which with a queue that never runs
    /// dry is until the ring is full; and a burst that does not fit is lost as a whole (defect B23).
    fn isol_pkt_rcv<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let mut items = 0;
        for at in 0..self.rx.len() {
            let RxQueue { port, queue, other } = self.rx[at];
            let Some(worker) = other else { unreachable!("an isolated queue has a worker") };
            let ring = Ring::Isol(port, queue);
            for _ in 0..ISOL_BURSTS {
                let mut burst = self.receive(port, queue, world);
                let full = burst.len() == self.limits.rx_burst as usize;
                items += u32::try_from(burst.len()).unwrap_or(u32::MAX);
                for buf in burst.drain(..) {
                    let packet = buf.meta().id;
                    match world.send(worker, ring, Parcel::Frame(buf)) {
                        Ok(()) => {
                            self.counters.isol_handed += 1;
                            world.observe(Event::RingTx { packet, ring, to: worker });
                        }
                        Err(_) if self.planted.is(Defect::IsolBurstLost) => break,
                        Err(Parcel::Frame(buf)) => {
                            self.with_env(world, |_, env, _| {
                                env.drop(buf, DropReason::IsolRingFull);
                            });
                        }
                        Err(_) => unreachable!("what came back is what was sent"),
                    }
                }
                self.burst = burst;
                if !full {
                    break;
                }
            }
        }
        items
    }

    /// Job icmp_redirect_proc: a burst of the echoes that all workers hand to this one. Every worker
    /// has the job; only one has the ring. Spec 5.2.
    ///
    /// DPVS leaves the loop, and with it the rest of the burst, at a packet without an Ethernet
    /// header or for the kernel (defect B52).
    fn icmp_redirect_proc<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let mut burst = std::mem::take(&mut self.burst);
        self.drain(Ring::IcmpRedirect, &mut burst, world);
        let items = u32::try_from(burst.len()).unwrap_or(u32::MAX);
        for buf in burst.drain(..) {
            self.with_env(world, |tables, env, next| {
                if let Some(packet) = gather::taken(buf, env) {
                    next.push(Step::Route(packet));
                    path::run(tables, env, next);
                }
            });
        }
        self.burst = burst;
        items
    }

    /// Job kni_loop: its own receive queues, its transmit queues, then the kernel. Spec 10.
    fn kni_loop<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let mut items = 0;
        for at in 0..self.rx.len() {
            let rx = self.rx[at];
            let mut burst = self.receive(rx.port, rx.queue, world);
            items += u32::try_from(burst.len()).unwrap_or(u32::MAX);
            for buf in burst.drain(..) {
                self.with_env(world, |_, env, _| netif::kernel_only(buf, env));
            }
            self.burst = burst;
        }
        items += self.with_env(world, |tables, env, _| tables.tx.flush(env));
        items + self.serve_kernel(world)
    }

    /// Up to a burst each way between every device and its kernel side: first all that goes to the
    /// kernel, then what comes from it. Spec 10 (c), (d).
    fn serve_kernel<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let mut items = 0;
        for at in 0..self.kernels.len() {
            let (device, port) = self.kernels[at];
            let mut burst = std::mem::take(&mut self.burst);
            self.drain(Ring::Kni(device), &mut burst, world);
            items += u32::try_from(burst.len()).unwrap_or(u32::MAX);
            self.with_env(world, |tables, env, _| {
                let taken = tables.tx.burst_out(port, &mut burst, DropReason::KniRefused, env);
                env.counters.kni_out += u64::from(taken);
            });
            self.burst = burst;
        }
        for at in 0..self.kernels.len() {
            let (device, port) = self.kernels[at];
            let mut burst = std::mem::take(&mut self.burst);
            world.rx_burst(port, QueueId(0), &mut burst, self.limits.rx_burst as usize);
            items += u32::try_from(burst.len()).unwrap_or(u32::MAX);
            for buf in burst.drain(..) {
                let (packet, len) = (buf.meta().id, u32::try_from(buf.len()).unwrap_or(u32::MAX));
                self.counters.ipackets += 1;
                self.counters.ibytes += u64::from(len);
                self.counters.kni_in += 1;
                world.observe(Event::Rx { packet, port, queue: QueueId(0), len });
                self.with_env(world, |tables, env, next| {
                    // A tag goes behind two addresses: what has none has no way out either.
                    if ethernet::Header::parse(buf.head()).is_err() {
                        return env.drop(buf, DropReason::EthTruncated);
                    }
                    next.push(Step::Egress(buf, device));
                    path::run(tables, env, next);
                });
            }
            self.burst = burst;
        }
        items
    }

    /// Takes up to a burst of ARP replies that other workers received.
    fn drain_arp_ring<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let mut items = 0;
        for _ in 0..BURST {
            match world.recv(Ring::Arp) {
                None => break,
                Some(Parcel::Frame(buf)) => {
                    items += 1;
                    self.counters.ring_packets += 1;
                    let packet = buf.meta().id;
                    world.observe(Event::RingRx { packet, ring: Ring::Arp });
                    self.with_env(world, |tables, env, next| {
                        next.push(Step::Deliver { buf, from_ring: true });
                        path::run(tables, env, next);
                    });
                }
                Some(_) => unreachable!("an arp_ring carries frames"),
            }
        }
        items
    }

    /// Job timer_manage: runs the timers that are due at the gate. Spec 7.
    fn timer_manage<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let now = world.now();
        let gate = now.floor_to(self.policy.timer_interval);
        if self.next_timer().is_none_or(|due| due > now) {
            return 0;
        }
        let upto = match self.timers.next_due() {
            Some(first) if !self.policy.timer_catch_up => {
                self.last_gate = Some(gate);
                first
            }
            _ => gate,
        };
        let mut items = 0;
        while let Some((_, key)) = self.timers.pop_due(upto) {
            items += 1;
            self.counters.timers += 1;
            match key {
                TimerKey::Neigh(port, address) => self.with_env(world, |tables, env, next| {
                    let limit = &mut tables.icmp_limit;
                    neigh::timer(&mut tables.neigh, limit, (port, address), env, next);
                    path::run(tables, env, next);
                }),
                TimerKey::Address(port, address) => self.address_expired(port, address, world),
            }
        }
        items
    }

    /// Job ipv4_frag: gives up to a burst of datagrams up whose fragments stayed away.
    ///
    /// DPVS: frees what librte_ip_frag put on its death row, of which nobody checks the length, and
    /// never looks for what is stale (defect B47).
    fn ipv4_frag<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let mut items = 0;
        if !self.policy.reassembly_sweep {
            return items;
        }
        for _ in 0..BURST {
            let expired = self.with_env(world, |tables, env, next| {
                let (table, limit) = (&mut tables.reassembly, &mut tables.icmp_limit);
                let expired = reassembly::expire(table, limit, env, next);
                path::run(tables, env, next);
                expired
            });
            if !expired {
                break;
            }
            items += 1;
        }
        items
    }

    /// Job neigh_sync: the master sends changes to each worker, a worker applies up to a burst.
    fn neigh_sync<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        if self.role == Role::Master {
            return self.spread_neighbours(world);
        }
        let mut items = 0;
        for _ in 0..BURST {
            match world.recv(Ring::Neigh) {
                None => break,
                Some(Parcel::Neigh(change)) => {
                    items += 1;
                    self.with_env(world, |tables, env, next| {
                        // Who asked is not told of a table that is full: the trace is.
                        let _ = neigh::change(&mut tables.neigh, change, env, next);
                        path::run(tables, env, next);
                    });
                }
                Some(_) => unreachable!("a neigh_ring carries changes"),
            }
        }
        items
    }
}
