//! Job iftraf_ring_proc, and switching it on and off. Spec 9.

use super::Lcore;
use crate::control::Switch;
use crate::event::Event;
use crate::iftraf::{Collector, State};
use crate::msg::{Call, Code, Payload, Request, Then};
use crate::packet::Buf;
use crate::world::{BURST, Parcel, Ring, World};

/// Why traffic statistics were not switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSwitched {
    /// They are as they should be already.
    Already,
    /// The workers could not be told.
    Untold(Code),
}

impl<B: Buf> Lcore<B> {
    /// Whom the master knows to talk most.
    pub fn iftraf(&self) -> &Collector {
        &self.iftraf
    }

    /// Job iftraf_ring_proc: up to a burst of the samples of each worker, by ascending id.
    pub(super) fn iftraf_ring_proc<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let (mut items, now) = (0, world.now());
        for worker in &self.peers {
            for _ in 0..BURST {
                match world.recv(Ring::Iftraf(*worker)) {
                    None => break,
                    Some(Parcel::Sample(sample)) => {
                        items += 1;
                        let added = self.iftraf.add(&sample, now);
                        self.counters.iftraf_summed += u64::from(added.is_some());
                        self.counters.iftraf_late += u64::from(added.is_none());
                        self.counters.iftraf_evicted += u64::from(added.unwrap_or(0));
                    }
                    Some(_) => unreachable!("an iftraf_ring carries samples"),
                }
            }
        }
        items
    }

    /// Switches traffic statistics on or off, as `dpip iftraf` does: on the master, by a message to
    /// every worker.
    pub(super) fn iftraf_switch<W: World<Buf = B>>(
        &mut self,
        switch: Switch,
        world: &mut W,
    ) -> Result<(), NotSwitched> {
        match switch {
            Switch::Enable => self.iftraf_enable(world),
            Switch::Disable => self.iftraf_disable(world),
        }
    }

    fn iftraf_enable<W: World<Buf = B>>(&mut self, world: &mut W) -> Result<(), NotSwitched> {
        if self.iftraf.state() == State::On {
            world.observe(Event::Iftraf { state: "enabled_already" });
            return Err(NotSwitched::Already);
        }
        let sampling = self.iftraf.next_sampling();
        self.tell_samplers(Payload::Iftraf(Some(sampling)), Then::Nothing, world)?;
        self.iftraf.start();
        world.observe(Event::Iftraf { state: "enabled" });
        Ok(())
    }

    fn iftraf_disable<W: World<Buf = B>>(&mut self, world: &mut W) -> Result<(), NotSwitched> {
        if self.iftraf.state() != State::On {
            world.observe(Event::Iftraf { state: "disabled_already" });
            return Err(NotSwitched::Already);
        }
        let then = Then::IftrafStopped { generation: self.iftraf.generation() };
        self.tell_samplers(Payload::Iftraf(None), then, world)?;
        self.iftraf.stop();
        world.observe(Event::Iftraf { state: "disabling" });
        Ok(())
    }

    /// Every worker has stopped, or did not say so in time.
    pub(super) fn iftraf_stopped<W: World<Buf = B>>(&mut self, generation: u32, world: &mut W) {
        if self.iftraf.stopped(generation) {
            world.observe(Event::Iftraf { state: "disabled" });
        }
    }

    /// An asynchronous multicast: it has no deadline, so that a busy worker obeys it later, and is
    /// answered all the same.
    fn tell_samplers<W: World<Buf = B>>(
        &mut self,
        payload: Payload<B>,
        then: Then,
        world: &mut W,
    ) -> Result<(), NotSwitched> {
        let request = Request { payload, call: Call::Async, timeout: None, then };
        let sent = self.with_env(world, |tables, env, _| tables.msg.multicast(request, env));
        match sent {
            Ok(_) => Ok(()),
            Err(unsent) => Err(NotSwitched::Untold(unsent.code)),
        }
    }
}
