//! `lockstep swarm` and `lockstep merge`: many seeds, on one machine or on many.
//!
//! Invariant: what decides which units are tried is said on the command line; of the environment only
//! `--shard env` asks. Not here: what a unit comes to (`swarm.rs`).

use super::args::{self, SimArgs, named};
use super::{Engine, Io, Job, Stop, exit, job, report};
use crate::scenario::{CaptureArg, Request};
use crate::swarm::{Key, Line, Merged, Seeds, Shard, Summary, junit, read, shard_from};
use clap::Args;
use dataplane::Nanos;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

pub(super) const SWARM: &str = "\
Examples:
    lockstep swarm fixtures/scenarios/router.toml --seeds 0..1000
    lockstep swarm fixtures/scenarios --seeds 0..1_000_000 --time-budget 10m --jobs 2 --out r.jsonl
    lockstep swarm box.toml in.pcapng --seeds 0..100_000 --until-stable 2000
  Go on with what was interrupted:
    lockstep swarm box.toml --seeds 0..1000 --out r.jsonl --resume
  One of eight machines, and all of them together:
    lockstep swarm box.toml --seeds 0..1_000_000 --shard 3/8 --out r.3.jsonl
    lockstep merge r.*.jsonl --out all.jsonl
";

pub(super) const MERGE: &str = "\
Examples:
    lockstep merge r.*.jsonl
    lockstep merge r.1.jsonl r.2.jsonl --out all.jsonl --junit all.xml
";

/// `lockstep swarm`.
#[derive(Args, Debug)]
pub struct SwarmArgs {
    /// The scenario, or a folder of scenarios
    #[arg(value_name = "SCENARIO.toml|DIR")]
    what: PathBuf,
    /// Captures to replay: pcap or pcapng, Ethernet, perhaps gzipped
    #[arg(value_name = "IN.pcap[ng]")]
    captures: Vec<PathBuf>,
    /// FILE arrives at the port NAME, instead of what the scenario has for it
    #[arg(long, value_name = "NAME=FILE", value_parser = named)]
    port: Vec<CaptureArg>,
    /// The seeds, from A up to B, which is left out
    #[arg(long, value_name = "A..B")]
    seeds: Seeds,
    /// Only shard I of N, and a few of another's; `env`: the one that Slurm, Kubernetes, GitLab CI or
    /// GNU parallel name in the environment; `env/N`: it has only the number
    #[arg(long, value_name = "I/N|env[/N]")]
    shard: Option<String>,
    /// How many units are tried at a time; the results are the same
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: u16,
    /// Begin no unit after this time on the clock on the wall, such as 55m
    #[arg(long, value_name = "DUR", value_parser = args::budget)]
    time_budget: Option<Nanos>,
    /// Stop when K seeds in a row have reached nothing that was not reached before
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..))]
    until_stable: Option<u64>,
    /// Write a line of JSON for each unit to FILE, at once
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Go on with FILE: units that it has are not tried again
    #[arg(long, requires = "out")]
    resume: bool,
    /// What the results say was built, such as a commit [default: the version]
    #[arg(long, value_name = "NAME")]
    build: Option<String>,
    /// Write a bundle of each failure that the summary shows to DIR: `lockstep repro` has it again
    #[arg(long, value_name = "DIR")]
    bundles: Option<PathBuf>,
    #[command(flatten)]
    run: SimArgs,
}

/// `lockstep merge`.
#[derive(Args, Debug)]
pub struct MergeArgs {
    /// What `lockstep swarm --out` wrote, or another merge
    #[arg(value_name = "RESULTS.jsonl", required = true)]
    files: Vec<PathBuf>,
    /// Write all lines to FILE, each once, in the order of seeds
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write JUnit XML to FILE: a case for each kind of failure
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// What a swarm tries of its scenarios, and what it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The seeds.
    pub seeds: Seeds,
    /// Which of them.
    pub shard: Shard,
    /// How many units are tried at a time.
    pub jobs: usize,
    /// When to begin no more units, on the wall clock.
    pub time_budget: Option<Nanos>,
    /// Stop when so many seeds in a row reach nothing new.
    pub until_stable: Option<u64>,
    /// The file of results.
    pub out: Option<PathBuf>,
    /// Whether it may be there already.
    pub resume: bool,
    /// What was built.
    pub build: String,
    /// The folder for bundles of failures.
    pub bundles: Option<PathBuf>,
}

