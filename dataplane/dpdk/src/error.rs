//! What can go wrong, why, and what to do about it.
//!
//! Invariant: an error that comes from DPDK carries DPDK's own log lines, for its functions mostly
//! return -1 and say the reason only there.

use crate::eal;
use crate::port::{MAX_PORTS, MAX_QUEUES};
use dataplane::packet::SEGMENT;
use std::ffi::CStr;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::ptr::NonNull;

/// Why a call into DPDK failed: its error number, and what it logged meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    call: &'static str,
    errno: i32,
    log: Vec<String>,
}

impl Cause {
    /// The error number of `errno.h`, or 0 where DPDK gave none.
    pub fn errno(&self) -> i32 {
        self.errno
    }

    /// What DPDK logged during the call, a line each.
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// Puts the name that the user knows in place of ours.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        for line in &mut self.log {
            *line = line.replace(from, to);
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.call)?;
        if self.errno != 0 {
            write!(f, ": {} (errno {})", error_text(self.errno), self.errno)?;
        }
        for line in &self.log {
            write!(f, "\n  DPDK: {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Cause {}

fn error_text(errno: i32) -> String {
    // SAFETY: any number will do; the answer is a static text or this thread's buffer.
    let text = unsafe { dpdk_sys::rte_strerror(errno) };
    // SAFETY: the text ends in NUL, and nothing overwrites it before it is copied below.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

/// One call into DPDK that may fail. Made before the call, asked after it.
pub(crate) struct Attempt {
    call: &'static str,
}

impl Attempt {
    /// Forgets what was logged before, so that a failure is not explained by an older one.
    pub(crate) fn new(call: &'static str) -> Attempt {
        eal::forget_log();
        // SAFETY: writes a thread-local of this thread.
        unsafe { dpdk_sys::dpdk_shim_set_errno(0) };
        Attempt { call }
    }

    /// For calls that return an error number less than 0 when they fail. -1 says only that: as
    /// EPERM it would mislead, and `rte_errno` then is of something within that did not matter.
    pub(crate) fn code(self, code: i32) -> Result<u32, Cause> {
        u32::try_from(code).map_err(|_| self.failed(if code == -1 { 0 } else { -code }))
    }

    /// For calls that return -1 when they fail, and the reason in `rte_errno`.
    pub(crate) fn code_or_errno(self, code: i32) -> Result<u32, Cause> {
        u32::try_from(code).map_err(|_| self.failed(last_errno()))
    }

    /// For calls that return nothing when they fail, and the reason in `rte_errno`.
    pub(crate) fn pointer<T>(self, pointer: *mut T) -> Result<NonNull<T>, Cause> {
        NonNull::new(pointer).ok_or_else(|| self.failed(last_errno()))
    }

    fn failed(self, errno: i32) -> Cause {
        Cause { call: self.call, errno, log: eal::take_log() }
    }
}

fn last_errno() -> i32 {
    // SAFETY: reads a thread-local of this thread.
    unsafe { dpdk_sys::dpdk_shim_errno() }
}

/// DPDK cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EalError {
    /// Another thread initialised DPDK, and so owns it.
    #[error(
        "DPDK belongs to another thread of this process, the one that used it first\n\
         help: go through dpdk::on_eal_thread everywhere, or use DPDK from one thread only"
    )]
    OtherThread,
    /// The system does not say which CPUs this thread may run on.
    #[error(
        "cannot read this thread's CPU affinity: {0}\n\
         help: sched_getaffinity must be allowed, and the machine have at most 1024 CPUs"
    )]
    Affinity(String),
    /// DPDK's log cannot be had, and without it no error could say its reason.
    #[error("cannot capture DPDK's log: {0}")]
    Log(String),
    /// No thread can be started for DPDK.
    #[error("cannot start a thread for DPDK: {0}")]
    Thread(String),
    /// DPDK's own initialisation failed.
    #[error(
        "DPDK does not start: {0}\n\
         help: it needs {memory} MiB of memory that a memfd can map, no hugepages and no root; \
         what it refused is in its lines above",
        memory = eal::MEMORY_MIB
    )]
    Init(Cause),
}

/// A pool cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// A pool of no buffers.
    #[error("a pool has at least one buffer")]
    Empty,
    /// DPDK refused.
    #[error(
        "no pool of {count} buffers: {cause}\n\
         help: all pools of a process share {memory} MiB, and a buffer takes 2.4 KiB",
        memory = eal::MEMORY_MIB
    )]
    Dpdk {
        /// How many buffers it was to have.
        count: u32,
        /// What DPDK says.
        cause: Cause,
    },
}

/// A ring cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// A ring of no room.
    #[error("a ring has room for at least one item")]
    Empty,
    /// DPDK refused.
    #[error("no ring for {capacity} items: {cause}")]
    Dpdk {
        /// How many items it was to hold.
        capacity: u32,
        /// What DPDK says.
        cause: Cause,
    },
}

/// A table of fragments cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FragTableError {
    /// A table of no datagrams, or of more than there are numbers for.
    #[error("a table of fragments has room for 1 to 1,073,741,824 datagrams, not {0}")]
    Datagrams(u32),
    /// DPDK refused.
    #[error("no table for the fragments of {datagrams} datagrams: {cause}")]
    Dpdk {
        /// How many datagrams it was to hold.
        datagrams: u32,
        /// What DPDK says.
        cause: Cause,
    },
}

/// A port cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// No queue at all, or too many in one direction.
    #[error(
        "a port cannot have {rx} receive and {tx} transmit queues\n\
         help: it has up to {MAX_QUEUES} in each direction, and at least one"
    )]
    Queues {
        /// Receive queues asked for.
        rx: usize,
        /// Transmit queues asked for.
        tx: usize,
    },
    /// All ports of the process are in use.
    #[error("there are {MAX_PORTS} ports already, which is DPDK's limit\nhelp: drop one first")]
    Ports,
    /// A null port's frames must fit the first segment of a buffer, and not be empty.
    #[error("a null port makes frames of 1 to {SEGMENT} bytes, not {0}")]
    FrameLen(u16),
    /// A capture cannot be opened.
    #[error("cannot open the capture {path}: {source}", path = path.display())]
    Open {
        /// The capture.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A capture was opened, but libpcap cannot read it.
    #[error("{0}\nhelp: a capture is a pcap or pcapng file, not compressed")]
    Capture(Cause),
    /// A ring behind the port cannot be made.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// DPDK refused.
    #[error("no port: {0}")]
    Dpdk(#[from] Cause),
}
