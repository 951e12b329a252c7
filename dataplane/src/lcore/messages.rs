//! Jobs msg_master_job, msg_slave_job and sockopt_job: what an lcore does with messages. Spec 8.1.
//!
//! [`Lcore::handle`] is the one match over what requests carry, [`Lcore::go_on`] the one over what
//! callers go on with.

use super::Lcore;
use crate::control::{Hello, Order, Target};
use crate::msg::{Answer, Call, Done, Message, Payload, Reply, Request, Taken, Then};
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
        }
    }

    /// What a caller does when its conversation is over.
    fn go_on<W: World<Buf = B>>(&mut self, done: Done, world: &mut W) {
        match done.then {
            Then::Nothing => {}
            Then::Greet(hello) => self.greet(hello, world),
            Then::ShowTc => self.tc_shown(&done, world),
            Then::IftrafStopped { generation } => self.iftraf_stopped(generation, world),
        }
    }

    /// Job sockopt_job: begins what the control plane was told to do, in that order.
    pub(super) fn sockopt<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let requests = std::mem::take(&mut self.requests);
        for request in &requests {
            match *request {
                Order::Hello(hello) => self.greet(hello, world),
                // Whether it was made is in the trace.
                Order::Tc(change) => drop(self.change_tc(change, world)),
                Order::ShowTc => self.show_tc(world),
                // Whoever asked is gone; the trace says what came of it.
                Order::Iftraf(switch) => drop(self.iftraf_switch(switch, world)),
                Order::Neigh(_) => unreachable!("job neigh_sync takes it"),
            }
        }
        u32::try_from(requests.len()).unwrap_or(u32::MAX)
    }

    /// Sends HELLOs, as a loop over DPVS's `msg_send` would: a synchronous one that is under way
    /// comes back here with the rest of them when it is over.
    fn greet<W: World<Buf = B>>(&mut self, mut hello: Hello, world: &mut W) {
        while hello.count > 0 {
            hello.count -= 1;
            let Hello { to, call, timeout, count } = hello;
            let sync = call == Call::Sync;
            let then = if sync && count > 0 { Then::Greet(hello) } else { Then::Nothing };
            let request = Request { payload: Payload::Hello, call, timeout, then };
            let sent = self.with_env(world, |tables, env, _| match to {
                Target::Lcore(to) => tables.msg.unicast(to, request, env),
                Target::Workers => tables.msg.multicast(request, env),
            });
            match sent {
                Ok(_) if sync => return,
                Ok(_) => {}
                Err(unsent) => self.with_env(world, |_, env, _| unsent.discard(env)),
            }
        }
    }
}
