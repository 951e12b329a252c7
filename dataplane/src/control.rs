//! What the control plane is told to do.
//!
//! An [`Order`] comes to the master from outside, at a time of its own; the job that it is for takes
//! it in its next run. [`Order::name`] and [`Order::fields`] are the one place that says how an
//! order is written in a trace.
//!
//! Not here: who gives orders (a scenario, a client), and what a job makes of them (`lcore/jobs.rs`).

use crate::event::Value;
use crate::world::NeighChange;

/// Something that the master is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Add or delete a static neighbour on every worker: job neigh_sync.
    Neigh(NeighChange),
}

impl Order {
    /// The name in traces.
    pub const fn name(&self) -> &'static str {
        match self {
            Order::Neigh(_) => "neighbour",
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
        }
    }
}
