//! Traffic control: who may pass, in what order, and how fast. Spec 6.
//!
//! Rank 0 and 2 (ingress) and rank 11 and 13 (egress) of the path. A device may have two trees of
//! *Qschs* (queueing schedulers): one for what leaves, whose top is `root`, one for what came in,
//! whose top is `ingress`. *Classifiers* of a Qsch send packets down to its children or drop them;
//! where none of them matches, the Qsch takes the packet itself, and at once lets go what it may.
//! What it holds back comes out of job qsch_sched, and goes on at the step behind the hook.
//!
//! A VLAN device has trees of its own: what leaves by it goes through them untagged and then through
//! those of its port; what comes in, the other way round.
//!
//! Invariant: a Qsch owns its packets; deleting it frees them, and those of all below it, by name.
//! Each lcore has Qschs and queues of its own; only the tokens of a tbf are shared, in the world.
//! Not here: what may be changed (`tc/plan.rs`), and who tells the workers (`lcore/messages.rs`).
//! There is one kind of classifier, `match`; DPVS's `ipset` needs sets, which we have not.
//!
//! DPVS: tc.c. There the master shapes what it sends, and the worker that sends it for the master
//! shapes it once more (defect B60); a switch strands what is queued when it is turned off (B61:
//! here a device is shaped if it has a tree); and ingress looks at a frame before its tag is taken
//! out only, so that the trees of a VLAN device never see a packet (B100).

mod bucket;
mod config;
mod error;
mod handle;
mod key;
mod plan;
mod qsch;
mod queue;
mod show;
#[cfg(test)]
mod tests;

pub use bucket::{BucketId, Buckets, TokenBucket};
pub use config::{
    ClsConfig, DEFAULT_LATENCY, DEFAULT_PACKETS, Hook, Kind, Match, QschConfig, Range, Tbf,
    TokenRate, Verdict,
};
pub use error::TcError;
pub use handle::{BadHandle, Handle};
pub use key::Key;
pub use plan::{ClsEdit, Edit, PlannedQsch, QschEdit, TcChange, TcPlan, Verb};
pub use qsch::{Class, Qsch, QschStats};
pub use queue::Queue;
pub use show::{About, ClsName, sum_classes, sum_qschs};

use crate::device::Devices;
use crate::drop::DropReason;
use crate::env::Env;
use crate::event::Event;
use crate::packet::Buf;
use crate::path::{Next, Step};
use crate::planted::Defect;
use crate::time::Instant;
use crate::types::PortId;
use crate::world::World;

/// Times that a packet may go down from a Qsch to a child.
pub const DESCENTS: usize = 8;
/// Packets that a Qsch lets go in one turn.
pub const QUOTA: usize = 64;

/// Every Qsch of one lcore.
#[derive(Debug)]
pub struct Tc<B> {
    /// In the order of their creation, which is that of job qsch_sched.
    qschs: Vec<Qsch<B>>,
    /// Where the trees of each device begin: egress and ingress, as indexes.
    tops: Vec<[Option<usize>; 2]>,
    held: u64,
}

impl<B: Buf> Tc<B> {
    /// The trees of a plan, with nothing in them.
    pub fn new(plan: &TcPlan, devices: &Devices) -> Tc<B> {
        let mut tc = Tc { qschs: Vec::new(), tops: vec![[None; 2]; devices.len()], held: 0 };
        tc.qschs.extend(plan.qschs().iter().map(|planned| Qsch::new(*planned)));
        for cls in plan.classes() {
            if let Some(at) = tc.find(cls.dev, cls.qsch) {
                tc.qschs[at].put_class(*cls);
            }
        }
        tc.find_tops();
        tc
    }

    /// Whether packets of a device go through a tree at this hook.
    #[inline]
    pub fn shapes(&self, dev: PortId, hook: Hook) -> bool {
        self.tops.get(dev.index()).is_some_and(|tops| tops[hook as usize].is_some())
    }

    /// Packets that wait in all Qschs.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Every Qsch, in the order of their creation.
    pub fn qschs(&self) -> &[Qsch<B>] {
        &self.qschs
    }

    /// When the next packet that waits may go, as far as is known: not before.
    pub fn next_ready(&self) -> Option<Instant> {
        self.qschs.iter().filter(|q| !q.queue.is_empty()).map(|q| q.ready).min()
    }

    /// What `n` runs of job qsch_sched change that let nothing go: each tbf that waits has tried,
    /// once in each run.
    pub fn idle_runs(&mut self, n: u64) -> u64 {
        let mut tried = 0;
        for qsch in self.qschs.iter_mut().filter(|q| !q.queue.is_empty()) {
            qsch.stats.overlimits += n;
            tried += n;
        }
        tried
    }

