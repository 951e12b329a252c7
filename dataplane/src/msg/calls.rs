//! What an lcore knows of its messages: which requests of its own are open, and until when.
//!
//! Sending, taking, answering and giving up are events of one small state machine. It does nothing
//! by itself: the jobs call it, and it tells them what is to be done.
//!
//! Invariant: a conversation is open from its request until the last answer or its deadline, and
//! is over exactly once. A request that could not be sent left nothing behind.

use super::{
    Answer, Body, Call, Code, Head, Message, Mode, MsgDrop, MsgNote, MsgType, Payload, Refusal,
    Stage, Then, code_of,
};
use crate::config::Config;
use crate::drop::DropReason;
use crate::env::Env;
use crate::event::Event;
use crate::job::Role;
use crate::packet::Buf;
use crate::planted::Defect;
use crate::time::{Instant, Nanos};
use crate::types::LcoreId;
use crate::world::{Parcel, Ring, RingPlan, World};
use std::collections::{BTreeMap, BTreeSet};

/// A request that is to be sent.
#[derive(Debug)]
pub struct Request<B> {
    /// What for.
    pub payload: Payload<B>,
    /// Whether the caller wants to know what came of it.
    pub call: Call,
    /// How long the conversation is open; nothing: `Policy::msg_timeout`.
    pub timeout: Option<Nanos>,
    /// What the caller goes on with.
    pub then: Then,
}

/// A request that could not be sent: what it carries is the caller's again.
#[must_use = "what a request carries has one owner"]
#[derive(Debug)]
pub struct Unsent<B> {
    /// Why.
    pub code: Code,
    /// The lcore that it could not be sent to, if it is about one.
    pub at: Option<LcoreId>,
    /// Whether another lcore of a multicast has it all the same.
    pub sent: bool,
    /// What it was to carry.
    pub payload: Payload<B>,
}

impl<B: Buf> Unsent<B> {
    /// Drops what the request was to carry.
    pub fn discard<W: World<Buf = B>>(self, env: &mut Env<'_, W>) {
        let full = self.code == Code::Full;
        let reason = if full { DropReason::MsgRingFull } else { DropReason::MsgRefused };
        if let Some(frame) = self.payload.into_frame()
            && !env.planted.is(Defect::UnsentLeaked)
        {
            env.drop(frame, reason);
        }
    }
}

/// What is to be done with a message that was taken.
#[derive(Debug)]
pub enum Taken<B> {
    /// A request is to be handled, and then [settled](Messages::settle).
    Request(Ticket, Payload<B>),
    /// The last answer has come: the caller goes on.
    Done(Done),
    /// Nothing.
    Nothing,
}

/// The duty to settle a request that was taken.
#[must_use = "the caller may wait for an answer"]
#[derive(Debug)]
pub struct Ticket(Head);

/// A conversation that is over.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    /// The type of the request.
    pub kind: MsgType,
    /// Its number.
    pub seq: u64,
    /// How it ended: timed out, or as the first answer that is not ok, or ok.
    pub code: Code,
    /// What came back, in the order in which it came.
    pub answers: Vec<(LcoreId, Answer)>,
    /// Who did not answer in time.
    pub missing: Vec<LcoreId>,
    /// What the caller goes on with.
    pub then: Then,
}

#[derive(Debug)]
struct Conversation {
    head: Head,
    until: Instant,
    /// Who has not answered yet, by ascending id.
    missing: Vec<LcoreId>,
    answers: Vec<(LcoreId, Answer)>,
    then: Then,
}

/// The messages of one lcore.
#[derive(Debug)]
pub struct Messages {
    me: LcoreId,
    role: Role,
    /// Who has a msg_ring, and drains it.
    reachable: Vec<LcoreId>,
    /// The number of the last request. DPVS: the caller's, often always 0 (defect B79).
    last_seq: u64,
    open: BTreeMap<u64, Conversation>,
    /// The open conversations, by when they are given up.
    due: BTreeSet<(Instant, u64)>,
    /// The worker whose turn it is to send for the master, as an index.
    pub(super) turn: usize,
}

