//! The command line: what is asked, in what words, and with which exit code it ends.
//!
//! [`run`] parses the arguments, makes a [`Request`] of them, and hands it to an [`Engine`]. All
//! that runs a dataplane is behind that trait, so that everything here is tested without one.
//!
//! Invariant: results go to `out`, all else to `err`; nothing here reads a terminal, an environment
//! variable or a clock (`bin/lockstep.rs` does).

mod args;
mod bundles;
mod examples;
mod execute;
pub mod exit;
mod show;
mod swarm;

#[cfg(test)]
mod tests;

pub use execute::{BundleTo, Engine, Failure, Faults, Job, Outcome, Repro, Shrink, Verdict};
pub use swarm::Search;

use crate::bundle::BundleError;
use crate::check::{RELATIONS, Relation};
use crate::control;
use crate::corpus;
use crate::decode::{DecodeError, decode_file};
use crate::fault::Fault;
use crate::guess;
use crate::jobs;
use crate::plan::{Backend, Pace};
use crate::scenario::{LoadError, Request, RequestError, schema};
use crate::schedule::{self, Found, Sched};
use args::{Cli, Command, CorpusWay, RunArgs, SimArgs};
use clap::Parser;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Where words go.
pub struct Io<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Everything else.
    pub err: &'a mut dyn Write,
    /// Whether `err` shows colours.
    pub color: bool,
    /// Whether `err` is watched by somebody who likes to see progress.
    pub progress: bool,
    /// What the environment says of a variable; nothing if it is not set.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// Why a command ended early.
enum Stop {
    Request(RequestError),
    Engine(Failure),
    Guess(guess::GuessError),
    Decode(DecodeError),
    Usage(String),
    Environment(String),
    Write(io::Error),
}

impl From<RequestError> for Stop {
    fn from(error: RequestError) -> Stop {
        Stop::Request(error)
    }
}

impl From<LoadError> for Stop {
    fn from(error: LoadError) -> Stop {
        Stop::Request(RequestError::Scenario(error))
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Engine(failure)
    }
}

impl From<BundleError> for Stop {
    fn from(error: BundleError) -> Stop {
        match error {
            BundleError::Request(error) => Stop::Request(error),
            error => Stop::Engine(error.into()),
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Write(error)
    }
}

impl From<guess::GuessError> for Stop {
    fn from(error: guess::GuessError) -> Stop {
        Stop::Guess(error)
    }
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Stop {
        Stop::Decode(error)
    }
}

/// Does what the arguments say, the program's name first. The result is the exit code.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    engine: &mut dyn Engine,
    interrupted: &AtomicBool,
    io: &mut Io<'_>,
) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return show::clap(&error, io),
    };
    let code = |done, io: &mut Io<'_>| match done {
        Ok(code) => code,
        Err(stop) => show::stop(&stop, io),
    };
    // Whoever looks at the front of a long list wants no more of it.
    if matches!(cli.command, Command::Decode { .. } | Command::Schema) {
        return code(dispatch(cli.command, engine, interrupted, io), io);
    }
    let out = &mut Anybody(io.out);
    let io = &mut Io { out, err: io.err, color: io.color, progress: io.progress, env: io.env };
    code(dispatch(cli.command, engine, interrupted, io), io)
}

/// Whether what the arguments ask for stops when it is asked to, with something to keep; all else may be
/// ended at any time.
pub fn stops_when_asked(args: impl IntoIterator<Item = OsString>) -> bool {
    Cli::try_parse_from(args).is_ok_and(|cli| match cli.command {
        Command::Run { .. }
        | Command::Replay { .. }
        | Command::Sweep { .. }
        | Command::Swarm(_)
        | Command::Check { .. }
        | Command::Repro(_)
        | Command::Shrink(_)
        | Command::Verify { .. }
        | Command::Jobs { .. } => true,
        Command::Ctl { .. }
        | Command::Merge(_)
        | Command::Export(_)
        | Command::Decode { .. }
        | Command::Scenario { .. }
        | Command::Compare { .. }
        | Command::Corpus { .. }
        | Command::Schema => false,
    })
}

