//! The control plane's words, and the socket on which they are heard.
//!
//! One grammar, three uses: `[[control]]` in a scenario, a line on the socket of `lockstep run
//! --control`, and the arguments of `lockstep ctl`. [`parse`] makes an order of a text, `words`
//! makes the text of an order, `reply` says what came of it, to people and to programs.
//!
//! Invariant: reading an order depends on nothing but its text and the names that there are.
//! Not here: what an order does (`dataplane::control`), when it is given (`engine/steer.rs`).

mod client;
mod grammar;
mod record;
mod reply;
mod session;
mod socket;
mod tables;
mod words;

#[cfg(test)]
mod tests;

pub use client::{CtlError, ask};
pub use grammar::{Names, ParseError, Verb, numbered, parse};
pub use reply::{Reply, SYNTAX};
pub use session::Session;
pub use socket::{LINE_MAX, Server, SocketError};
pub use words::order as words;
pub(crate) use words::outcome;