impl Messages {
    /// The messages of the lcore `me`, none yet.
    pub fn new(config: &Config, rings: &[RingPlan], me: LcoreId) -> Messages {
        let role = config.lcores.iter().find(|l| l.id == me).map_or(Role::Idle, |l| l.role);
        let reachable = rings.iter().filter(|plan| plan.ring == Ring::Msg);
        Messages {
            me,
            role,
            reachable: reachable.map(|plan| plan.owner).collect(),
            last_seq: 0,
            open: BTreeMap::new(),
            due: BTreeSet::new(),
            turn: 0,
        }
    }

    /// Whether this lcore has no transmit queue of its own and sends by the workers.
    pub fn is_master(&self) -> bool {
        self.role == Role::Master
    }

    /// Whether an answer may still come, or has to be given up.
    pub fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// The first instant at which a conversation is overdue, unless its answers come before.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(until, _)| until.saturating_add(Nanos::new(1)))
    }

    /// Sends a request to one lcore. Returns its number.
    ///
    /// # Errors
    /// The target has no msg_ring or a full one, the level or the limit does not allow it: nothing
    /// was sent.
    pub fn unicast<W: World>(
        &mut self,
        to: LcoreId,
        request: Request<W::Buf>,
        env: &mut Env<'_, W>,
    ) -> Result<u64, Unsent<W::Buf>> {
        let Request { payload, call, timeout, then } = request;
        let head = self.head(&payload, Mode::Unicast, call, timeout, env);
        let allowed = match self.reachable.contains(&to) {
            true => self.allowed(&head, env),
            false => Err(Code::Invalid),
        };
        if let Err(code) = allowed {
            return Err(refuse(&head, code, Some(to), payload, env));
        }
        match put(head, to, Body::Request(payload), env) {
            Ok(()) => note_sent(&head, to, env),
            Err(Body::Request(payload)) => {
                return Err(refuse(&head, Code::Full, Some(to), payload, env));
            }
            Err(Body::Reply(_)) => unreachable!("what came back is what was sent"),
        }
        if call == Call::Sync {
            self.open(head, timeout, vec![to], then, env);
        }
        Ok(head.seq)
    }

    /// Sends a request from the master to every forwarding worker, in the order of their ids, or
    /// to none. Returns its number.
    ///
    /// # Errors
    /// As for [`Messages::unicast`]; the first worker whose ring is full is named. Who sends is
    /// not the master; or the request carries a frame, which cannot go to several.
    // DPVS: what was sent before the first full ring stays sent, so that the workers differ from
    // then on (defect B80). Between two threads a ring may still fill up behind the check.
    pub fn multicast<W: World>(
        &mut self,
        request: Request<W::Buf>,
        env: &mut Env<'_, W>,
    ) -> Result<u64, Unsent<W::Buf>> {
        let Request { payload, call, timeout, then } = request;
        let head = self.head(&payload, Mode::Multicast, call, timeout, env);
        let workers = env.peers;
        let allowed = match self.role == Role::Master && payload.frame().is_none() {
            true => self.allowed(&head, env),
            false => Err(Code::Invalid),
        };
        if let Err(code) = allowed {
            return Err(refuse(&head, code, None, payload, env));
        }
        let full = workers.iter().find(|worker| !env.world.has_room(**worker, Ring::Msg));
        let partial = env.policy.msg_partial_multicast || env.planted.is(Defect::PartialMulticast);
        if let (Some(full), false) = (full, partial) {
            return Err(refuse(&head, Code::Full, Some(*full), payload, env));
        }
        for (at, worker) in workers.iter().enumerate() {
            let Some(copy) = payload.again() else { unreachable!("it carries no frame") };
            // There was room a moment ago, but others fill these rings too.
            if put(head, *worker, Body::Request(copy), env).is_err() {
                let unsent = refuse(&head, Code::Full, Some(*worker), payload, env);
                return Err(Unsent { sent: at > 0, ..unsent });
            }
            note_sent(&head, *worker, env);
        }
        self.open(head, timeout, workers.to_vec(), then, env);
        Ok(head.seq)
    }

    /// Takes in a message that was in this lcore's ring.
    pub fn take<W: World>(
        &mut self,
        message: Message<W::Buf>,
        env: &mut Env<'_, W>,
    ) -> Taken<W::Buf> {
        let Message { head, body } = message;
        match body {
            Body::Request(payload) => self.take_request(head, payload, env),
            Body::Reply(answer) => self.take_reply(head, answer, env),
        }
    }

    /// Says what came of a request, to the trace and to a caller who wants to know it.
    pub fn settle<W: World>(&mut self, ticket: Ticket, answer: Answer, env: &mut Env<'_, W>) {
        let Ticket(head) = ticket;
        env.counters.msg_handled += 1;
        let code = code_of(&answer);
        note(Stage::Handled(code), &head, Some(self.me), env);
        self.reply(&head, answer, env);
    }

    /// The next conversation whose deadline has passed. It is over: later answers are late.
    pub fn overdue<W: World>(&mut self, env: &mut Env<'_, W>) -> Option<Done> {
        let (until, seq) = *self.due.first()?;
        // DPVS: `start + timeout < now`. At the deadline itself it is not too late.
        if until >= env.now || env.planted.is(Defect::TimeoutIgnored) {
            return None;
        }
        let conversation = self.close(seq)?;
        env.counters.msg_timeouts += 1;
        for to in &conversation.missing {
            note(Stage::TimedOut, &conversation.head, Some(*to), env);
        }
        Some(done(conversation, env))
    }

    /// The head of the next request.
    fn head<W: World>(
        &mut self,
        payload: &Payload<W::Buf>,
        mode: Mode,
        call: Call,
        timeout: Option<Nanos>,
        env: &Env<'_, W>,
    ) -> Head {
        self.last_seq += 1;
        let until = deadline(timeout, env);
        Head {
            kind: payload.kind(),
            seq: self.last_seq,
            mode,
            call,
            from: self.me,
            deadline: (call == Call::Sync).then_some(until),
            packet: payload.frame().map(|frame| frame.meta().id),
        }
    }

    /// Whether level and limit allow a request.
    fn allowed<W: World>(&self, head: &Head, env: &Env<'_, W>) -> Result<(), Code> {
        // DPVS: a lower level lets the requests of a multicast out and keeps the replies back
        // (defect B76). Here it is about requests alone.
        if head.kind.priority() > env.policy.msg_priority_level {
            return Err(Code::Disabled);
        }
        if head.wants_answer() && self.open.len() >= env.limits.msg_open as usize {
            return Err(Code::Busy);
        }
        Ok(())
    }

    fn open<W: World>(
        &mut self,
        head: Head,
        timeout: Option<Nanos>,
        missing: Vec<LcoreId>,
        then: Then,
        env: &Env<'_, W>,
    ) {
        // DPVS: without a time limit for an asynchronous multicast (defect B77).
        let until = deadline(timeout, env);
        self.due.insert((until, head.seq));
        let answers = Vec::with_capacity(missing.len());
        self.open.insert(head.seq, Conversation { head, until, missing, answers, then });
    }

    fn close(&mut self, seq: u64) -> Option<Conversation> {
        let conversation = self.open.remove(&seq)?;
        self.due.remove(&(conversation.until, seq));
        Some(conversation)
    }

    fn take_request<W: World>(
        &mut self,
        head: Head,
        payload: Payload<W::Buf>,
        env: &mut Env<'_, W>,
    ) -> Taken<W::Buf> {
        env.counters.msg_requests_in += 1;
        note(Stage::Delivered, &head, Some(self.me), env);
        let late = head.deadline.is_some_and(|deadline| deadline < env.now);
        let why = if !head.kind.is_handled_by(self.role) {
            env.counters.msg_unregistered += 1;
            MsgDrop::Unregistered
        } else if late && !(env.policy.msg_late_execution || env.planted.is(Defect::LateExecuted)) {
            env.counters.msg_expired += 1;
            MsgDrop::Expired
        } else {
            return Taken::Request(Ticket(head), payload);
        };
        note(Stage::Dropped(why), &head, Some(self.me), env);
        // DPVS: what a dropped message carries is never freed (defect B82).
        if let Some(frame) = payload.into_frame() {
            env.drop(frame, DropReason::MsgDropped);
        }
        // Who sent a request that expired has given it up already.
        if why == MsgDrop::Unregistered {
            self.reply(&head, Err(Refusal::Unregistered), env);
        }
        Taken::Nothing
    }

    /// Answers a request if its caller wants to know. A caller whose ring is full is not told: it
    /// gives up at its deadline.
    fn reply<W: World>(&mut self, request: &Head, answer: Answer, env: &mut Env<'_, W>) {
        if !request.wants_answer() {
            return;
        }
        let (to, code) = (request.from, code_of(&answer));
        let head = Head { from: self.me, packet: None, ..*request };
        if put(head, to, Body::Reply(answer), env).is_ok() {
            env.counters.msg_replies_out += 1;
            note(Stage::Replied(code), &head, Some(to), env);
        } else {
            env.counters.msg_replies_lost += 1;
            note(Stage::Dropped(MsgDrop::ReplyLost), &head, Some(to), env);
        }
    }

    fn take_reply<W: World>(
        &mut self,
        head: Head,
        answer: Answer,
        env: &mut Env<'_, W>,
    ) -> Taken<W::Buf> {
        env.counters.msg_replies_in += 1;
        let conversation = self.open.get_mut(&head.seq);
        let waited = conversation
            .and_then(|c| Some((c.missing.iter().position(|missing| *missing == head.from)?, c)));
        let Some((at, conversation)) = waited else {
            env.counters.msg_replies_late += 1;
            note(Stage::Dropped(MsgDrop::Late), &head, Some(self.me), env);
            return Taken::Nothing;
        };
        note(Stage::Answered(code_of(&answer)), &head, Some(self.me), env);
        conversation.missing.remove(at);
        if env.planted.is(Defect::ReplyCountedTwice) {
            conversation.missing.pop();
        }
        conversation.answers.push((head.from, answer));
        if !conversation.missing.is_empty() {
            return Taken::Nothing;
        }
        match self.close(head.seq) {
            Some(conversation) => Taken::Done(done(conversation, env)),
            None => unreachable!("it was open a moment ago"),
        }
    }
}

