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

/// Traffic statistics: workers sample packets, the master sums them up, and the report says who
/// talked most. Without this table they are off.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "iftraf")]
#[serde(deny_unknown_fields)]
pub struct IftrafTable {
    /// Whether they are on from the start. Default: true.
    pub on: Option<bool>,
    /// Every so manieth TCP, UDP or SCTP packet is sampled, of each worker, in and out.
    /// Default: 1024.
    pub every: Option<At<u64>>,
    /// The length of each of the 30 slots of the history, 1ms to 1h. Default: 1s.
    pub slot: Option<At<Text<Nanos>>>,
    /// When the control plane is told to switch them on or off.
    #[serde(default)]
    pub switch: Vec<SwitchTable>,
}

/// Traffic statistics are switched on or off.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "switch")]
#[serde(deny_unknown_fields)]
pub struct SwitchTable {
    /// When.
    pub at: Text<Nanos>,
    /// On or off.
    pub on: bool,
}

/// Something that the control plane is told: docs/control.md has all of its words.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "control")]
#[serde(deny_unknown_fields)]
pub struct ControlTable {
    /// When.
    pub at: At<Text<Nanos>>,
    /// What, such as "route add 10.0.0.0/8 via 192.0.2.9".
    #[serde(rename = "do")]
    pub words: At<String>,
}

/// Another configuration, to be used from some time on.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "reload")]
#[serde(deny_unknown_fields)]
pub struct ReloadTable {
    /// When the control plane is told.
    pub at: At<Text<Nanos>>,
    /// A scenario file, relative to this one. What it says of the box is used, as far as a running
    /// box can change; a broken one is refused then, and the configuration that is used stays.
    pub file: At<String>,
    /// Its text, instead of what is in the file: then `file` is only a name.
    pub text: Option<String>,
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
