//! The command `lockstep`: the process around [`sim::cli`].

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use sim::cli::{self, Io, exit};
use sim::run::Lockstep;
use std::env;
use std::io::{self, IsTerminal, stderr, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn main() -> ExitCode {
    let interrupted = Arc::new(AtomicBool::new(false));
    if let Err(why) = on_signals(&interrupted) {
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

/// The first Ctrl-C asks the run to stop after the event at hand, the second ends the process.
fn on_signals(interrupted: &Arc<AtomicBool>) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds the flag that the first one has set.
        let code = i32::from(exit::INTERRUPTED);
        flag::register_conditional_shutdown(signal, code, Arc::clone(interrupted))?;
        flag::register(signal, Arc::clone(interrupted))?;
    }
    Ok(())
}

/// Colours on terminals, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`.
fn colors(terminal: bool) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && (terminal || set("CLICOLOR_FORCE"))
}
