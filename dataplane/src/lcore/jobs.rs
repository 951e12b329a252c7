//! What each job does when it runs, and what it does when it finds nothing.

use super::Lcore;
use crate::env::TimerKey;
use crate::event::Event;
use crate::job::{JobKind, Role};
use crate::neigh;
use crate::netif::Frame;
use crate::packet::Buf;
use crate::path::{self, Step};
use crate::time::Instant;
use crate::world::{BURST, NeighChange, Parcel, Ring, World};

impl<B: Buf> Lcore<B> {
    /// Runs a job once. Returns how many things it found to do.
    pub(super) fn run<W: World<Buf = B>>(&mut self, kind: JobKind, world: &mut W) -> u32 {
        match kind {
            JobKind::RecvFwd => self.recv_fwd(world),
            JobKind::Xmit => self.with_env(world, |tables, env, _| tables.tx.flush(env)),
            JobKind::TimerManage => self.timer_manage(world),
            JobKind::NeighSync => self.neigh_sync(world),
            JobKind::CfgfileReload
            | JobKind::QschSched
            | JobKind::KniMaster
            | JobKind::MsgMaster
            | JobKind::MsgSlave
            | JobKind::Sockopt
            | JobKind::IcmpRedirect
            | JobKind::Ipv4Frag
            | JobKind::IftrafRing
            | JobKind::IsolPktRcv
            | JobKind::KniLoop => 0,
        }
    }

    /// What `n` runs of a job change that find nothing to do: the closed form of idle time.
    pub(super) fn idle_runs(&mut self, kind: JobKind, n: u64) {
        self.counters.job_runs[kind.index()] += n;
        if kind == JobKind::RecvFwd {
            self.counters.bursts.idle_polls(n * self.rx.len() as u64);
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

    /// Job recv_fwd: the arp ring, then a burst, for each receive queue. Spec 2.3.
    ///
    /// DPVS: a worker without receive queues never drains its rings; ours drains them once a run.
    fn recv_fwd<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let mut items = 0;
        if self.rx.is_empty() {
            items += self.drain_arp_ring(world);
        }
        for at in 0..self.rx.len() {
            let (port, queue) = self.rx[at];
            items += self.drain_arp_ring(world);
            let mut burst = std::mem::take(&mut self.burst);
            world.rx_burst(port, queue, &mut burst);
            self.counters.bursts.poll(burst.len());
            items += u32::try_from(burst.len()).unwrap_or(u32::MAX);
            for mut buf in burst.drain(..) {
                buf.meta_mut().port = port;
                let len = u32::try_from(buf.len()).unwrap_or(u32::MAX);
                self.counters.ipackets += 1;
                self.counters.ibytes += u64::from(len);
                world.observe(Event::Rx { packet: buf.meta().id, port, queue, len });
                self.take(Frame { buf, from_ring: false }, world);
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
                Some(Parcel::Neigh(_)) => unreachable!("an arp_ring carries frames"),
                Some(Parcel::Frame(buf)) => {
                    items += 1;
                    self.counters.ring_packets += 1;
                    let packet = buf.meta().id;
                    world.observe(Event::RingRx { packet, ring: Ring::Arp });
                    self.take(Frame { buf, from_ring: true }, world);
                }
            }
        }
        items
    }

    /// Takes one frame along its whole path.
    fn take<W: World<Buf = B>>(&mut self, frame: Frame<B>, world: &mut W) {
        self.with_env(world, |tables, env, next| {
            next.push(Step::Deliver(frame));
            path::run(tables, env, next);
        });
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
            self.with_env(world, |tables, env, next| {
                match key {
                    TimerKey::Neigh(port, address) => {
                        let limit = &mut tables.icmp_limit;
                        neigh::timer(&mut tables.neigh, limit, (port, address), env, next);
                    }
                }
                path::run(tables, env, next);
            });
        }
        items
    }

    /// Job neigh_sync: the master sends changes to each worker, a worker applies up to a burst.
    fn neigh_sync<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        if self.role == Role::Master {
            let commands = std::mem::take(&mut self.commands);
            for change in &commands {
                self.send_change(*change, world);
            }
            return u32::try_from(commands.len()).unwrap_or(u32::MAX);
        }
        let mut items = 0;
        for _ in 0..BURST {
            match world.recv(Ring::Neigh) {
                None => break,
                Some(Parcel::Frame(_)) => unreachable!("a neigh_ring carries changes"),
                Some(Parcel::Neigh(change)) => {
                    items += 1;
                    self.with_env(world, |tables, env, next| {
                        neigh::change(&mut tables.neigh, change, env, next);
                        path::run(tables, env, next);
                    });
                }
            }
        }
        items
    }

    /// DPVS: `neigh_sync_core` stops at the first full ring, and the lcores behind it never hear of
    /// the change (defect B08); we try each, and say which one failed.
    fn send_change<W: World<Buf = B>>(&mut self, change: NeighChange, world: &mut W) {
        for to in &self.peers {
            let sent = world.send(*to, Ring::Neigh, Parcel::Neigh(change)).is_ok();
            self.counters.neigh_sync_failed += u64::from(!sent);
            world.observe(Event::NeighSync { to: *to, address: change.address, sent });
        }
    }
}
