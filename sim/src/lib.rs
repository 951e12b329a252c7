//! Lockstep: a DPVS-style dataplane on a virtual clock.
//!
//! [`plan`] says what a run is made of; [`scenario`](crate::plan) files and captures become a plan,
//! and a plan becomes a run.

#![forbid(unsafe_code)]

pub mod asked;
pub mod bundle;
pub mod capture;
pub mod chart;
pub mod check;
pub mod cli;
pub mod clock;
pub mod control;
pub mod decode;
pub mod engine;
pub mod export;
pub mod fabric;
pub mod fault;
pub mod guess;
pub mod jobs;
pub mod ledger;
pub mod oracle;
pub mod output;
pub mod plan;
pub mod report;
pub mod rss;
pub mod run;
pub mod scenario;
pub mod schedule;
#[cfg(feature = "mutants")]
pub mod scoreboard;
pub mod shrink;
pub mod source;
pub mod swarm;
pub mod sweep;
pub mod trace;
pub mod trial;
pub mod verify;
pub mod wire;
mod world;