    /// Gives every held packet back: the end of the run.
    pub fn release_all<W: World<Buf = B>>(&mut self, world: &mut W) {
        for qsch in &mut self.qschs {
            while let Some(buf) = qsch.queue.pop() {
                world.free(buf);
            }
        }
        self.held = 0;
    }

    /// Sends the next packet that Qsch number `at` lets go on its way. Returns whether there was one: it
    /// holds none, or has to wait.
    pub fn let_go<W: World<Buf = B>>(
        &mut self,
        at: usize,
        env: &mut Env<'_, W>,
        next: &mut Next<B>,
    ) -> bool {
        let Some(qsch) = self.qschs.get_mut(at) else { return false };
        let Some(buf) = qsch.dequeue(env) else { return false };
        self.held -= 1;
        let PlannedQsch { config, hook, .. } = *qsch.planned();
        let (dev, handle) = (config.dev, config.handle);
        let (packet, len) = (buf.meta().id, u32::try_from(buf.len()).unwrap_or(u32::MAX));
        env.counters.qsch_out += 1;
        env.world.observe(Event::QschSent { packet, dev, handle, len });
        behind(hook, dev, buf, env, next);
        true
    }

    /// Makes a change that the control plane found right.
    ///
    /// # Errors
    /// This lcore lacks what the change is about: it missed an earlier one.
    pub fn edit<W: World<Buf = B>>(
        &mut self,
        edit: Edit,
        env: &mut Env<'_, W>,
    ) -> Result<(), TcError> {
        match edit {
            Edit::Qsch(QschEdit::Put(planned)) => self.put(planned, env)?,
            Edit::Qsch(QschEdit::Delete(dev, handle)) => self.delete(dev, handle, env)?,
            Edit::Cls(ClsEdit::Put(cls)) => {
                let at = self.find(cls.dev, cls.qsch).ok_or(TcError::NoQsch(cls.qsch))?;
                self.qschs[at].put_class(cls);
            }
            Edit::Cls(ClsEdit::Delete(dev, qsch, handle)) => {
                let at = self.find(dev, qsch).ok_or(TcError::NoQsch(qsch))?;
                self.qschs[at].delete_class(handle)?;
            }
        }
        self.find_tops();
        Ok(())
    }

    fn put<W: World<Buf = B>>(
        &mut self,
        planned: PlannedQsch,
        env: &mut Env<'_, W>,
    ) -> Result<(), TcError> {
        let QschConfig { dev, handle, parent, .. } = planned.config;
        if let Some(at) = self.find(dev, handle) {
            self.held -= u64::from(self.qschs[at].change(planned, env));
            return Ok(());
        }
        if parent != Handle::NONE {
            self.find(dev, parent).ok_or(TcError::NoQsch(parent))?;
        }
        self.qschs.push(Qsch::new(planned));
        Ok(())
    }

    // DPVS: children and classifiers of a Qsch that goes stay behind (defect B62), and a wrong
    // count of references once freed it while it was in use (commit 67da73b8).
    fn delete<W: World<Buf = B>>(
        &mut self,
        dev: PortId,
        handle: Handle,
        env: &mut Env<'_, W>,
    ) -> Result<(), TcError> {
        self.find(dev, handle).ok_or(TcError::NoQsch(handle))?;
        let family = self.qschs.iter().map(|q| {
            let config = &q.planned().config;
            (config.dev, config.handle, config.parent)
        });
        let gone = plan::family_of(family, dev, handle);
        let goes = |config: &QschConfig| config.dev == dev && gone.contains(&config.handle);
        for qsch in self.qschs.iter_mut().filter(|q| goes(&q.planned().config)) {
            while let Some(buf) = qsch.queue.pop() {
                self.held -= 1;
                if !env.planted.is(Defect::QschDeletedLeaks) {
                    env.drop(buf, DropReason::QschDeleted);
                }
            }
        }
        self.qschs.retain(|q| !goes(&q.planned().config));
        Ok(())
    }

    fn find(&self, dev: PortId, handle: Handle) -> Option<usize> {
        let named = |config: &QschConfig| (config.dev, config.handle) == (dev, handle);
        self.qschs.iter().position(|q| named(&q.planned().config))
    }

