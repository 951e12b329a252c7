//! DPDK's environment: initialised once per process, by the thread that then owns it.
//!
//! Invariant: an [`Eal`] exists only on the thread that initialised DPDK, and after it did. DPDK
//! cannot be initialised a second time, so nothing here ever shuts it down.

use crate::error::{Attempt, EalError};
use std::ffi::{CStr, CString, c_char};
use std::io;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ThreadId};

/// All memory that DPDK has: a memfd, of which only the touched pages count.
pub(crate) const MEMORY_MIB: u32 = 256;

/// The proof that DPDK runs and that this is its thread.
///
/// It is a token to be copied around: making anything of DPDK takes one.
#[derive(Clone, Copy, Debug)]
pub struct Eal {
    /// A pointer is not `Send`, and so is no `Eal`.
    thread: PhantomData<*const ()>,
}

/// How much DPDK logs: everything up to this level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Only what makes DPDK unusable.
    Emergency,
    /// Errors: the level at start.
    Error,
    /// What is suspicious.
    Warning,
    /// What is normal, but worth a line.
    Notice,
    /// Progress.
    Info,
    /// All there is.
    Debug,
}

/// Who owns DPDK, or why nobody does. DPDK is a global of the process, and so is this.
static STARTED: OnceLock<Result<ThreadId, EalError>> = OnceLock::new();

/// What makes the names of rings, pools and ports unique. They never reach an output.
static NAMES: AtomicU64 = AtomicU64::new(0);

impl Eal {
    /// Initialises DPDK if nobody did yet (in about 0.12 s) and makes this thread its owner.
    ///
    /// # Errors
    /// DPDK cannot be initialised, now or the first time; or another thread is the owner.
    pub fn get() -> Result<Eal, EalError> {
        let started = STARTED.get_or_init(|| init().map(|()| thread::current().id()));
        match started {
            Ok(owner) if *owner == thread::current().id() => Ok(Eal { thread: PhantomData }),
            Ok(_) => Err(EalError::OtherThread),
            Err(error) => Err(error.clone()),
        }
    }

    /// The token, if this thread is the owner already. Initialises nothing.
    pub(crate) fn here() -> Option<Eal> {
        match STARTED.get() {
            Some(Ok(owner)) if *owner == thread::current().id() => {
                Some(Eal { thread: PhantomData })
            }
            _ => None,
        }
    }

    /// The version of DPDK that is linked in, such as "DPDK 22.11.11".
    pub fn version(self) -> &'static str {
        // SAFETY: takes nothing, returns a static text.
        let version = unsafe { dpdk_sys::rte_version() };
        // SAFETY: the text is static and ends in NUL.
        let version = unsafe { CStr::from_ptr(version) };
        version.to_str().unwrap_or("DPDK of an unreadable version")
    }

    /// Sets how much DPDK logs. What it logs during a call that fails goes into the error; nothing
    /// goes to stderr or syslog.
    pub fn set_log_level(self, level: LogLevel) {
        let level = match level {
            LogLevel::Emergency => dpdk_sys::RTE_LOG_EMERG,
            LogLevel::Error => dpdk_sys::RTE_LOG_ERR,
            LogLevel::Warning => dpdk_sys::RTE_LOG_WARNING,
            LogLevel::Notice => dpdk_sys::RTE_LOG_NOTICE,
            LogLevel::Info => dpdk_sys::RTE_LOG_INFO,
            LogLevel::Debug => dpdk_sys::RTE_LOG_DEBUG,
        };
        // SAFETY: sets a number that is within DPDK's range.
        unsafe { dpdk_sys::rte_log_set_global_level(level) };
        // The global level is a ceiling; each part of DPDK has its own below it.
        // SAFETY: as above, for all parts; the pattern is a text.
        unsafe { dpdk_sys::rte_log_set_level_pattern(c"*".as_ptr(), level) };
    }

    /// A name that no other object of this process has, of at most 18 characters.
    pub(crate) fn unique_name(self, prefix: &str) -> CString {
        let number = NAMES.fetch_add(1, Ordering::Relaxed);
        // The prefixes are our own and have no NUL; an empty name would only be refused by DPDK.
        CString::new(format!("{prefix}{number:x}")).unwrap_or_default()
    }
}

/// What DPDK logged since the last call.
pub(crate) fn take_log() -> Vec<String> {
    // SAFETY: takes nothing, returns a constant.
    let room = unsafe { dpdk_sys::dpdk_shim_log_room() };
    let mut text = vec![0_u8; room];
    // SAFETY: `text` has `room` bytes to write to.
    let len = unsafe { dpdk_sys::dpdk_shim_log_take(text.as_mut_ptr().cast(), room) };
    let text = String::from_utf8_lossy(&text[..len]);
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Forgets what DPDK logged until now.
pub(crate) fn forget_log() {
    // SAFETY: nothing is written where there is no room.
    unsafe { dpdk_sys::dpdk_shim_log_take(NonNull::dangling().as_ptr(), 0) };
}

fn init() -> Result<(), EalError> {
    /// DPDK keeps pointers to its arguments, so they live for ever.
    static ARGS: OnceLock<Vec<CString>> = OnceLock::new();

    let args = arguments()?;
    let args = ARGS.get_or_init(|| args);
    // Before the first line is logged: else it goes to stderr and syslog.
    // SAFETY: takes nothing; called once, for `STARTED` is a OnceLock.
    if unsafe { dpdk_sys::dpdk_shim_log_capture() } != 0 {
        return Err(EalError::Log(io::Error::last_os_error().to_string()));
    }
    let mut argv: Vec<*mut c_char> = args.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
    let argc = i32::try_from(argv.len()).unwrap_or(0);
    let attempt = Attempt::new("rte_eal_init");
    // SAFETY: `argv` has `argc` texts, all of them static. DPDK may reorder the array, which is
    // ours, but writes to no text.
    let code = unsafe { dpdk_sys::rte_eal_init(argc, argv.as_mut_ptr()) };
    attempt.code_or_errno(code).map_err(EalError::Init)?;
    // DPDK seeds its generator from the hardware. Nothing here uses it, but drivers do: net_null
    // makes its MAC of it.
    // SAFETY: sets the state of a generator that only this thread uses.
    unsafe { dpdk_sys::rte_srand(0) };
    Ok(())
}

/// No hugepages (nor root), no files that another process might trip over, no devices of the
/// machine, no server, and errors only in the log.
fn arguments() -> Result<Vec<CString>, EalError> {
    // One lcore, on all CPUs that this thread may run on already: `-l 0` would pin every process
    // of a parallel test run to the first CPU.
    let lcores = format!("0@({})", cpus()?);
    let memory = MEMORY_MIB.to_string();
    let switches = ["lockstep", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry"];
    let values = ["--lcores", &lcores, "-m", &memory, "--log-level", "4"];
    // None has a NUL in it, so that none is left out.
    Ok(switches.iter().chain(&values).filter_map(|arg| CString::new(*arg).ok()).collect())
}

/// The CPUs that this thread may run on: "0,1,2".
fn cpus() -> Result<String, EalError> {
    const ROOM: u32 = 1024;
    let mut cpus = [0_u32; ROOM as usize];
    // SAFETY: `cpus` has room for that many numbers.
    let count = unsafe { dpdk_sys::dpdk_shim_cpus(cpus.as_mut_ptr(), ROOM) };
    let count = usize::try_from(count)
        .map_err(|_| EalError::Affinity(io::Error::last_os_error().to_string()))?;
    let cpus: Vec<String> = cpus.iter().take(count).map(u32::to_string).collect();
    Ok(cpus.join(","))
}
