//! What the control plane is told to do.
//!
//! An [`Order`] comes to the master from outside, at a time of its own; the job that it is for takes
//! it in its next run. [`Order::name`] and [`Order::fields`] are the one place that says how an
//! order is written in a trace.
//!
//! Not here: who gives orders (a scenario, a client), and what a job makes of them (`lcore/jobs.rs`).

use crate::event::Value;
use crate::job::JobKind;
use crate::msg::Call;
use crate::tc::TcChange;
use crate::time::Nanos;
use crate::types::LcoreId;
use crate::world::NeighChange;

/// Something that the master is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Add or delete a static neighbour on every worker: job neigh_sync.
    Neigh(NeighChange),
    /// Greet other lcores by messages: job sockopt_job.
    Hello(Hello),
    /// Change traffic control on every worker: job sockopt_job.
    Tc(TcChange),
    /// Tell what traffic control counted on all workers: job sockopt_job.
    ShowTc,
    /// Switch traffic statistics on or off: job sockopt_job.
    Iftraf(Switch),
}

/// `dpip iftraf enable`, `dpip iftraf disable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// On.
    Enable,
    /// Off.
    Disable,
}

impl Switch {
    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Switch::Enable => "enable",
            Switch::Disable => "disable",
        }
    }
}

/// To whom the master sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To one lcore: a unicast.
    Lcore(LcoreId),
    /// To every forwarding worker: a multicast.
    Workers,
}

/// Messages HELLO that the master is to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// To whom.
    pub to: Target,
    /// Whether the master wants to know the answers.
    pub call: Call,
    /// How long it waits for them; nothing: `Policy::msg_timeout`.
    pub timeout: Option<Nanos>,
    /// How many, 1..=65,535: asynchronous ones at once, synchronous ones each after the end of the
    /// one before.
    pub count: u32,
}

impl Order {
    /// The name in traces.
    pub const fn name(&self) -> &'static str {
        match self {
            Order::Neigh(_) => "neighbour",
            Order::Hello(_) => "hello",
            Order::Tc(_) => "tc",
            Order::ShowTc => "show_tc",
            Order::Iftraf(_) => "iftraf",
        }
    }

    /// The master's job that takes it.
    pub const fn taken_by(&self) -> JobKind {
        match self {
            Order::Neigh(_) => JobKind::NeighSync,
            Order::Hello(_) | Order::Tc(_) | Order::ShowTc | Order::Iftraf(_) => JobKind::Sockopt,
        }
    }

    /// Calls `field` with each field's name and value, always in the same order.
    pub fn fields(&self, field: &mut dyn FnMut(&'static str, Value)) {
        match *self {
            Order::Neigh(NeighChange { port, address, mac }) => {
                field("port", Value::Port(port));
                field("address", Value::Ip(address));
                field("mac", mac.map_or(Value::Text("-"), Value::Mac));
            }
            Order::Iftraf(switch) => field("switch", Value::Text(switch.name())),
            Order::Hello(Hello { to, call, timeout, count }) => {
                match to {
                    Target::Lcore(to) => field("to", Value::U64(to.0.into())),
                    Target::Workers => field("to", Value::Text("workers")),
                }
                field("call", Value::Text(call.name()));
                if let Some(timeout) = timeout {
                    field("timeout", Value::U64(timeout.get()));
                }
                field("count", Value::U64(count.into()));
            }
            Order::Tc(change) => change.fields(field),
            Order::ShowTc => {}
        }
    }
}
