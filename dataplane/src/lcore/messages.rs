//! Jobs msg_master_job and msg_slave_job: what an lcore does with messages. Spec 8.1.
//!
//! [`Lcore::handle`] is the one match over what requests carry, [`Lcore::go_on`] the one over what
//! callers go on with.

use super::Lcore;
use crate::control::{Data, Hello, Refused, Target};
use crate::drop::DropReason;
use crate::msg::{
    Answer, Call, Code, Done, Get, Greeting, Message, Payload, Refusal, Reply, Request, Taken, Then,
};
use crate::packet::Buf;
use crate::path::{self, Step};
use crate::tc::Edit;
use crate::world::{Parcel, Ring, World};

impl<B: Buf> Lcore<B> {
    /// Gives up what is overdue, then drains the ring: all that was in it when the run began.
    pub(super) fn messages<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let mut items = 0;
        while let Some(done) = self.with_env(world, |tables, env, _| tables.msg.overdue(env)) {
            items += 1;
            self.go_on(done, world);
        }
        for _ in 0..self.limits.msg_ring {
            match world.recv(Ring::Msg) {
                None => break,
                Some(Parcel::Msg(message)) => {
                    items += 1;
                    self.message(*message, world);
                }
                Some(_) => unreachable!("a msg_ring carries messages"),
            }
        }
        items
    }

    fn message<W: World<Buf = B>>(&mut self, message: Message<B>, world: &mut W) {
        match self.with_env(world, |tables, env, _| tables.msg.take(message, env)) {
            Taken::Request(ticket, payload) => {
                let answer = self.handle(payload, world);
                self.with_env(world, |tables, env, _| tables.msg.settle(ticket, answer, env));
            }
            Taken::Done(done) => self.go_on(done, world),
            Taken::Nothing => {}
        }
    }

    /// Does what a request asks for.
    fn handle<W: World<Buf = B>>(&mut self, payload: Payload<B>, world: &mut W) -> Answer {
        match payload {
            Payload::Hello => Ok(Reply::Hello { tick: self.position.tick }),
            Payload::Iftraf(sampling) => {
                self.tables.sampler.set(sampling);
                Ok(Reply::Done)
            }
            // It may have been on its way for longer than its device was there.
            Payload::MasterXmit { frame, device } if self.devices.find(device).is_none() => {
                self.with_env(world, |_, env, _| env.drop(frame, DropReason::DeviceGone));
                Ok(Reply::Done)
            }
            Payload::MasterXmit { frame, device } => {
                self.with_env(world, |tables, env, next| {
                    next.push(Step::Egress(frame, device));
                    path::run(tables, env, next);
                });
                Ok(Reply::Done)
            }
            Payload::QschSet(edit) => self.edit_tc(Edit::Qsch(edit), world),
            Payload::ClsSet(edit) => self.edit_tc(Edit::Cls(edit), world),
            Payload::QschGet => Ok(Reply::Qschs(self.tables.tc.stats())),
            Payload::ClsGet => Ok(Reply::Classes(self.tables.tc.hits())),
            Payload::Change { order, change } => {
                let made = self.change(order, &change, world);
                made.map(|()| Reply::Done).map_err(Refusal::Refused)
            }
            Payload::Undo { order } => {
                self.undo(order, world);
                Ok(Reply::Done)
            }
            Payload::Get(Get::Neighbours) => {
                Ok(Reply::Neighbours(self.tables.neigh.entries(self.id)))
            }
            Payload::Get(Get::Addresses) => Ok(Reply::Addresses(self.addresses())),
            Payload::Get(Get::Stats) => Ok(Reply::Stats(Box::new(self.counters.clone()))),
        }
    }

    /// What a caller does when its conversation is over.
    fn go_on<W: World<Buf = B>>(&mut self, done: Done, world: &mut W) {
        match done.then {
            Then::Nothing => {}
            Then::Greet(mut greeting) => {
                greeting.worst = worse(greeting.worst, done.code);
                self.greet(greeting, world);
            }
            Then::ShowTc => self.tc_shown(&done, world),
            Then::IftrafStopped { generation } => self.iftraf_stopped(generation, world),
            Then::Order(order) => self.all_have_answered(order, done, world),
            Then::Undone(order) => self.all_have_undone(order, world),
        }
    }

    /// Sends HELLOs, as a loop over DPVS's `msg_send` would: a synchronous one that is under way
    /// comes back here with the rest of them when it is over.
    pub(super) fn greet<W: World<Buf = B>>(&mut self, mut greeting: Greeting, world: &mut W) {
        while greeting.rest.count > 0 {
            greeting.rest.count -= 1;
            let Hello { to, call, timeout, .. } = greeting.rest;
            let sync = call == Call::Sync;
            let then = if sync { Then::Greet(greeting) } else { Then::Nothing };
            let request = Request { payload: Payload::Hello, call, timeout, then };
            let sent = self.with_env(world, |tables, env, _| match to {
                Target::Lcore(to) => tables.msg.unicast(to, request, env),
                Target::Workers => tables.msg.multicast(request, env),
            });
            match sent {
                Ok(_) if sync => return,
                Ok(_) => {}
                Err(unsent) => {
                    greeting.worst = worse(greeting.worst, unsent.code);
                    self.with_env(world, |_, env, _| unsent.discard(env));
                }
            }
        }
        let refused = (greeting.worst != Code::Ok).then_some(Refused::Message(greeting.worst));
        self.conclude(greeting.order, refused, None, Data::None, world);
    }
}

/// The first of two codes that is not ok.
fn worse(a: Code, b: Code) -> Code {
    if a == Code::Ok { b } else { a }
}
