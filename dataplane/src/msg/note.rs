//! What the trace says of a message: one line for each thing that happens to it.
//!
//! A conversation is known by its caller and the caller's number. `from` and `to` are the ends of
//! the message that the line is about: of a request, the caller and its target; of a reply, the
//! other way round.

use super::{Call, Code, Head, Mode, MsgDrop, MsgType};
use crate::event::Value;
use crate::packet::PacketId;
use crate::time::Instant;
use crate::types::LcoreId;

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The caller put a request into the ring of its target.
    Sent,
    /// The caller could not send a request, and why.
    Refused(Code),
    /// The target took the request out of its ring.
    Delivered,
    /// The target has done what it was asked for, or could not.
    Handled(Code),
    /// The target put a reply into the ring of the caller.
    Replied(Code),
    /// The caller took a reply that it waited for.
    Answered(Code),
    /// The deadline has passed without a reply of this target.
    TimedOut,
    /// A request or a reply was dropped, by name.
    Dropped(MsgDrop),
    /// The conversation is over: the caller goes on.
    Done(Code),
}

/// A line of the trace about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsgNote {
    /// What happened.
    pub stage: Stage,
    /// The type.
    pub kind: MsgType,
    /// The caller's number of the request.
    pub seq: u64,
    /// To how many lcores the request went.
    pub mode: Mode,
    /// Whether the caller wants to know what came of it.
    pub call: Call,
    /// Who sends.
    pub from: LcoreId,
    /// Who receives; nothing when it is about all of a multicast, or about the caller alone.
    pub to: Option<LcoreId>,
    /// The last instant at which the request is carried out.
    pub deadline: Option<Instant>,
    /// The packet that the request carries.
    pub packet: Option<PacketId>,
}

impl MsgNote {
    /// What happened to the message with this head, on its way to `to`.
    pub(super) fn new(stage: Stage, head: &Head, to: Option<LcoreId>) -> MsgNote {
        let Head { kind, seq, mode, call, from, deadline, packet } = *head;
        MsgNote { stage, kind, seq, mode, call, from, to, deadline, packet }
    }

    /// The name in traces.
    pub const fn name(&self) -> &'static str {
        match self.stage {
            Stage::Sent => "msg_sent",
            Stage::Refused(_) => "msg_refused",
            Stage::Delivered => "msg_delivered",
            Stage::Handled(_) => "msg_handled",
            Stage::Replied(_) => "msg_replied",
            Stage::Answered(_) => "msg_answered",
            Stage::TimedOut => "msg_timed_out",
            Stage::Dropped(_) => "msg_dropped",
            Stage::Done(_) => "msg_done",
        }
    }

    /// Calls `field` with each field's name and value, always in the same order.
    pub fn fields(&self, field: &mut dyn FnMut(&'static str, Value<'_>)) {
        field("type", Value::Text(self.kind.name()));
        field("seq", Value::U64(self.seq));
        field("from", Value::U64(self.from.0.into()));
        if let Some(to) = self.to {
            field("to", Value::U64(to.0.into()));
        }
        match self.stage {
            Stage::Sent => {
                field("mode", Value::Text(self.mode.name()));
                field("call", Value::Text(self.call.name()));
                if let Some(deadline) = self.deadline {
                    field("deadline", Value::U64(deadline.as_nanos()));
                }
            }
            Stage::Refused(code) => field("why", Value::Text(code.name())),
            Stage::Dropped(why) => field("why", Value::Text(why.name())),
            Stage::Handled(code)
            | Stage::Replied(code)
            | Stage::Answered(code)
            | Stage::Done(code) => field("result", Value::Text(code.name())),
            Stage::Delivered | Stage::TimedOut => {}
        }
        if let Some(packet) = self.packet {
            field("pkt", Value::U64(packet.0));
        }
    }
}