/// Results for a reader who may have gone: whether something was found does not depend on him.
struct Anybody<'a>(&'a mut dyn Write);

impl Write for Anybody<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if nobody_reads(&error) => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if nobody_reads(&error) => Ok(()),
            flushed => flushed,
        }
    }
}

fn dispatch(
    command: Command,
    engine: &mut dyn Engine,
    interrupted: &AtomicBool,
    io: &mut Io<'_>,
) -> Result<u8, Stop> {
    match command {
        Command::Run { scenario, captures, port, control, run } => {
            let mut request = Request::from_file(&scenario)?;
            request.captures = args::captures(captures, port);
            execute(request, &run, control, engine, interrupted, io)
        }
        Command::Ctl { socket, json, verb } => ctl(&socket, &verb.join(" "), json, io),
        Command::Replay { captures, scenario, port, run } => {
            let captures = args::captures(captures, port);
            let request = replay(captures, scenario.as_deref(), &run.sim, io)?;
            execute(request, &run, None, engine, interrupted, io)
        }
        Command::Sweep { scenario, captures, port, kinds, every, bundles, run } => {
            let mut request = Request::from_file(&scenario)?;
            request.captures = args::captures(captures, port);
            let kinds = args::kinds(&kinds);
            let bundle = bundles.map(|path| BundleTo { path, always: false });
            let job = Job { bundle, ..job(request, &run, io)? };
            let outcome = engine.sweep(job, &Faults { kinds, every }, interrupted)?;
            report(&outcome, io)
        }
        Command::Repro(args) => bundles::repro(args, engine, interrupted, io),
        Command::Shrink(args) => bundles::shrink(args, engine, interrupted, io),
        Command::Export(args) => bundles::export(&args, io),
        Command::Swarm(args) => swarm::swarm(args, engine, interrupted, io),
        Command::Merge(args) => swarm::merge(&args, io),
        Command::Check { list: true, .. } => relations(io),
        Command::Check { captures, scenario, port, only, run, .. } => {
            let captures = args::captures(captures, port);
            let request = match &scenario {
                Some(path) if captures.is_empty() => Request::from_file(path)?,
                scenario => replay(captures, scenario.as_deref(), &run, io)?,
            };
            let outcome = engine.check(job(request, &run, io)?, &only, interrupted)?;
            report(&outcome, io)
        }
        Command::Verify { dir } => {
            let outcome = engine.verify(&dir, io.progress, interrupted)?;
            report(&outcome, io)
        }
        Command::Decode { capture, filter } => {
            decode_file(&capture, io.out, &filter.into())?;
            Ok(exit::OK)
        }
        Command::Scenario { from, ours, output } => {
            let sources: Vec<guess::Source> =
                from.into_iter().map(|path| guess::Source { port: None, path }).collect();
            let dir = output.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
            let guess = guess::scenario(&sources, &ours, dir)?;
            write_scenario(&guess, output.as_deref(), io)?;
            Ok(exit::OK)
        }
        Command::Jobs { scenario, after_run, backend, json } => {
            let backend = after_run.then(|| backend.into());
            jobs(scenario.as_deref(), backend, json, (engine, interrupted), io)
        }
        Command::Compare { captures, scenario, port, slack, run } => {
            let mut request = Request::from_file(&scenario)?;
            request.captures = args::captures(captures, port);
            let job = job(request, &run, io)?;
            report(&engine.compare(job, slack)?, io)
        }
        Command::Corpus { way } => corpus(&way, io),
        Command::Schema => {
            io.out.write_all(schema().as_bytes())?;
            Ok(exit::OK)
        }
    }
}

/// The relations of `lockstep check`, one a line.
fn relations(io: &mut Io<'_>) -> Result<u8, Stop> {
    for Relation { name, keeps, .. } in RELATIONS {
        writeln!(io.out, "{name:<12}{keeps}")?;
    }
    Ok(exit::OK)
}