/// When a conversation that begins now is given up.
fn deadline<W: World>(timeout: Option<Nanos>, env: &Env<'_, W>) -> Instant {
    env.now.saturating_add(timeout.unwrap_or(env.policy.msg_timeout))
}

fn done<W: World>(conversation: Conversation, env: &mut Env<'_, W>) -> Done {
    let Conversation { head, missing, answers, then, .. } = conversation;
    let bad = answers.iter().map(|(_, answer)| code_of(answer)).find(|code| *code != Code::Ok);
    let code = match (missing.is_empty(), bad) {
        (false, _) => Code::TimedOut,
        (true, Some(code)) => code,
        (true, None) => Code::Ok,
    };
    note(Stage::Done(code), &head, None, env);
    Done { kind: head.kind, seq: head.seq, code, answers, missing, then }
}

/// Puts a message into a ring; what it carries comes back if there is no room.
fn put<W: World>(
    head: Head,
    to: LcoreId,
    body: Body<W::Buf>,
    env: &mut Env<'_, W>,
) -> Result<(), Body<W::Buf>> {
    match env.world.send(to, Ring::Msg, Parcel::Msg(Box::new(Message { head, body }))) {
        Ok(()) => Ok(()),
        Err(Parcel::Msg(message)) => Err(message.body),
        Err(_) => unreachable!("what came back is what was sent"),
    }
}

/// Counts and tells a request that cannot be sent.
fn refuse<W: World>(
    head: &Head,
    code: Code,
    at: Option<LcoreId>,
    payload: Payload<W::Buf>,
    env: &mut Env<'_, W>,
) -> Unsent<W::Buf> {
    env.counters.msg_refused += 1;
    note(Stage::Refused(code), head, at, env);
    Unsent { code, at, sent: false, payload }
}

fn note_sent<W: World>(head: &Head, to: LcoreId, env: &mut Env<'_, W>) {
    env.counters.msg_requests_out += 1;
    note(Stage::Sent, head, Some(to), env);
}

fn note<W: World>(stage: Stage, head: &Head, to: Option<LcoreId>, env: &mut Env<'_, W>) {
    env.world.observe(Event::Msg(MsgNote::new(stage, head, to)));
}
