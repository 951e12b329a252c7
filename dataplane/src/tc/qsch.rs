//! One Qsch of one lcore: its queue, its classifiers, and what it counted.

use super::bucket::BucketId;
use super::config::{ClsConfig, Kind};
use super::error::TcError;
use super::key::Key;
use super::plan::PlannedQsch;
use super::queue::Queue;
use super::{Handle, QschConfig};
use crate::drop::DropReason;
use crate::env::Env;
use crate::event::{Event, Value};
use crate::packet::Buf;
use crate::planted::Defect;
use crate::time::Instant;
use crate::world::World;

/// What a Qsch counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QschStats {
    /// Packets that wait in it.
    pub qlen: u32,
    /// Bytes of these.
    pub backlog: u64,
    /// Packets that it dropped.
    pub drops: u64,
    /// How often a packet was to leave and had to wait: once in each turn.
    pub overlimits: u64,
    /// Packets that left.
    pub packets: u64,
    /// Bytes of these.
    pub bytes: u64,
}

impl QschStats {
    /// Calls `field` with each number's name and value, always in the same order.
    pub fn fields(&self, field: &mut dyn FnMut(&'static str, Value)) {
        let QschStats { qlen, backlog, drops, overlimits, packets, bytes } = *self;
        field("qlen", Value::U64(qlen.into()));
        field("backlog", Value::U64(backlog));
        field("drops", Value::U64(drops));
        field("overlimits", Value::U64(overlimits));
        field("packets", Value::U64(packets));
        field("bytes", Value::U64(bytes));
    }

    /// Adds what another lcore's Qsch of that name counted.
    pub fn add(&mut self, other: &QschStats) {
        self.qlen += other.qlen;
        self.backlog += other.backlog;
        self.drops += other.drops;
        self.overlimits += other.overlimits;
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// A classifier of a Qsch of one lcore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// What the control plane told of it.
    pub config: ClsConfig,
    /// Packets of which it said what becomes of them.
    pub hits: u64,
}

/// One Qsch of one lcore.
#[derive(Debug)]
pub struct Qsch<B> {
    planned: PlannedQsch,
    /// By descending priority; of equal ones, the older first.
    pub(super) classes: Vec<Class>,
    pub(super) queue: Queue<B>,
    /// All but `qlen` and `backlog`, which the queue knows.
    pub(super) stats: QschStats,
    /// Not before this instant will the packet at the head find its tokens.
    pub(super) ready: Instant,
}

impl<B: Buf> Qsch<B> {
    pub(super) fn new(planned: PlannedQsch) -> Qsch<B> {
        Qsch {
            planned,
            classes: Vec::new(),
            queue: Queue::default(),
            stats: QschStats::default(),
            ready: Instant::EPOCH,
        }
    }

    /// What the control plane told of it.
    pub fn planned(&self) -> &PlannedQsch {
        &self.planned
    }

    /// Its classifiers, in the order in which they are asked.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// What it counted.
    pub fn stats(&self) -> QschStats {
        QschStats { qlen: self.queue.len(), backlog: self.queue.bytes(), ..self.stats }
    }

    pub(super) fn put_class(&mut self, cls: ClsConfig) {
        let old = self.classes.iter().position(|old| old.config.handle == cls.handle);
        let hits = old.map_or(0, |at| self.classes.remove(at).hits);
        let at = self.classes.partition_point(|old| old.config.prio >= cls.prio);
        self.classes.insert(at, Class { config: cls, hits });
    }

    pub(super) fn delete_class(&mut self, handle: Handle) -> Result<(), TcError> {
        let at = self.classes.iter().position(|cls| cls.config.handle == handle);
        self.classes.remove(at.ok_or(TcError::NoCls(handle))?);
        Ok(())
    }

    /// Takes new values, and drops what could never leave with them. Returns how many those were.
    ///
    /// What waits stays, even if it is more than the new limit. DPVS and Linux keep a frame at the
    /// head that is longer than the new burst, and nothing ever leaves again.
    pub(super) fn change<W: World<Buf = B>>(
        &mut self,
        planned: PlannedQsch,
        env: &mut Env<'_, W>,
    ) -> u32 {
        (self.planned, self.ready) = (planned, Instant::EPOCH);
        let Kind::Tbf(tbf) = planned.config.kind else { return 0 };
        let mut refused = 0;
        for buf in self.queue.take_longer(tbf.max_frame()) {
            refused += 1;
            self.refuse(buf, DropReason::QschTooLong, env);
        }
        refused
    }

    pub(super) fn refuse<W: World<Buf = B>>(
        &mut self,
        buf: B,
        reason: DropReason,
        env: &mut Env<'_, W>,
    ) {
        self.stats.drops += 1;
        env.drop(buf, reason);
    }

    /// Appends a packet, if there is room. Returns whether there was.
    pub(super) fn enqueue<W: World<Buf = B>>(
        &mut self,
        key: &Key,
        buf: B,
        env: &mut Env<'_, W>,
    ) -> bool {
        let QschConfig { dev, handle, mut kind, .. } = self.planned.config;
        if let Kind::Tbf(tbf) = &mut kind {
            tbf.limit += u64::from(env.planted.one_if(Defect::TbfOneOver));
        }
        if let Err(reason) = kind.admits(&self.queue, buf.len()) {
            self.refuse(buf, reason, env);
            return false;
        }
        let packet = buf.meta().id;
        self.queue.push(&kind, key, buf);
        env.counters.qsch_in += 1;
        let (qlen, bytes) = (self.queue.len(), self.queue.bytes());
        env.world.observe(Event::QschQueued { packet, dev, handle, qlen, bytes });
        true
    }

    /// Takes the packet at the head, if it may leave now.
    pub(super) fn dequeue<W: World<Buf = B>>(&mut self, env: &mut Env<'_, W>) -> Option<B> {
        let len = self.queue.peek()?.len();
        if let Kind::Tbf(mut tbf) = self.planned.config.kind {
            tbf.rate.burst <<= env.planted.one_if(Defect::TbfBurst);
            let QschConfig { dev, handle, .. } = self.planned.config;
            let own = env.peers.first().filter(|_| env.planted.is(Defect::TokensPerLcore));
            let made = self.planned.made + own.map_or(0, |peer| u32::from(peer.0) << 16);
            let bucket = BucketId { dev, handle, made };
            if let Err(ready) = env.world.draw(bucket, &tbf, len, env.policy.tbf_quantum) {
                self.ready = ready;
                self.stats.overlimits += 1;
                env.counters.overlimits += 1;
                return None;
            }
        }
        self.ready = Instant::EPOCH;
        self.stats.packets += 1;
        self.stats.bytes += len as u64;
        self.queue.pop()
    }
}
