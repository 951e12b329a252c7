//! `cargo x fuzz`: sets up, builds and runs the fuzz targets, and says what came of each.
//!
//! cargo-fuzz does the work, with the stable toolchain and without a sanitizer: the targets are safe
//! Rust, whose panics are the findings. What it finds interesting goes to `tests/fuzz/working`, which
//! is not committed; the committed corpus stays as it is.
//!
//! Not here: what is checked (`tests/checks`), and the corpus without a fuzzer (a test there).

use super::{ENVIRONMENT, Stop, USAGE, cargo, cargo_command, root, say, setup};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

const HELP: &str = "\
cargo x fuzz [TARGET…] [--time D] [--jobs N]

  Runs each fuzz target for some time, or only those that are named, and prints executions a second,
  coverage (edges) and the size of the corpus. What is missing is installed, saying what and why.

  --time D   how long each target runs: 90, 90s, 10m, 2h; default 60s
  --jobs N   how many processes fuzz a target at once; default 1

Targets: arp, capture_file, control_message, dataplane, ipv4_options, parse_frame, reassembly,
scenario_toml. Only if named: dataplane_dpdk (the same through DPDK, too), empty (how fast libFuzzer
is with nothing to do).

Examples:
  cargo x fuzz
  cargo x fuzz dataplane --time 1h --jobs 2

Exit codes: 0 nothing was found, 1 a crash, whose file and repetition are told, 2 no such target,
3 the set-up is not possible.
";

/// What runs unless something is named, in this order.
const TARGETS: [&str; 8] = [
    "parse_frame",
    "arp",
    "ipv4_options",
    "reassembly",
    "capture_file",
    "control_message",
    "scenario_toml",
    "dataplane",
];
/// What runs only if it is named.
const NAMED: [&str; 2] = ["dataplane_dpdk", "empty"];
const DIR: &str = "tests/fuzz";
/// The same for building and running, or all would be built twice.
///
/// Comparisons are not traced: their hooks took a third of the time, and without them more was found
/// (docs/fuzzing.md).
const HOW: [&str; 6] = ["--fuzz-dir", DIR, "--sanitizer", "none", "-O", "--no-trace-compares"];

/// What libFuzzer is told about a target, also when its speed is measured.
///
/// A frame of 160 bytes has room for two tags, the longest header and an ICMP error with another in
/// it; what is longer only takes longer to sum up, and the test over the corpus has it. A script has
/// thousands of features, and entropic scheduling, which counts each of them in each input of the
/// corpus, took half of an execution; of the parsers, which are done sooner than they are counted, a
/// sixth. docs/fuzzing.md has what was found with and without.
fn told(target: &str) -> &'static [&'static str] {
    match target {
        "parse_frame" | "dataplane" | "dataplane_dpdk" => &["-entropic=0", "-max_len=160"],
        _ => &[],
    }
}

/// What a target did, and how long that took.
pub(super) struct Rate {
    pub executions: f64,
    pub took: Duration,
}

/// What was asked for.
struct Asked<'a> {
    targets: Vec<&'a str>,
    seconds: u64,
    jobs: u64,
}

pub(super) fn run(args: &[&str]) -> Result<(), Stop> {
    if args.iter().any(|arg| matches!(*arg, "--help" | "-h" | "help")) {
        print!("{HELP}");
        return Ok(());
    }
    let asked = read(args).map_err(|why| {
        eprint!("{why}\n\n{HELP}");
        Stop::Code(USAGE)
    })?;
    setup::run()?;
    build()?;
    let mut crashed = false;
    for target in asked.targets {
        crashed |= fuzz(target, asked.seconds, asked.jobs)?;
    }
    if crashed { Err(Stop::Code(1)) } else { Ok(()) }
}

/// Builds all targets, with what it takes.
pub(super) fn build() -> Result<(), Stop> {
    setup::fuzz()?;
    if !cargo_fuzz() {
        say("installing cargo-fuzz with cargo: it builds and runs fuzz targets");
        let installed = cargo(&["install", "cargo-fuzz", "--locked"], &[]);
        installed.map_err(|_| Stop::Code(ENVIRONMENT))?;
    }
    let build = [&["fuzz", "build"][..], &HOW].concat();
    say(&format!("cargo {}", build.join(" ")));
    cargo(&build, &[])
}

