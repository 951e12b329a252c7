//! Messages between lcores: who asks whom for what, and who answers. Spec 8.1.
//!
//! A message lies in the `msg_ring` of the lcore that it is for until that lcore's msg_master_job or
//! msg_slave_job takes it. A *request* carries a [`Payload`]; a *reply* carries an [`Answer`] back.
//! A *unicast* goes to one lcore, a *multicast* from the master to every forwarding worker.
//! A *synchronous* caller wants the answer, and says what to do [`Then`]: it does not wait for it.
//!
//! Invariant: a message ends exactly once: handled, answered, refused or dropped by name. What it
//! carries has one owner: the message, until it is handled; the caller again, if it was not sent.
//! Not here: the rings (`world.rs`), what a handler does (`lcore/messages.rs`).
//!
//! DPVS: ctrl.c. There a synchronous caller spins and runs its own messages meanwhile; it gives up
//! after `sync_msg_timeout_us`, and the request is carried out all the same (defect B78). A lost
//! reply keeps the record of a multicast for ever (B77), and a constant number lets a late reply
//! pass for that of the next request (B79). Here each request has a number of its own and a
//! deadline that both sides keep.

mod calls;
mod kind;
mod note;
#[cfg(test)]
mod tests;
mod xmit;

pub use calls::{Done, Messages, Request, Taken, Ticket, Unsent};
pub use kind::{MsgType, Priority};
pub use note::{MsgNote, Stage};
pub use xmit::master_xmit;

use crate::change::Change;
use crate::control::{Hello, NeighEntry, Refused};
use crate::counters::Counters;
use crate::iftraf::Sampling;
use crate::packet::PacketId;
use crate::tc::{self, ClsEdit, QschEdit, QschStats};
use crate::time::Instant;
use crate::types::{LcoreId, PortId};
use ipnet::Ipv4Net;
use std::fmt;

/// To how many lcores a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To one.
    Unicast,
    /// From the master to every forwarding worker. Each answers.
    Multicast,
}

impl Mode {
    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Unicast => "unicast",
            Mode::Multicast => "multicast",
        }
    }
}

/// Whether the caller wants to know what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// No. A request is carried out however late it is taken.
    Async,
    /// Yes, until a deadline. A request that is taken after it is not carried out.
    Sync,
}

impl Call {
    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Call::Async => "async",
            Call::Sync => "sync",
        }
    }
}

/// What a request asks for, and all that is needed to do it.
#[derive(Debug, PartialEq, Eq)]
pub enum Payload<B> {
    /// To say that one is there.
    Hello,
    /// To send a frame of the master's by a device: from its Ethernet header on, untagged.
    MasterXmit {
        /// The frame.
        frame: B,
        /// The device.
        device: PortId,
    },
    /// To make this change of Qschs.
    QschSet(QschEdit),
    /// To make this change of classifiers.
    ClsSet(ClsEdit),
    /// To tell what the Qschs counted.
    QschGet,
    /// To tell how often the classifiers matched.
    ClsGet,
    /// To sample packets so, or to stop it.
    Iftraf(Option<Sampling>),
    /// To make a change to its tables, or to say why it cannot.
    Change {
        /// The number of the order that it is for.
        order: u64,
        /// The change.
        change: Box<Change>,
    },
    /// To undo the change of this order, if that was the last one that it made.
    Undo {
        /// The number of the order.
        order: u64,
    },
    /// To say something of its tables or counters.
    Get(Get),
}

/// What an lcore is asked to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Get {
    /// Whom it knows on the links.
    Neighbours,
    /// Its addresses.
    Addresses,
    /// What it counted.
    Stats,
}

