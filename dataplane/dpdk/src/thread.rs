//! DPDK for programs with many threads, such as a test binary: one thread of its own that owns DPDK
//! and runs what the others give it, one piece after the other.
//!
//! Invariant: a piece of work has run and is dropped before its giver goes on, so it may borrow.

use crate::eal::Eal;
use crate::error::EalError;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::mem;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

type Work<'a> = Box<dyn FnOnce(Eal) + Send + 'a>;

/// Work, and whom to tell when it is done. Dropped in this order, whatever happens.
struct Order {
    work: Work<'static>,
    done: SyncSender<()>,
}

/// The way to the thread that owns DPDK, or why there is none.
static OWNER: OnceLock<Result<Sender<Order>, EalError>> = OnceLock::new();

thread_local! {
    /// What panics said on the thread that owns DPDK, for the giver of the work to print: the test
    /// harness captures output by thread, and this thread would count as that of the first test.
    static SAID: Cell<Option<String>> = const { Cell::new(None) };
}

/// Runs `work` on the thread that owns DPDK and returns what it returned.
///
/// The first call starts that thread, and DPDK on it, unless DPDK already belongs to this thread:
/// then `work` runs right here. Calls from several threads run one after the other. A panic in
/// `work` is passed on to the caller; other callers do not notice.
///
/// # Errors
/// DPDK cannot be initialised, or belongs to some other thread that called [`Eal::get`].
pub fn on_eal_thread<R, F>(work: F) -> Result<R, EalError>
where
    F: FnOnce(Eal) -> R + Send,
    R: Send,
{
    if let Some(eal) = Eal::here() {
        return Ok(work(eal));
    }
    let owner = OWNER.get_or_init(start).as_ref().map_err(EalError::clone)?;
    let mut result = None;
    let mut said = None;
    let work: Work<'_> = Box::new(|eal| {
        SAID.set(Some(String::new()));
        result = Some(panic::catch_unwind(AssertUnwindSafe(|| work(eal))));
        said = SAID.take();
    });
    // SAFETY: only the lifetime changes. The work borrows from this frame, which does not go on
    // before `finished.recv()` returns: that is after the thread has run the work and dropped it,
    // or, if the order never got there, after it was dropped with the order.
    let work = unsafe { mem::transmute::<Work<'_>, Work<'static>>(work) };
    let (done, finished) = mpsc::sync_channel(1);
    let _ = owner.send(Order { work, done });
    let _ = finished.recv();
    if let Some(said) = said {
        eprint!("{said}");
    }
    match result {
        Some(Ok(result)) => Ok(result),
        Some(Err(panic)) => panic::resume_unwind(panic),
        None => Err(EalError::Thread("it has ended".to_owned())),
    }
}

fn start() -> Result<Sender<Order>, EalError> {
    let (sender, orders) = mpsc::channel();
    let (ready, answer) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("eal".to_owned())
        .spawn(move || {
            let eal = Eal::get();
            let _ = ready.send(eal.as_ref().map(|_| ()).map_err(EalError::clone));
            if let Ok(eal) = eal {
                redirect_panics();
                serve(eal, &orders);
            }
        })
        .map_err(|error| EalError::Thread(error.to_string()))?;
    match answer.recv() {
        Ok(Ok(())) => Ok(sender),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(EalError::Thread("it ended while DPDK started".to_owned())),
    }
}

fn serve(eal: Eal, orders: &Receiver<Order>) {
    while let Ok(Order { work, done }) = orders.recv() {
        work(eal);
        // The giver may be gone only if it panicked between, which nothing in it can.
        let _ = done.send(());
    }
}

fn redirect_panics() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !keep(info) {
            print(info);
        }
    }));
}

/// Keeps what a panic of somebody's work says. Not for a panic during another one: what follows it
/// is mostly the end of the process.
fn keep(info: &PanicHookInfo<'_>) -> bool {
    match SAID.take() {
        Some(said) if said.is_empty() => {
            let trace = Backtrace::capture();
            let trace = match trace.status() {
                BacktraceStatus::Captured => format!("{trace}\n"),
                _ => String::new(),
            };
            SAID.set(Some(format!("\nthread 'eal' {info}\n{trace}")));
            true
        }
        said => {
            eprint!("{}", said.unwrap_or_default());
            false
        }
    }
}
