//! What the control plane does with traffic control, and what a worker makes of it. Spec 6.1, 8.1.
//!
//! The master tries a change on its own plan; only if it is right, and the workers can be told, does
//! the plan become what it was tried on. So no lcore ever makes half of a change.
//!
//! DPVS: the master has changed its own tree before it tells the workers, and nobody looks whether
//! that went well (defect B70).

use super::Lcore;
use crate::event::Event;
use crate::msg::{Answer, Call, Done, Payload, Refusal, Reply, Request, Then};
use crate::packet::Buf;
use crate::tc::{self, Edit, TcChange, TcError, TcPlan};
use crate::world::World;

impl<B: Buf> Lcore<B> {
    /// The trees as the control plane knows them. Of the master; empty elsewhere.
    pub fn tc_plan(&self) -> &TcPlan {
        &self.tc_plan
    }

    /// On the master: checks a change of traffic control, and tells every worker to make it.
    ///
    /// # Errors
    /// Why not. Nothing has changed then, on no lcore, unless the policy lets a multicast go to some
    /// workers only.
    pub fn change_tc<W: World<Buf = B>>(
        &mut self,
        change: TcChange,
        world: &mut W,
    ) -> Result<Edit, TcError> {
        let mut plan = self.tc_plan.clone();
        let made = plan.apply(change, &self.devices).and_then(|edit| {
            let payload = match edit {
                Edit::Qsch(edit) => Payload::QschSet(edit),
                Edit::Cls(edit) => Payload::ClsSet(edit),
            };
            self.tell_workers(payload, Call::Async, Then::Nothing, world).map(|()| edit)
        });
        // DPVS: what some of the workers know, the master knows in any case.
        let partly = self.policy.msg_partial_multicast && made == Err(TcError::NotTold);
        if made.is_ok() || partly {
            self.tc_plan = plan;
        }
        let (dev, handle) = change.about();
        self.note_tc(
            made.map(|edit| edit.about()).map_err(|why| ((dev, handle), why)),
            change.name(),
            world,
        );
        made
    }

    /// On the master: asks every worker what its Qschs and classifiers counted.
    pub(super) fn show_tc<W: World<Buf = B>>(&mut self, world: &mut W) {
        for payload in [Payload::QschGet, Payload::ClsGet] {
            let kind = payload.kind();
            if self.tell_workers(payload, Call::Sync, Then::ShowTc, world).is_err() {
                self.counters.tc_refused += 1;
                world.observe(Event::TcNotShown { what: kind.name() });
            }
        }
    }

    /// On the master: the workers have answered.
    pub(super) fn tc_shown<W: World<Buf = B>>(&mut self, done: &Done, world: &mut W) {
        if !done.missing.is_empty() {
            self.counters.tc_refused += 1;
            return world.observe(Event::TcNotShown { what: done.kind.name() });
        }
        for ((dev, handle), stats) in tc::sum_qschs(&done.answers) {
            world.observe(Event::QschShown { dev, handle, stats });
        }
        for ((dev, qsch, handle), hits) in tc::sum_classes(&done.answers) {
            world.observe(Event::ClsShown { dev, qsch, handle, hits });
        }
    }

    /// On a worker: makes a change.
    pub(super) fn edit_tc<W: World<Buf = B>>(&mut self, edit: Edit, world: &mut W) -> Answer {
        let made = self.with_env(world, |tables, env, _| tables.tc.edit(edit, env));
        let noted = made.map(|()| edit.about()).map_err(|why| (edit.about(), why));
        self.note_tc(noted, edit.name(), world);
        made.map(|()| Reply::Done).map_err(|_| Refusal::Failed)
    }

    fn tell_workers<W: World<Buf = B>>(
        &mut self,
        payload: Payload<B>,
        call: Call,
        then: Then,
        world: &mut W,
    ) -> Result<(), TcError> {
        let request = Request { payload, call, timeout: None, then };
        self.with_env(world, |tables, env, _| match tables.msg.multicast(request, env) {
            Ok(_) => Ok(()),
            Err(unsent) => {
                unsent.discard(env);
                Err(TcError::NotTold)
            }
        })
    }

    fn note_tc<W: World<Buf = B>>(
        &mut self,
        made: Result<tc::About, (tc::About, TcError)>,
        what: &'static str,
        world: &mut W,
    ) {
        match made {
            Ok((dev, handle)) => {
                self.counters.tc_changes += 1;
                world.observe(Event::TcChanged { what, dev, handle });
            }
            Err(((dev, handle), why)) => {
                self.counters.tc_refused += 1;
                world.observe(Event::TcRefused { what, dev, handle, why });
            }
        }
    }
}