impl<B> Payload<B> {
    /// The type of a message that carries it.
    pub fn kind(&self) -> MsgType {
        match self {
            Payload::Hello => MsgType::Hello,
            Payload::MasterXmit { .. } => MsgType::MasterXmit,
            Payload::QschSet(_) => MsgType::QschSet,
            Payload::ClsSet(_) => MsgType::ClsSet,
            Payload::QschGet => MsgType::QschGet,
            Payload::ClsGet => MsgType::ClsGet,
            Payload::Iftraf(_) => MsgType::IftrafSet,
            Payload::Change { change, .. } => change.kind(),
            Payload::Undo { .. } => MsgType::Undo,
            Payload::Get(Get::Neighbours) => MsgType::NeighGet,
            Payload::Get(Get::Addresses) => MsgType::IfaGet,
            Payload::Get(Get::Stats) => MsgType::LcoreStats,
        }
    }

    /// The same for one more lcore. Nothing when it holds a frame, which has one owner.
    pub(crate) fn again(&self) -> Option<Payload<B>> {
        match self {
            Payload::Hello => Some(Payload::Hello),
            Payload::Iftraf(sampling) => Some(Payload::Iftraf(*sampling)),
            Payload::Change { order, change } => {
                Some(Payload::Change { order: *order, change: change.clone() })
            }
            Payload::Undo { order } => Some(Payload::Undo { order: *order }),
            Payload::Get(what) => Some(Payload::Get(*what)),
            Payload::MasterXmit { .. } => None,
            Payload::QschSet(edit) => Some(Payload::QschSet(*edit)),
            Payload::ClsSet(edit) => Some(Payload::ClsSet(*edit)),
            Payload::QschGet => Some(Payload::QschGet),
            Payload::ClsGet => Some(Payload::ClsGet),
        }
    }

    /// The frame that it holds, if it holds one.
    pub const fn frame(&self) -> Option<&B> {
        match self {
            Payload::Hello
            | Payload::Iftraf(_)
            | Payload::QschSet(_)
            | Payload::ClsSet(_)
            | Payload::QschGet
            | Payload::ClsGet
            | Payload::Change { .. }
            | Payload::Undo { .. }
            | Payload::Get(_) => None,
            Payload::MasterXmit { frame, .. } => Some(frame),
        }
    }

    /// Takes out the frame that it holds, if it holds one.
    pub fn into_frame(self) -> Option<B> {
        match self {
            Payload::Hello
            | Payload::Iftraf(_)
            | Payload::QschSet(_)
            | Payload::ClsSet(_)
            | Payload::QschGet
            | Payload::ClsGet
            | Payload::Change { .. }
            | Payload::Undo { .. }
            | Payload::Get(_) => None,
            Payload::MasterXmit { frame, .. } => Some(frame),
        }
    }
}

/// What a handler that did what it was asked for says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done,
    /// To a HELLO: the tick that the lcore is in.
    Hello {
        /// The tick, from 1.
        tick: u64,
    },
    /// What the Qschs of the lcore counted.
    Qschs(Vec<(tc::About, QschStats)>),
    /// How often the classifiers of the lcore matched.
    Classes(Vec<(tc::ClsName, u64)>),
    /// Whom the lcore knows on the links, in order of device and address.
    Neighbours(Vec<NeighEntry>),
    /// The lcore's addresses, in the order of the devices.
    Addresses(Vec<(PortId, Ipv4Net)>),
    /// What the lcore counted.
    Stats(Box<Counters>),
}

/// Why an lcore did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The handler could not (`DPVS_MSG_F_CALLBACK_FAIL`).
    Failed,
    /// The same, and why.
    Refused(Refused),
    /// This lcore has no handler for messages of that type.
    Unregistered,
}

impl Refusal {
    /// What it comes to for the caller.
    pub const fn code(self) -> Code {
        match self {
            Refusal::Failed | Refusal::Refused(_) => Code::Failed,
            Refusal::Unregistered => Code::Unregistered,
        }
    }
}

/// What comes back.
pub type Answer = Result<Reply, Refusal>;

/// What an answer comes to.
pub fn code_of(answer: &Answer) -> Code {
    match answer {
        Ok(_) => Code::Ok,
        Err(refusal) => refusal.code(),
    }
}

/// Greetings that are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The number of the order that they are for.
    pub order: u64,
    /// Those that are still to come.
    pub rest: Hello,
    /// How the worst one so far ended.
    pub worst: Code,
}

