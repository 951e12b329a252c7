//! `cargo x memcheck`: whole runs over DPDK, under valgrind.
//!
//! The box itself is safe Rust; what could read or free the wrong memory is the fence around DPDK
//! (`dataplane/dpdk`), and what could be lost is a port, a pool or a ring. So each scenario runs
//! through DPDK's drivers, with all files written, and memcheck looks at every access.
//!
//! Not here: buffers within a pool, which malloc knows nothing of; the oracle `identity` follows those.

use super::{Stop, cargo, root, say, setup, target};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const HELP: &str = "\
cargo x memcheck [SCENARIO.toml]...

  Runs each scenario, or all of fixtures/scenarios, through DPDK's drivers under valgrind's memcheck:
  no read or write of memory that is not ours, nothing decided by memory that nobody wrote, nothing
  definitely lost. About ten seconds each. valgrind is installed if it is missing, saying so.

  cargo x memcheck fixtures/scenarios/demo.toml

Exit codes: 0 memcheck is silent, 1 it said something, which is shown, 3 the set-up is not possible.
";

/// The exit code by which valgrind says that it found something: none of lockstep's own.
const FOUND: i32 = 99;
const SCENARIOS: &str = "fixtures/scenarios";

pub(super) fn run(args: &[&str]) -> Result<(), Stop> {
    if let ["help" | "-h" | "--help", ..] = args {
        print!("{HELP}");
        return Ok(());
    }
    setup::run()?;
    setup::valgrind()?;
    say("building lockstep");
    cargo(&["build", "--package", "sim", "--bin", "lockstep"], &[])?;
    let scenarios = match args {
        [] => all()?,
        named => named.iter().map(PathBuf::from).collect(),
    };
    let folder = target().join("memcheck");
    let mut failed = 0;
    for scenario in &scenarios {
        failed += u32::from(!silent(scenario, &folder)?);
    }
    let _ = fs::remove_dir_all(&folder);
    println!("{} runs under memcheck, {failed} in which it said something", scenarios.len());
    if failed == 0 { Ok(()) } else { Err(Stop::Code(1)) }
}

/// All scenarios, in order of their names.
fn all() -> Result<Vec<PathBuf>, Stop> {
    let read = fs::read_dir(root().join(SCENARIOS));
    let read = read.map_err(|why| Stop::Step(SCENARIOS.to_owned(), why))?;
    let mut all: Vec<PathBuf> = read
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .map(|name| Path::new(SCENARIOS).join(name))
        .collect();
    all.sort();
    Ok(all)
}

/// Runs a scenario, and tells what memcheck says of it.
fn silent(scenario: &Path, folder: &Path) -> Result<bool, Stop> {
    let _ = fs::remove_dir_all(folder);
    say(&scenario.display().to_string());
    let mut command = Command::new("valgrind");
    command
        .current_dir(root())
        .args(["--quiet", "--leak-check=full", "--num-callers=20"])
        .args(["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"])
        .arg(format!("--error-exitcode={FOUND}"))
        .arg(target().join("debug/lockstep"))
        .args(["run", "--backend", "dpdk", "--out"])
        .arg(folder)
        .arg(scenario)
        .stdin(Stdio::null());
    let output = command.output().map_err(|why| Stop::Step("valgrind".to_owned(), why))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let words = match output.status.code() {
        Some(0) => "silent".to_owned(),
        Some(FOUND) => format!("memcheck says:\n{said}"),
        code => {
            let code = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
            format!("lockstep ended with {code}:\n{said}")
        }
    };
    println!("{:<44} {words}", scenario.display());
    Ok(output.status.success())
}