/// Runs a target that is built, so many times from the same start, in `scratch`.
#[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a speed is measured")]
pub(super) fn rate(target: &str, runs: &str, scratch: &Path) -> Result<Rate, Stop> {
    let working = scratch.join(format!("fuzz-{target}"));
    let _ = fs::remove_dir_all(&working);
    fs::create_dir_all(&working).map_err(|why| Stop::Step(working.display().to_string(), why))?;
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let program = root().join(format!("{DIR}/target/{triple}/release/{target}"));
    let mut command = Command::new(&program);
    command.arg(format!("-runs={runs}")).args(["-seed=1", "-print_final_stats=1"]);
    command.arg(format!("-artifact_prefix={}/", scratch.display()));
    command.args(told(target)).arg(&working);
    let corpus = root().join(format!("{DIR}/corpus/{target}"));
    if corpus.is_dir() {
        command.arg(corpus);
    }
    // libFuzzer's own rate is of whole seconds.
    let began = std::time::Instant::now();
    let output = command.output().map_err(|why| Stop::Step(program.display().to_string(), why))?;
    let took = began.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    match executed(&said) {
        Some(executions) if output.status.success() && executions > 0.0 => {
            Ok(Rate { executions, took })
        }
        _ => {
            eprintln!("{said}");
            if let Some(file) = said.split("Test unit written to ").nth(1) {
                eprintln!("{target} crashed: its speed is not known until that is mended");
                eprintln!("have it again: {} {}", program.display(), file.trim_end());
            }
            Err(Stop::Code(1))
        }
    }
}

/// How many executions libFuzzer says that there were.
fn executed(said: &str) -> Option<f64> {
    last_number(said, "stat::number_of_executed_units:")
}

/// The number behind the last of these words.
fn last_number<N: FromStr>(said: &str, words: &str) -> Option<N> {
    said.rsplit_once(words)?.1.split_whitespace().next()?.parse().ok()
}

fn read<'a>(args: &[&'a str]) -> Result<Asked<'a>, String> {
    let mut asked = Asked { targets: Vec::new(), seconds: 60, jobs: 1 };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match *arg {
            "--time" => {
                let text = value()?;
                asked.seconds = seconds(text).ok_or(format!("--time {text}: no such time"))?;
            }
            "--jobs" => {
                let text = value()?;
                let jobs = text.parse().ok().filter(|jobs| (1..=64).contains(jobs));
                asked.jobs = jobs.ok_or(format!("--jobs {text}: expected 1 to 64"))?;
            }
            target if TARGETS.contains(&target) || NAMED.contains(&target) => {
                asked.targets.push(target);
            }
            other => return Err(format!("{other}: there is no such target or option")),
        }
    }
    if asked.targets.is_empty() {
        asked.targets = TARGETS.to_vec();
    }
    Ok(asked)
}

/// Whole seconds, at least one.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(['s', 'm', 'h']);
    let unit = match text.get(digits.len()..)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|seconds| *seconds > 0)
}