/// What a caller goes on with when its conversation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// With nothing: the trace says how it ended.
    Nothing,
    /// With the rest of these greetings, one after the other.
    Greet(Greeting),
    /// With what traffic control counted on all workers.
    ShowTc,
    /// With giving back the tables of that generation of samples: nobody adds to them any more.
    IftrafStopped {
        /// The generation.
        generation: u32,
    },
    /// With the order of this number, which all have done, or some could not.
    Order(u64),
    /// With the end of the order of this number: all have undone it.
    Undone(u64),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// All did what they were asked for.
    Ok,
    /// No such target; or a multicast that is not the master's, or that cannot be copied.
    Invalid,
    /// The target has no handler for messages of that type.
    Unregistered,
    /// The target's ring was full: nothing was sent.
    Full,
    /// As many conversations are open as may be.
    Busy,
    /// The priority of the type is beyond the level.
    Disabled,
    /// One of the handlers could not.
    Failed,
    /// Not all answered before the deadline.
    TimedOut,
}

impl Code {
    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Code::Ok => "ok",
            Code::Invalid => "invalid",
            Code::Unregistered => "unregistered",
            Code::Full => "full",
            Code::Busy => "busy",
            Code::Disabled => "disabled",
            Code::Failed => "failed",
            Code::TimedOut => "timed_out",
        }
    }

    /// DPVS's number: OK 0, INVAL -1, NOTEXIST -4, DPDKAPIFAIL -11, BUSY -13, DISABLED -18,
    /// MSG_FAIL -23, MSG_DROP -24.
    pub const fn number(self) -> i32 {
        match self {
            Code::Ok => 0,
            Code::Invalid => -1,
            Code::Unregistered => -4,
            Code::Full => -11,
            Code::Busy => -13,
            Code::Disabled => -18,
            Code::Failed => -23,
            Code::TimedOut => -24,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a message was dropped by the lcore that took it, or that wanted to send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsgDrop {
    /// A request that was taken after its deadline.
    Expired,
    /// A request of a type that this lcore has no handler for.
    Unregistered,
    /// A reply that nobody waits for any more.
    Late,
    /// A reply that the caller's ring had no room for.
    ReplyLost,
}

impl MsgDrop {
    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            MsgDrop::Expired => "expired",
            MsgDrop::Unregistered => "unregistered",
            MsgDrop::Late => "late",
            MsgDrop::ReplyLost => "reply_lost",
        }
    }
}

/// What is written on a message: all but what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The type: of a reply, that of its request.
    pub kind: MsgType,
    /// The caller's number of the request, from 1; a reply has that of its request. Never reused.
    pub seq: u64,
    /// To how many lcores the request went.
    pub mode: Mode,
    /// Whether the caller wants to know what came of it.
    pub call: Call,
    /// Who sent this message.
    pub from: LcoreId,
    /// The last instant at which the request is carried out; nothing: whenever it is taken.
    pub deadline: Option<Instant>,
    /// The packet that the request carries, if it carries one.
    pub packet: Option<PacketId>,
}

impl Head {
    /// Whether who takes the request answers it: in every multicast, since its record is waiting.
    pub fn wants_answer(&self) -> bool {
        self.call == Call::Sync || self.mode == Mode::Multicast
    }
}

/// A message on its way.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<B> {
    /// What is written on it.
    pub head: Head,
    /// What it carries.
    pub body: Body<B>,
}

/// What a message carries.
#[derive(Debug, PartialEq, Eq)]
pub enum Body<B> {
    /// What is asked for.
    Request(Payload<B>),
    /// What came of it.
    Reply(Answer),
}

impl<B> Message<B> {
    /// Whether it carries a frame.
    pub fn carries_frame(&self) -> bool {
        match &self.body {
            Body::Request(payload) => payload.frame().is_some(),
            Body::Reply(_) => false,
        }
    }

    /// Takes out the frame that it carries, if it carries one.
    pub fn into_frame(self) -> Option<B> {
        match self.body {
            Body::Request(payload) => payload.into_frame(),
            Body::Reply(_) => None,
        }
    }
}