pub(super) fn swarm(
    args: SwarmArgs,
    engine: &mut dyn Engine,
    interrupted: &AtomicBool,
    io: &mut Io<'_>,
) -> Result<u8, Stop> {
    let (shard, who) = shard(args.shard.as_deref(), io.env).map_err(Stop::Usage)?;
    let captures = args::captures(args.captures, args.port);
    let mut jobs = Vec::new();
    for path in scenarios(&args.what)? {
        let request = Request { captures: captures.clone(), ..Request::from_file(&path)? };
        jobs.push(job(request, &args.run, io)?);
    }
    // Lines of one seed are in the order of the scenarios' names.
    jobs.sort_by(|a, b| a.scenario.name.cmp(&b.scenario.name));
    if let [Some(one), Some(other)] = same_name(&jobs) {
        let (name, one, other) = (&one.scenario.name, &one.request.file, &other.request.file);
        return Err(Stop::Usage(format!(
            "{one} and {other} are both called \"{name}\": give one of them another `name`"
        )));
    }
    let who = who.map(|who| format!(", as {who} says")).unwrap_or_default();
    writeln!(io.err, "{}{who}", shard.line(args.seeds))?;
    let search = Search {
        seeds: args.seeds,
        shard,
        jobs: args.jobs.into(),
        time_budget: args.time_budget,
        until_stable: args.until_stable,
        out: args.out,
        resume: args.resume,
        build: args.build.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
        bundles: args.bundles,
    };
    let outcome = engine.swarm(jobs, &search, interrupted)?;
    report(&outcome, io)
}

/// The shard that is asked for, and who says so if it is the environment.
fn shard(
    text: Option<&str>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Shard, Option<String>), String> {
    let from_env = |of| shard_from(of, env).map(|(shard, who)| (shard, Some(who)));
    match text {
        None => Ok((Shard::WHOLE, None)),
        Some("env") => from_env(None),
        Some(text) => match text.strip_prefix("env/") {
            None => Ok((text.parse()?, None)),
            Some(of) => match of.parse() {
                Ok(of) => from_env(Some(of)),
                Err(_) => Err(format!("--shard {text}: \"{of}\" is no number")),
            },
        },
    }
}

/// The scenarios of a folder, by name; or the one scenario.
fn scenarios(path: &Path) -> Result<Vec<PathBuf>, Stop> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let cannot = |why| Stop::Environment(format!("{} cannot be read: {why}", path.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(cannot)? {
        let file = entry.map_err(cannot)?.path();
        if file.extension().is_some_and(|extension| extension == "toml") {
            files.push(file);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(Stop::Usage(format!("{} has no scenario: no file *.toml", path.display()))),
        false => Ok(files),
    }
}

fn same_name(jobs: &[Job]) -> [Option<&Job>; 2] {
    let same = jobs.windows(2).find(|pair| pair[0].scenario.name == pair[1].scenario.name);
    [same.map(|pair| &pair[0]), same.map(|pair| &pair[1])]
}

pub(super) fn merge(args: &MergeArgs, io: &mut Io<'_>) -> Result<u8, Stop> {
    let mut merged = Merged::default();
    for path in &args.files {
        let extent = read(path, |line| merged.add(&line));
        let extent = extent.map_err(|error| Stop::Environment(error.to_string()))?;
        if extent.torn {
            let (path, lines) = (path.display(), extent.lines);
            writeln!(io.err, "{path}: the last line was cut short: {lines} whole ones are used")?;
        }
    }
    if merged.units() == 0 {
        return Err(Stop::Usage("there is no result in these files".to_owned()));
    }
    let mut summary = Summary::default();
    merged.lines().for_each(|line| _ = summary.add(&line));
    if let Some(path) = &args.out {
        let text: String = merged.texts().collect();
        write(path, &text)?;
    }
    if let Some(path) = &args.junit {
        write(path, &junit(&summary))?;
    }
    let differing = differing(&merged);
    write!(io.out, "{summary}{differing}")?;
    let found = summary.is_broken() || !differing.is_empty();
    Ok(if found { exit::FOUND } else { exit::OK })
}

/// The units that did not come to the same everywhere, a line each.
fn differing(merged: &Merged) -> String {
    let mut text = String::new();
    for key in merged.differing() {
        let Key { build, unit, scenario, .. } = key;
        if text.is_empty() {
            text.push_str("\nnot the same everywhere, so something but the plan decides a run:\n");
        }
        let _ = write!(text, "  {scenario}, seed {unit}, build {build}:");
        for line in merged.about(key) {
            let Line { trace, events, .. } = line;
            let trace = trace.as_deref().unwrap_or("without a trace");
            let _ = write!(text, " {trace} ({events} events)");
        }
        text.push('\n');
    }
    text
}

fn write(path: &Path, text: &str) -> Result<(), Stop> {
    fs::write(path, text)
        .map_err(|why| Stop::Environment(format!("{} cannot be written: {why}", path.display())))
}