/// The request of `lockstep replay`, with a guessed scenario if there is none.
fn replay(
    captures: Vec<crate::scenario::CaptureArg>,
    scenario: Option<&Path>,
    run: &SimArgs,
    io: &mut Io<'_>,
) -> Result<Request, Stop> {
    if captures.is_empty() {
        let why = "nothing to replay: name a capture, or --port NAME=FILE".to_owned();
        return Err(Stop::Usage(why));
    }
    if let Some(path) = scenario {
        return Ok(Request { captures, ..Request::from_file(path)? });
    }
    let sources: Vec<guess::Source> =
        captures.into_iter().map(|c| guess::Source { port: c.port, path: c.path }).collect();
    let guess = guess::scenario(&sources, &run.ours, Path::new(""))?;
    writeln!(io.err, "no scenario was given; guessed from the capture:")?;
    for line in &guess.summary {
        writeln!(io.err, "  {line}")?;
    }
    let files: Vec<String> = sources.iter().map(|s| s.path.display().to_string()).collect();
    let files = files.join(" ");
    writeln!(
        io.err,
        "`lockstep scenario --from {files} -o s.toml` writes it down for you to edit"
    )?;
    let stem = sources.first().and_then(|source| source.path.file_stem());
    let name = toml::Value::from(stem.unwrap_or_default().to_string_lossy().into_owned());
    let scenario = format!("name = {name}\n{}", guess.toml);
    Ok(Request { file: format!("(guessed from {files})"), scenario, ..Request::default() })
}

fn execute(
    request: Request,
    run: &RunArgs,
    control: Option<PathBuf>,
    engine: &mut dyn Engine,
    interrupted: &AtomicBool,
    io: &mut Io<'_>,
) -> Result<u8, Stop> {
    let (out, always) = (run.out.clone(), run.bundle_always);
    let bundle = run.bundle.clone().map(|path| BundleTo { path, always });
    let mut job = Job { out, control, bundle, ..job(request, &run.sim, io)? };
    let Found { stalls, searched } = match &run.sched {
        None | Some(Sched::Fixed) => Found::default(),
        Some(Sched::By(strategy)) => engine.schedule(&job, *strategy, interrupted)?,
        Some(Sched::Replay(file)) => Found { stalls: replayed(file)?, searched: None },
    };
    let searched = searched.map(|searched| format!("search: {searched}\n"));
    let again = searched.unwrap_or_default() + &again(&stalls);
    if !stalls.is_empty() {
        job.request.overrides.faults.extend(stalls);
        job.scenario = job.request.plan()?;
    }
    let outcome = engine.run(job, interrupted)?;
    let code = report(&outcome, io)?;
    io.out.write_all(again.as_bytes())?;
    Ok(code)
}

/// The faults of a file, one a line.
fn replayed(file: &Path) -> Result<Vec<Fault>, Stop> {
    let text = std::fs::read_to_string(file)
        .map_err(|why| Stop::Environment(format!("{} cannot be read: {why}", file.display())))?;
    schedule::read(&text).map_err(|error| Stop::Usage(format!("{}:{error}", file.display())))
}

/// What a schedule was: for a command line, or a file of its own.
fn again(stalls: &[Fault]) -> String {
    match stalls.len() {
        0 => String::new(),
        few if few <= 8 => {
            let faults: Vec<_> = stalls.iter().map(|fault| format!(" --fault {fault}")).collect();
            format!("again: the same without --sched, but with{}\n", faults.concat())
        }
        many => {
            let lines: Vec<_> = stalls.iter().map(|fault| format!("{fault}\n")).collect();
            let lines = lines.concat();
            format!("again: --sched replay:FILE, where FILE has these {many} lines:\n{lines}")
        }
    }
}

/// What is asked for, with all that the arguments say about it.
fn job(mut request: Request, run: &SimArgs, io: &Io<'_>) -> Result<Job, Stop> {
    request.overrides = run.overrides();
    let scenario = request.plan()?;
    Ok(Job {
        request,
        scenario,
        pace: run.pace(),
        backend: run.backend.into(),
        out: None,
        control: None,
        bundle: None,
        progress: io.progress,
    })
}

