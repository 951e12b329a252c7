//! The tables of what the control plane is told on the way, and of how lcores talk to each other.

use super::super::value::{At, Text};
use dataplane::Nanos;
use dataplane::control::Target;
use dataplane::msg::{Call, Priority};
use schemars::JsonSchema;
use serde::Deserialize;

/// Messages HELLO from the master to other lcores: what it says, and what becomes of the answers,
/// is in the report as a sequence chart.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "hello")]
#[serde(deny_unknown_fields)]
pub struct HelloTable {
    /// When the control plane is told.
    pub at: At<Text<Nanos>>,
    /// The number of an lcore (unicast), or "workers" for all of them (multicast).
    pub to: At<Text<Target>>,
    /// Whether the master wants to know the answers. Default: "sync".
    pub call: Option<CallKind>,
    /// How long it waits for them, 1us to 60s. Default: the policy's msg_timeout.
    pub timeout: Option<At<Text<Nanos>>>,
    /// How many: synchronous ones each after the end of the one before, asynchronous ones at once.
    /// Default: 1.
    pub count: Option<At<u64>>,
}

/// Whether the caller of a message wants to know the answer.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "call")]
#[serde(rename_all = "lowercase")]
pub enum CallKind {
    /// Yes, until a deadline.
    Sync,
    /// No.
    Async,
}

impl From<CallKind> for Call {
    fn from(kind: CallKind) -> Call {
        match kind {
            CallKind::Sync => Call::Sync,
            CallKind::Async => Call::Async,
        }
    }
}

/// How important messages of a type are.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "priority")]
#[serde(rename_all = "lowercase")]
pub enum PriorityKind {
    /// None at all.
    Ign,
    /// Without these the box does not work.
    High,
    /// These change the state of the lcores.
    Norm,
    /// These only ask for it.
    Low,
}

impl From<PriorityKind> for Priority {
    fn from(kind: PriorityKind) -> Priority {
        match kind {
            PriorityKind::Ign => Priority::Ign,
            PriorityKind::High => Priority::High,
            PriorityKind::Norm => Priority::Norm,
            PriorityKind::Low => Priority::Low,
        }
    }
}
