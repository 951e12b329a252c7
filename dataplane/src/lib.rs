//! A DPVS-style dataplane: what an lcore does with packets, and nothing of how they reach it.
//!
//! This crate is sans-IO. It reads no clock, starts no thread, opens no file, knows no DPDK. It sees
//! a packet through [`Buf`] and everything else outside through [`World`]; whoever drives it steps
//! one job of one lcore at a time with [`Lcore::step`].
//!
//! # Where to read first
//!
//! [`job`] says what runs when; [`lcore`] owns all that one core uses; [`path`] holds the one
//! `match` that a packet goes through, and names the stage behind each step.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | *frame* | the bytes of layer 2, from the destination MAC on, without FCS |
//! | *packet* | a frame with what we know of it: its port, its identity, its layers |
//! | *datagram*, *fragment* | a whole IPv4 datagram; a part of one |
//! | *lcore*, *role*, *job*, *tick* | a core; what it is for; a function of its loop; one turn of the loop |
//! | *burst* | up to 32 packets taken from or given to a queue at once |
//! | *message*, *request*, *reply* | what lcores tell each other: see [`msg`] |
//! | *neighbour* | a host on the link, and what ARP knows of it |
//! | *input*, *output*, *forward* | towards us; from us; through us |
//! | *Qsch*, *classifier*, *tree* | a queueing scheduler; who sends packets to which; those of a device: see [`tc`] |
//! | *drop* | to refuse a packet, by name: see [`DropReason`] |

#![forbid(unsafe_code)]

pub mod change;
pub mod config;
pub mod control;
pub mod counters;
pub mod device;
pub mod drop;
pub mod env;
pub mod event;
pub mod heap;
pub mod icmp;
pub mod iftraf;
mod index;
pub mod ipv4;
pub mod job;
pub mod kni;
pub mod lcore;
pub mod msg;
pub mod neigh;
pub mod netif;
pub mod packet;
pub mod path;
pub mod planted;
#[cfg(test)]
mod rig;
pub mod rng;
pub mod route;
pub mod tc;
pub mod time;
pub mod timer;
pub mod types;
pub mod wire;
pub mod world;

pub use config::{Config, ConfigError};
pub use counters::Counters;
pub use drop::DropReason;
pub use event::Event;
pub use lcore::Lcore;
pub use packet::{Buf, Meta, NoRoom, PacketId};
pub use planted::{Defect, Planted};
pub use time::{Instant, Nanos};
pub use types::{LcoreId, Mac, PortId, QueueId, VlanId};
pub use world::World;
