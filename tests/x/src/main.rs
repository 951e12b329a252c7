//! `cargo x`: what one does with this repository, in one word each. It needs nothing but Rust: what
//! else is missing it installs, saying what and why (`setup.rs`).

mod bench;
mod fuzz;
mod memcheck;
mod record_kernel;
mod scoreboard;
mod setup;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The command line is wrong.
const USAGE: u8 = 2;
/// The environment does not let it.
const ENVIRONMENT: u8 = 3;

const HELP: &str = "\
cargo x COMMAND

  demo           replay a real capture through the dataplane; files in target/demo/
  test           formatting, lints, all tests, documentation tests
  setup          install what is missing to build, saying what and why; demo and test begin with it
  bench          measure the speed against what bounds it
  fuzz           fuzz the parsers and a whole box
  memcheck       run scenarios through DPDK under valgrind
  scoreboard     plant known defects, and see which are found
  record-kernel  put cases to this machine's Linux, and record what it does
  schema         write docs/scenario.schema.json anew from the types

`cargo x COMMAND --help` tells more of bench, fuzz, memcheck, scoreboard and record-kernel.

Exit codes: 0 all is well, 1 something failed, 2 no such command, 3 the set-up is not possible.
";

const DEMO_CAPTURE: &str = "pcaps/router-two-sides.pcapng";
const DEMO_SCENARIO: &str = "fixtures/scenarios/demo.toml";
const DEMO_OUT: &str = "target/demo";

const DEMO_END: &str = "
The run is in target/demo/:

  report.txt      what you see above
  out.pcapng      the packets, with virtual times; comments name lcore, tick, job, drop reason
  events.jsonl    everything that happened, one event a line
  ticks.txt       which job ran in which tick of which lcore
  counters.txt    all counters
  manifest.json   versions, seed, digests: what `lockstep verify` compares with
  scenario.toml   the scenario as it was read

Look at it:   tshark -r target/demo/out.pcapng     (or Wireshark)
              cargo run --release --bin lockstep -- decode target/demo/out.pcapng
Run it again: cargo run --release --bin lockstep -- verify target/demo
";

/// Why a command ended early.
enum Stop {
    /// This exit code; all has been said.
    Code(u8),
    /// This step could not even be started.
    Step(String, io::Error),
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["setup"] => setup::run(),
        ["demo"] => demo(),
        ["test"] => test(),
        ["bench", args @ ..] => bench::run(args),
        ["scoreboard", args @ ..] => scoreboard::run(args),
        ["fuzz", args @ ..] => fuzz::run(args),
        ["memcheck", args @ ..] => memcheck::run(args),
        ["record-kernel", args @ ..] => record_kernel::run(args),
        ["schema"] => schema(),
        _ => {
            eprint!("cargo x {}: there is no such command\n\n{HELP}", words.join(" "));
            Err(Stop::Code(USAGE))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Code(code)) => ExitCode::from(code),
        Err(Stop::Step(step, why)) => {
            eprintln!("{step}: {why}");
            ExitCode::from(ENVIRONMENT)
        }
    }
}

fn demo() -> Result<(), Stop> {
    setup::run()?;
    for input in [DEMO_CAPTURE, DEMO_SCENARIO] {
        let found = fs::metadata(root().join(input)).map(drop);
        found.map_err(|why| Stop::Step(format!("the demo needs {input}"), why))?;
    }
    say("building lockstep");
    cargo(&["build", "--release", "--package", "sim", "--bin", "lockstep"], &[])?;
    say(&format!("lockstep replay {DEMO_CAPTURE} -c {DEMO_SCENARIO} --out {DEMO_OUT}"));
    lockstep(&["replay", DEMO_CAPTURE, "-c", DEMO_SCENARIO, "--out", DEMO_OUT])?;
    print!("{DEMO_END}");
    Ok(())
}

fn test() -> Result<(), Stop> {
    setup::run()?;
    // Snapshots are compared, never rewritten, whatever the caller's environment says.
    let env = [("INSTA_UPDATE", "no"), ("INSTA_FORCE_PASS", "0"), ("RUST_BACKTRACE", "1")];
    say("formatting");
    cargo(&["fmt", "--all", "--check"], &env)?;
    say("lints");
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &env)?;
    // Some tests run the command itself, and compare what a debug and a release build leave.
    say("lockstep, twice");
    let lockstep = ["build", "--package", "sim", "--bin", "lockstep"];
    cargo(&lockstep, &[])?;
    cargo(&[&lockstep[..], &["--release"]].concat(), &[])?;
    let other = target().join("release/lockstep");
    say("tests and documentation tests");
    let named = other.to_string_lossy();
    cargo(
        &["test", "--workspace", "--no-fail-fast"],
        &[&env[..], &[("LOCKSTEP_OTHER_BUILD", &*named)]].concat(),
    )?;
    // Without optimisation, since it is built for this alone.
    say("defects that can be planted");
    let quick = ["--config", "profile.dev.package.sim.opt-level=0"];
    let planted = ["test", "--package", "sim", "--features", "mutants", "--lib", "scoreboard::"];
    cargo(&[&planted[..], &quick[..]].concat(), &env)?;
    let quick = ["--config", "profile.dev.package.dataplane.opt-level=0"];
    let models = ["test", "--package", "dataplane", "--features", "mutants", "--lib", "planted"];
    cargo(&[&models[..], &quick[..]].concat(), &env)?;
    say("all is well");
    Ok(())
}

fn schema() -> Result<(), Stop> {
    setup::run()?;
    let args = ["run", "--quiet", "--package", "sim", "--bin", "lockstep", "--", "schema"];
    let step = || "lockstep schema".to_owned();
    let output = cargo_command(&args).output().map_err(|why| Stop::Step(step(), why))?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(Stop::Code(1));
    }
    let path = root().join("docs/scenario.schema.json");
    fs::write(&path, &output.stdout).map_err(|why| Stop::Step(path.display().to_string(), why))
}

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where cargo builds: this program lies in …/debug.
fn target() -> PathBuf {
    let own = env::current_exe().unwrap_or_default();
    own.ancestors().nth(2).map_or_else(|| root().join("target"), Path::to_owned)
}

/// What is done next. To the standard error, where cargo tells its progress.
fn say(what: &str) {
    eprintln!("==> {what}");
}

fn cargo_command(args: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

fn cargo(args: &[&str], env: &[(&str, &str)]) -> Result<(), Stop> {
    finish(cargo_command(args).envs(env.iter().copied()), &format!("cargo {}", args.join(" ")))
}

/// Runs lockstep, whose own exit code becomes ours.
fn lockstep(args: &[&str]) -> Result<(), Stop> {
    let run = ["run", "--quiet", "--release", "--package", "sim", "--bin", "lockstep", "--"];
    cargo(&[&run[..], args].concat(), &[])
}

/// Waits for a command, and stops with its exit code if that is not 0.
fn finish(command: &mut Command, name: &str) -> Result<(), Stop> {
    let status = command.status().map_err(|why| Stop::Step(name.to_owned(), why))?;
    if status.success() {
        return Ok(());
    }
    eprintln!("==> failed: {name}");
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    // cargo's own failure is 101: for us just a failure.
    Err(Stop::Code(code.filter(|code| *code < 101 || *code >= 128).unwrap_or(1)))
}
