//! The command `lockstep`: the process around [`sim::cli`].

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "how soon a signal comes again"
)]

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;
use sim::cli::{self, Io, exit};
use sim::run::Lockstep;
use std::env;
use std::io::{self, IsTerminal, stderr, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A signal that comes again so soon is the same one: `timeout` of coreutils sends it to the process and
/// to its group.
const AGAIN: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let interrupted = Arc::new(AtomicBool::new(false));
    if cli::stops_when_asked(env::args_os())
        && let Err(why) = on_signals(&interrupted)
    {
        eprintln!("error: Ctrl-C cannot be caught: {why}");
        return ExitCode::from(exit::ENVIRONMENT);
    }
    let terminal = stderr().is_terminal();
    let mut io = Io {
        out: &mut stdout(),
        err: &mut stderr(),
        color: colors(terminal),
        progress: terminal,
        env: &|name| env::var(name).ok(),
    };
    ExitCode::from(cli::run(env::args_os(), &mut Lockstep, &interrupted, &mut io))
}

/// The first Ctrl-C asks the run to stop after the event at hand, another one ends the process.
fn on_signals(interrupted: &Arc<AtomicBool>) -> io::Result<()> {
    let hangs_up = if is_ignored(SIGHUP) { None } else { Some(SIGHUP) };
    let mut signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hangs_up))?;
    let interrupted = Arc::clone(interrupted);
    let wait = move || {
        let mut first = None;
        for _ in &mut signals {
            interrupted.store(true, Ordering::Relaxed);
            if first.get_or_insert_with(Instant::now).elapsed() >= AGAIN {
                low_level::exit(exit::INTERRUPTED.into());
            }
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}

/// Whether whoever started this process wants it not to hear a signal: `nohup` does, of hanging up.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Colours on terminals, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`.
fn colors(terminal: bool) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && (terminal || set("CLICOLOR_FORCE"))
}
