//! A safe wrapper of what Lockstep uses of DPDK: [`Eal`], [`Pool`], [`Mbuf`], [`Ring`], [`Port`], and
//! [`FragTable`], which is there to be compared with.
//!
//! This crate and `dpdk-sys` are the only ones with `unsafe` in them. What they promise the rest:
//!
//! - **One thread.** DPDK has one lcore here, the thread that initialised it. Every type is made
//!   from an [`Eal`], which only that thread can have, and none can be sent to another. Code that
//!   runs on other threads, such as a test, goes through [`on_eal_thread`].
//! - **One owner.** A [`Mbuf`] is a buffer that nobody else has. What a queue or a ring took is
//!   gone from the caller's `Vec`; what it refused is still there, in order.
//! - **Order of dropping does not matter.** A pool outlives the ports that fill from it and the
//!   buffers that came out of it, a ring frees what is in it.
//! - **No trace of DPDK.** Names, port numbers and addresses stay inside.
//!
//! Not here: time, wires, and what the bytes mean.
//!
//! ```
//! use dataplane::{Buf, QueueId};
//! use dpdk::{Pool, Port};
//!
//! let bytes = dpdk::on_eal_thread(|eal| {
//!     let pool = Pool::new(eal, 64).unwrap();
//!     let mut port = Port::ring(eal, &pool, 1, 1, 32, 32).unwrap();
//!
//!     // The wire's end: a frame arrives.
//!     let mut frame = pool.alloc().unwrap();
//!     frame.append(4).unwrap().copy_from_slice(b"ping");
//!     port.inject(QueueId(0), frame).unwrap();
//!
//!     // The dataplane's end: it comes out of the receive queue, and leaves again.
//!     let mut burst = Vec::new();
//!     port.rx_burst(QueueId(0), &mut burst, 32);
//!     port.tx_burst(QueueId(0), &mut burst);
//!     assert!(burst.is_empty());
//!
//!     let mut sent = Vec::new();
//!     port.collect(QueueId(0), &mut sent, 32);
//!     sent[0].head().to_vec()
//! });
//! assert_eq!(bytes.unwrap(), b"ping");
//! ```

mod device;
mod eal;
mod error;
mod frag;
mod mbuf;
mod pool;
mod port;
mod ring;
mod thread;

pub use eal::{Eal, LogLevel};
pub use error::{Cause, EalError, FragTableError, PoolError, PortError, RingError};
pub use frag::{FragTable, MAX_FRAGMENTS};
pub use mbuf::Mbuf;
pub use pool::Pool;
pub use port::{MAX_PORTS, MAX_QUEUES, Port, PortStats};
pub use ring::{Item, Ring};
pub use thread::on_eal_thread;