fn corpus(way: &CorpusWay, io: &mut Io<'_>) -> Result<u8, Stop> {
    let wrong = |error: corpus::CorpusError| Stop::Environment(error.to_string());
    match way {
        CorpusWay::Import { captures, out } => {
            let done = corpus::import(captures, out).map_err(wrong)?;
            let corpus::Imported { frames, new, known, snapped } = done;
            let out = out.display();
            writeln!(io.out, "{frames} frames: {new} new in {out}, {known} already there")?;
            if snapped > 0 {
                writeln!(io.out, "{snapped} left out: the capture has only their front")?;
            }
        }
        CorpusWay::Export { dir, output } => {
            let frames = corpus::export(dir, output).map_err(wrong)?;
            writeln!(io.out, "{frames} frames in {}", output.display())?;
        }
    }
    Ok(exit::OK)
}

/// Asks a run that listens at a socket, and says what it says.
fn ctl(socket: &Path, line: &str, json: bool, io: &mut Io<'_>) -> Result<u8, Stop> {
    let asked = control::ask(socket, line);
    let (raw, reply) = asked.map_err(|error| Stop::Environment(error.to_string()))?;
    if json {
        writeln!(io.out, "{raw}")?;
    } else if reply.ok {
        writeln!(io.out, "{}", reply.text)?;
    } else {
        writeln!(io.err, "error: {}", reply.text)?;
    }
    Ok(match reply.code.as_str() {
        _ if reply.ok => exit::OK,
        control::SYNTAX => exit::USAGE,
        _ => exit::FOUND,
    })
}

fn report(outcome: &Outcome, io: &mut Io<'_>) -> Result<u8, Stop> {
    io.out.write_all(outcome.report.as_bytes())?;
    Ok(exit_code(outcome.verdict))
}

fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Clean => exit::OK,
        Verdict::Found => exit::FOUND,
        Verdict::Interrupted => exit::INTERRUPTED,
        Verdict::Otherwise => exit::OTHERWISE,
    }
}

/// The job table of a scenario, after a run if there is a backend for one; without a scenario, all.
fn jobs(
    scenario: Option<&Path>,
    backend: Option<Backend>,
    json: bool,
    (engine, interrupted): (&mut dyn Engine, &AtomicBool),
    io: &mut Io<'_>,
) -> Result<u8, Stop> {
    let (mut code, mut lcores) = (exit::OK, None);
    let table = match scenario.map(Request::from_file).transpose()? {
        None => jobs::whole(),
        Some(request) => {
            let scenario = request.plan()?;
            let plan = scenario.plan.clone();
            if let Some(backend) = backend {
                let (pace, out, progress) = (Pace::default(), None, io.progress);
                let (control, bundle) = (None, None);
                let job = Job { request, scenario, pace, backend, out, control, bundle, progress };
                let outcome = engine.run(job, interrupted)?;
                code = exit_code(outcome.verdict);
                if code != exit::OK {
                    // The table says nothing of it; the report does.
                    io.err.write_all(outcome.report.as_bytes())?;
                }
                lcores = Some(outcome.lcores);
            }
            jobs::of(&plan, lcores.as_deref())
        }
    };
    let table = table.map_err(|error| Stop::Usage(error.to_string()))?;
    match json {
        true => {
            serde_json::to_writer_pretty(&mut *io.out, &table).map_err(io::Error::from)?;
            writeln!(io.out)?;
        }
        false => io.out.write_all(jobs::text(&table).as_bytes())?,
    }
    Ok(code)
}

/// Writes a guessed scenario, to the standard output if it has no file. A file that is there stays.
fn write_scenario(
    guess: &guess::Guess,
    output: Option<&Path>,
    io: &mut Io<'_>,
) -> Result<(), Stop> {
    let Some(path) = output else {
        io.out.write_all(guess.toml.as_bytes())?;
        return Ok(());
    };
    let cannot = |why: io::Error| bundles::cannot(path, &why);
    let mut file = std::fs::File::create_new(path).map_err(cannot)?;
    file.write_all(guess.toml.as_bytes()).map_err(cannot)?;
    for line in &guess.summary {
        writeln!(io.err, "{line}")?;
    }
    writeln!(io.err, "look through {0}, then: lockstep run {0}", path.display())?;
    Ok(())
}

/// Whether a write failed because nobody reads any more, as in `lockstep decode x | head`.
fn nobody_reads(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}