fn cargo_fuzz() -> bool {
    let mut command = cargo_command(&["fuzz", "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Fuzzes one target, and says how it went. Whether it crashed.
fn fuzz(target: &str, seconds: u64, jobs: u64) -> Result<bool, Stop> {
    // The one through DPDK has the same inputs.
    let corpus = target.strip_suffix("_dpdk").unwrap_or(target);
    let working = format!("{DIR}/working/{corpus}");
    let committed = format!("{DIR}/corpus/{corpus}");
    let artifacts = root().join(format!("{DIR}/artifacts/{target}"));
    for dir in [root().join(&working), root().join(&committed), artifacts.clone()] {
        fs::create_dir_all(&dir).map_err(|why| Stop::Step(dir.display().to_string(), why))?;
    }
    let before = files(&artifacts);
    let (time, fork) = (format!("-max_total_time={seconds}"), format!("-fork={jobs}"));
    let dictionary = format!("{DIR}/dict/{target}.dict");
    let mut args = [&["fuzz", "run"][..], &HOW, &[target, &working, &committed, "--"]].concat();
    args.extend([time.as_str(), "-print_final_stats=1", "-timeout=60"]);
    args.extend(told(target));
    if jobs > 1 {
        args.push(&fork);
    }
    let dict = format!("-dict={dictionary}");
    if root().join(&dictionary).is_file() {
        args.push(&dict);
    }
    say(&format!("{target}: {seconds} s"));
    let log = root().join(format!("{DIR}/working/{target}.log"));
    let file = fs::File::create(&log).map_err(|why| Stop::Step(log.display().to_string(), why))?;
    let mut command = cargo_command(&args);
    command.stdout(Stdio::null()).stderr(file);
    let status = command.status().map_err(|why| Stop::Step("cargo fuzz run".into(), why))?;
    let said = fs::read_to_string(&log).unwrap_or_default();
    let inputs = files(&root().join(&working)).len();
    println!("{target:<16} {}, {inputs} inputs in {working}", figures(&said, seconds));
    let new: Vec<PathBuf> = files(&artifacts).into_iter().filter(|f| !before.contains(f)).collect();
    for file in &new {
        crash(target, file, &said)?;
    }
    if !status.success() && new.is_empty() {
        eprintln!("{said}");
        return Err(Stop::Code(1));
    }
    Ok(!status.success())
}

/// `123456 executions, 2057 a second, 7562 edges`, out of what libFuzzer says.
fn figures(said: &str, seconds: u64) -> String {
    // A process that forks others counts only in its lines: `#12345: cov: …`.
    let counted = || said.rsplit('#').find_map(|line| line.split(':').next()?.parse().ok());
    let executions = last_number(said, "number_of_executed_units:").or_else(counted).unwrap_or(0);
    let edges: u64 = last_number(said, "cov:").unwrap_or(0);
    format!("{executions} executions, {} a second, {edges} edges", executions / seconds)
}

/// Says what crashed, and how to have it again.
fn crash(target: &str, file: &Path, said: &str) -> Result<(), Stop> {
    let shown = file.strip_prefix(root()).unwrap_or(file).display();
    println!("\n{target} CRASHED on {shown}");
    let panic = said.lines().skip_while(|line| !line.contains("panicked at")).take(4);
    panic.for_each(|line| println!("  {line}"));
    let how = HOW.join(" ");
    println!("have it again: cargo fuzz run {how} {target} {shown}");
    println!("keep it: put it into {DIR}/corpus, so that the tests of `checks` try it for ever");
    if target.starts_with("dataplane") {
        let scenario = file.with_extension("toml");
        let args = ["run", "--quiet", "--package", "checks", "--example", "concrete", "--"];
        let mut command = cargo_command(&args);
        let output = command.arg(file).output();
        let output = output.map_err(|why| Stop::Step("checks: concrete".into(), why))?;
        fs::write(&scenario, output.stdout)
            .map_err(|why| Stop::Step(scenario.display().to_string(), why))?;
        let shown = scenario.strip_prefix(root()).unwrap_or(&scenario).display();
        println!("as a scenario: {shown}; its first lines say how to run it");
    }
    Ok(())
}

/// The files of a folder, in order of their names.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        let times = ["90", "90s", "10m", "2h", "0", "", "h", "1d", "-1s", "99999999999999999h"];
        let read = times.map(seconds);
        let none = [None; 6];
        assert_eq!(read[..4], [Some(90), Some(90), Some(600), Some(7200)]);
        assert_eq!(read[4..], none);
    }

    #[test]
    fn targets_and_options_come_in_any_order() {
        let asked = read(&["--time", "5s", "arp", "--jobs", "2", "dataplane_dpdk"]).ok().unwrap();
        assert_eq!(asked.targets, ["arp", "dataplane_dpdk"]);
        assert_eq!((asked.seconds, asked.jobs), (5, 2));
        assert_eq!(read(&[]).ok().unwrap().targets, TARGETS);
        for wrong in [&["arb"][..], &["--time"], &["--jobs", "0"], &["--jobs", "65"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn libfuzzers_own_words_are_understood() {
        let said = "#1024 pulse cov: 311 ft: 5\n#2048 NEW cov: 313 ft: 9\n\
                    stat::number_of_executed_units: 815034\nstat::average_exec_per_sec: 74094\n";
        assert_eq!(executed(said), Some(815_034.0));
        assert_eq!(executed("==1== ERROR: libFuzzer: deadly signal"), None);
        assert_eq!(figures(said, 10), "815034 executions, 81503 a second, 313 edges");
        let forked = "#37: cov: 11 ft: 11\n#70121: cov: 17 ft: 17 corp: 9\n";
        assert_eq!(figures(forked, 10), "70121 executions, 7012 a second, 17 edges");
    }
}