    fn find_tops(&mut self) {
        // A device may have come since the last change.
        let last = self.qschs.iter().map(|q| q.planned().config.dev.index() + 1).max().unwrap_or(0);
        if self.tops.len() < last {
            self.tops.resize(last, [None; 2]);
        }
        for (top, dev) in self.tops.iter_mut().zip((0..).map(PortId)) {
            *top = [Hook::Egress, Hook::Ingress].map(|hook| {
                let named = |config: &QschConfig| (config.dev, config.handle) == (dev, hook.top());
                self.qschs.iter().position(|q| named(&q.planned().config))
            });
        }
    }

    /// The Qsch that takes a packet, from the top of its tree down; or the last one that saw it,
    /// and why it is dropped.
    fn classify(&mut self, top: usize, key: &Key) -> Result<usize, (usize, DropReason)> {
        let mut at = top;
        for _ in 0..=DESCENTS {
            let Some((index, child)) = self.verdict(at, key) else { return Ok(at) };
            self.qschs[at].classes[index].hits += 1;
            match child {
                Some(child) => at = child,
                None => return Err((at, DropReason::TcDropped)),
            }
        }
        Err((at, DropReason::TcTooDeep))
    }

    /// The first classifier of a Qsch that says what becomes of a packet: where it goes, if it is
    /// not to be dropped. One whose target is gone says nothing.
    fn verdict(&self, at: usize, key: &Key) -> Option<(usize, Option<usize>)> {
        let qsch = &self.qschs[at];
        let asked = (0..qsch.classes.len()).map(|nth| {
            let lowest_first = key.planted.is(Defect::ClsLowestFirst);
            let index = if lowest_first { qsch.classes.len() - 1 - nth } else { nth };
            (index, &qsch.classes[index])
        });
        asked.filter(|(_, cls)| cls.config.pattern.matches(key)).find_map(|(index, cls)| match cls
            .config
            .verdict
        {
            Verdict::Drop => Some((index, None)),
            Verdict::To(target) => self.child(qsch, target).map(|child| (index, Some(child))),
        })
    }

    fn child(&self, parent: &Qsch<B>, handle: Handle) -> Option<usize> {
        let parent = &parent.planned().config;
        let at = self.find(parent.dev, handle)?;
        Some(at).filter(|at| self.qschs[*at].planned().config.parent == parent.handle)
    }

    /// What each Qsch counted.
    pub fn stats(&self) -> Vec<(About, QschStats)> {
        let about = |q: &Qsch<B>| (q.planned().config.dev, q.planned().config.handle);
        self.qschs.iter().map(|q| (about(q), q.stats())).collect()
    }

    /// How often each classifier matched.
    pub fn hits(&self) -> Vec<(ClsName, u64)> {
        let classes = self.qschs.iter().flat_map(|q| &q.classes);
        let name = |cls: &ClsConfig| (cls.dev, cls.qsch, cls.handle);
        classes.map(|cls| (name(&cls.config), cls.hits)).collect()
    }
}

/// Ranks 0, 2, 11 and 13: a packet at one of a device's hooks, which has a tree. It goes on at once,
/// or waits in a Qsch, or is dropped; others that waited may go on now.
pub fn hook<W: World>(
    tc: &mut Tc<W::Buf>,
    (hook, dev): (Hook, PortId),
    buf: W::Buf,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let Some(top) = tc.tops.get(dev.index()).and_then(|tops| tops[hook as usize]) else {
        return behind(hook, dev, buf, env, next);
    };
    let key = Key::read(buf.head(), dev, env.planted);
    let at = match tc.classify(top, &key) {
        Ok(at) => at,
        Err((at, reason)) => return tc.qschs[at].refuse(buf, reason, env),
    };
    if tc.qschs[at].enqueue(&key, buf, env) {
        tc.held += 1;
        let kind = &tc.qschs[at].planned().config.kind;
        if env.planted.is(Defect::BandsReversed) && matches!(kind, Kind::PfifoFast { .. }) {
            return;
        }
        for _ in 0..QUOTA {
            if !tc.let_go(at, env, next) {
                break;
            }
        }
    }
}

/// Where a packet goes that has passed the tree of a device.
fn behind<W: World>(
    hook: Hook,
    dev: PortId,
    buf: W::Buf,
    env: &Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let is_vlan = env.devices.get(dev).vlan.is_some();
    match (hook, is_vlan) {
        (Hook::Ingress, false) => next.push(Step::Untag(buf)),
        (Hook::Ingress, true) => next.push(Step::Deliver { buf, from_ring: false }),
        (Hook::Egress, false) => next.push(Step::Transmit(buf, dev)),
        (Hook::Egress, true) => next.push(Step::Tag(buf, dev)),
    }
}
