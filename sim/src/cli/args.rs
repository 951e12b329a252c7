//! The arguments, as clap reads them. The doc comments here are the help texts.

use super::bundles::{self, ExportArgs, ReproArgs, ShrinkArgs};
use super::examples::{
    CHECK, COMPARE, CORPUS, CTL, DECODE, EXAMPLES, JOBS, REPLAY, RUN, SCENARIO, SWEEP,
};
use super::exit;
use super::swarm::{MERGE, MergeArgs, SWARM, SwarmArgs};
use crate::asked::Asked;
use crate::check::RELATIONS;
use crate::decode::Filter;
use crate::fault::Fault;
use crate::plan::{Backend, Ours, Pace, Snapped, Timing};
use crate::scenario::{CaptureArg, Overrides, text};
use crate::schedule::Sched;
use crate::sweep::Kind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use dataplane::Nanos;
use std::path::PathBuf;

const ABOUT: &str = "Runs a DPVS-style DPDK dataplane on a virtual clock: same input, same bytes";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "lockstep", version, about = ABOUT, max_term_width = 100,
    after_help = format!("{EXAMPLES}\n{}", exit::HELP),
    subcommand_required = true, arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replay captures through the dataplane
    ///
    /// Each capture arrives at a port, at its recorded times. The interfaces of a capture feed the
    /// ring ports of the same names or, if no name fits, the ring ports in order; --port says it
    /// outright. Captures take the place of what the scenario has for the ports that they feed.
    ///
    /// Of a two-sided capture only the frames are input that came to the device under test. Which
    /// ones it sent itself is told by --ours or, without it, by the scenario's MACs.
    ///
    /// Without -c the scenario is guessed, as `lockstep scenario --from` does.
    #[command(after_help = format!("{REPLAY}\n{}", exit::HELP))]
    Replay {
        /// Captures: pcap or pcapng, Ethernet, perhaps gzipped
        #[arg(value_name = "IN.pcap[ng]")]
        captures: Vec<PathBuf>,
        /// The scenario; guessed from the captures if there is none
        #[arg(short = 'c', long = "scenario", value_name = "SCENARIO.toml")]
        scenario: Option<PathBuf>,
        /// FILE arrives at the port NAME; can be given several times
        #[arg(long, value_name = "NAME=FILE", value_parser = named)]
        port: Vec<CaptureArg>,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Run a scenario
    #[command(after_help = format!("{RUN}\n{}", exit::HELP))]
    Run {
        /// The scenario
        #[arg(value_name = "SCENARIO.toml")]
        scenario: PathBuf,
        /// Captures to replay, instead of what the scenario has: pcap or pcapng, Ethernet, perhaps gzipped
        #[arg(value_name = "IN.pcap[ng]")]
        captures: Vec<PathBuf>,
        /// FILE arrives at the port NAME, instead of what the scenario has for it
        #[arg(long, value_name = "NAME=FILE", value_parser = named)]
        port: Vec<CaptureArg>,
        /// Listen at this Unix socket, and let time pass only as `lockstep ctl` says
        #[arg(long, value_name = "SOCK", conflicts_with = "bundle")]
        control: Option<PathBuf>,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Run a scenario once for every call that can fail, or other fault that can strike
    ///
    /// A first run counts how often a buffer is allocated, a parcel is put into another lcore's ring,
    /// and a burst is given to a port. Then each of these calls fails, one a run, and each run is held
    /// to all invariants: packets conserved, the pool full again, messages accounted for, no panic,
    /// and at rest in the end.
    ///
    /// Of other --kinds a run is made for each frame, each run of a job, or each moment at which
    /// something happens: docs/exploration.md says which.
    #[command(after_help = format!("{SWEEP}\n{}", exit::HELP))]
    Sweep {
        /// The scenario
        #[arg(value_name = "SCENARIO.toml")]
        scenario: PathBuf,
        /// Captures to replay: pcap or pcapng, Ethernet, perhaps gzipped
        #[arg(value_name = "IN.pcap[ng]")]
        captures: Vec<PathBuf>,
        /// FILE arrives at the port NAME, instead of what the scenario has for it
        #[arg(long, value_name = "NAME=FILE", value_parser = named)]
        port: Vec<CaptureArg>,
        /// Only faults of these kinds, by the words that begin them, or `all`; without it alloc,ring,tx
        #[arg(long, visible_alias = "kind", value_name = "KIND,…", value_delimiter = ',', value_parser = one_kind)]
        kinds: Vec<Option<Kind>>,
        /// Only every N-th place of each kind
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
        every: u64,
        /// Write a bundle of each finding to DIR: `lockstep repro` has it again
        #[arg(long, value_name = "DIR")]
        bundles: Option<PathBuf>,
        #[command(flatten)]
        run: SimArgs,
    },
    /// Run scenarios under many seeds, with faults drawn from each, and say what breaks
    ///
    /// A first run without faults shows what can go wrong: how often a buffer is allocated, how many
    /// frames come, and so on. Each seed then draws which faults strike, and when; each run is held to
    /// all invariants, and is a function of the scenario and its seed.
    ///
    /// The summary says how many units failed and how to have each again, and what was reached: drop
    /// reasons, counters, states. docs/swarm.md says how to run it on many machines.
    #[command(after_help = format!("{SWARM}\n{}", exit::HELP), mut_arg("backend", |arg| arg.default_value("heap")))]
    Swarm(SwarmArgs),
    /// Put together what shards of a swarm wrote, and say what it comes to
    ///
    /// The lines of all files, each unit once. A unit that did not come to the same in two files is
    /// named: then something but the plan decides a run, and the exit code is 1.
    #[command(after_help = format!("{MERGE}\n{}", exit::HELP))]
    Merge(MergeArgs),
    /// Run the same input in other ways, and say what differs that must not
    ///
    /// Each relation tells the input differently (another number of workers, other buffers, another
    /// time, frames spelled out instead of read) and says what must stay the same. So no expectations
    /// are needed. Exit code 1: something differs; both frames are printed.
    #[command(after_help = format!("{CHECK}\n{}", exit::HELP))]
    Check {
        /// Captures: pcap or pcapng, Ethernet, perhaps gzipped
        #[arg(value_name = "IN.pcap[ng]")]
        captures: Vec<PathBuf>,
        /// The scenario; guessed from the captures if there is none
        #[arg(short = 'c', long = "scenario", value_name = "SCENARIO.toml")]
        scenario: Option<PathBuf>,
        /// FILE arrives at the port NAME; can be given several times
        #[arg(long, value_name = "NAME=FILE", value_parser = named)]
        port: Vec<CaptureArg>,
        /// Only this relation; can be given several times
        #[arg(long, value_name = "NAME", value_parser = relation)]
        only: Vec<String>,
        /// Print the relations, and what each keeps
        #[arg(long)]
        list: bool,
        #[command(flatten)]
        run: SimArgs,
    },
    /// Steer a run that listens at a socket: let time pass, look at the box, change it
    #[command(after_help = format!("{CTL}\n{}", exit::HELP))]
    Ctl {
        /// What --control named
        #[arg(value_name = "SOCK")]
        socket: PathBuf,
        /// Print the reply as the line of JSON that it is
        #[arg(long)]
        json: bool,
        /// What is to be done: `help` lists it
        #[arg(
            value_name = "VERB",
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        verb: Vec<String>,
    },
    /// Run a bundle again: the same failure, or is it gone?
    ///
    /// A bundle is one file that has all of a run: scenario, frames, faults, and what was wrong. The same
    /// failure (the same oracles, words and digest) ends with the exit code of the run then, which is 1. A
    /// failure that is gone ends with 0, anything else with 4.
    #[command(after_help = format!("{}\n{}", bundles::REPRO, exit::HELP))]
    Repro(ReproArgs),
    /// Make a bundle smaller as long as it fails by the same oracle
    ///
    /// Faults, frames (by hosts, flows, datagrams, one by one), lcores, tables, times, payloads and header
    /// fields are left out or made simple, until nothing more can be. It runs in plain memory; the smallest
    /// case is then confirmed. Ctrl-C keeps the smallest so far.
    #[command(after_help = format!("{}\n{}", bundles::SHRINK, exit::HELP))]
    Shrink(ShrinkArgs),
    /// Make a regression test, a capture or a scapy script of a bundle
    #[command(after_help = format!("{}\n{}", bundles::EXPORT, exit::HELP))]
    Export(ExportArgs),
    /// Run again what left its files in DIR, and name the first event that differs
    #[command(after_help = exit::HELP)]
    Verify {
        /// What --out made
        dir: PathBuf,
    },
    /// Print a capture, one line a packet
    #[command(after_help = format!("{DECODE}\n{}", exit::HELP))]
    Decode {
        /// A capture: pcap or pcapng, Ethernet, perhaps gzipped
        #[arg(value_name = "FILE")]
        capture: PathBuf,
        #[command(flatten)]
        filter: FilterArgs,
    },
    /// Guess a scenario from captures: ports, addresses and peers, each guess with its evidence
    #[command(after_help = format!("{SCENARIO}\n{}", exit::HELP))]
    Scenario {
        /// Captures of one device: one of all its interfaces, or one for each
        #[arg(long, value_name = "IN.pcap[ng]", required = true, num_args = 1..)]
        from: Vec<PathBuf>,
        /// An address of the recorded device, if you know one; can be given several times
        #[arg(long, value_name = "MAC|IP", value_parser = text::ours)]
        ours: Vec<Ours>,
        /// Where to write it; without, to the standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print the job table: which job runs on which lcore, how often, and what it costs
    ///
    /// An lcore is a loop of jobs: LOOP jobs run in each turn (tick), in this order, then the SLOW
    /// jobs whose period divides the number of the tick. A run of a job costs its idle cost, and the
    /// cost of an item for each item that it finds; that is how virtual time passes on an lcore.
    ///
    /// Without SCENARIO the table has every job of every role, with the default costs. With it, it
    /// has the lcores of the scenario, its costs and periods, and what each job drains.
    #[command(after_help = format!("{JOBS}\n{}", exit::HELP))]
    Jobs {
        /// The scenario
        #[arg(value_name = "SCENARIO.toml")]
        scenario: Option<PathBuf>,
        /// Run the scenario, and say how often each job ran, found work, and how long it was busy
        #[arg(long = "run", requires = "scenario")]
        after_run: bool,
        /// What carries the packets of the run
        #[arg(long, value_enum, default_value_t = BackendArg::Dpdk, requires = "after_run")]
        backend: BackendArg,
        /// Print it as JSON; times are in nanoseconds
        #[arg(long)]
        json: bool,
    },
    /// Replay what came to a recorded device, and compare what it sent with what the box sends
    ///
    /// The captures have both: what came to the device, which is replayed, and what it sent itself,
    /// told by --ours or, without it, by the scenario's MACs. Each flow of the latter is compared with
    /// what the box sends: frames that are missing, extra, changed in a field, in another order or at
    /// another time. The identification of the device's own packets, padding, and how often it asks for
    /// a neighbour are free.
    #[command(after_help = format!("{COMPARE}\n{}", exit::HELP))]
    Compare {
        /// Captures: pcap or pcapng, Ethernet, perhaps gzipped
        #[arg(value_name = "IN.pcap[ng]")]
        captures: Vec<PathBuf>,
        /// The scenario: the box that is to do what the device did
        #[arg(short = 'c', long = "scenario", value_name = "SCENARIO.toml")]
        scenario: PathBuf,
        /// FILE is of the port NAME; can be given several times
        #[arg(long, value_name = "NAME=FILE", value_parser = named)]
        port: Vec<CaptureArg>,
        /// How much earlier or later than recorded a frame may leave
        #[arg(long, value_name = "DUR", default_value = "500ms", value_parser = text::duration)]
        slack: Nanos,
        #[command(flatten)]
        run: SimArgs,
    },
    /// Frames of captures into a fuzzing corpus, one file a frame, and back
    #[command(after_help = format!("{CORPUS}\n{}", exit::HELP), subcommand_required = true)]
    Corpus {
        /// Which way
        #[command(subcommand)]
        way: CorpusWay,
    },
    /// Print the JSON Schema of scenarios
    #[command(after_help = exit::HELP)]
    Schema,
}

/// Into a corpus, or out of it.
#[derive(Debug, Subcommand)]
pub enum CorpusWay {
    /// Write each frame of captures into a file of its own, named by its digest
    #[command(after_help = exit::HELP)]
    Import {
        /// Captures: pcap or pcapng, Ethernet, perhaps gzipped
        #[arg(value_name = "CAPTURE", required = true)]
        captures: Vec<PathBuf>,
        /// The folder; it is made if it is not there
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Write the frames of a corpus into one capture, a millisecond apart
    #[command(after_help = exit::HELP)]
    Export {
        /// The folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// The capture; it must not be there yet
        #[arg(short, long, value_name = "OUT.pcapng")]
        output: PathBuf,
    },
}

/// Which packets are shown.
#[derive(Args, Clone, Debug)]
pub struct FilterArgs {
    /// Only packets of this interface, by name or by number
    #[arg(long, value_name = "NAME|N")]
    interface: Option<String>,
    /// Only from this packet on; the first is 1
    #[arg(long, value_name = "N")]
    from: Option<u64>,
    /// Only up to this packet
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    /// Only packets with this text in their line, comments included
    #[arg(long, value_name = "TEXT")]
    containing: Option<String>,
}

impl From<FilterArgs> for Filter {
    fn from(args: FilterArgs) -> Filter {
        let FilterArgs { interface, from, to, containing } = args;
        Filter { interface, from, to, containing }
    }
}

/// How to run, and what to leave.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    pub sim: SimArgs,
    /// In which order lcores run: fixed (what is due first), random:SEED, pct:D[:SEED], starve:LCORE,
    /// dfs:BOUND (tries all, up to the first that fails), or replay:FILE (a fault on each line). A
    /// strategy finds stalls, and the run that you see has these as if --fault had named them
    #[arg(long, value_name = "SCHED")]
    pub sched: Option<Sched>,
    /// Write report, events, packets, ticks, counters and manifest to DIR
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// If something is wrong, write the whole run to this one file: `lockstep repro` has it again,
    /// `lockstep shrink` makes it smaller
    #[arg(long, value_name = "FILE.lockstep")]
    pub bundle: Option<PathBuf>,
    /// Write the bundle also if nothing is wrong: `lockstep repro` then expects the same to happen
    #[arg(long, requires = "bundle")]
    pub bundle_always: bool,
}

/// How to run.
#[derive(Args, Clone, Debug)]
pub struct SimArgs {
    /// An address of the recorded device: frames that it sent are no input; can be given several
    /// times
    #[arg(long, value_name = "MAC|IP", value_parser = text::ours)]
    pub ours: Vec<Ours>,
    /// When frames arrive: recorded, scaled=F, gap=DUR or back-to-back
    #[arg(long, value_name = "TIMING", value_parser = text::timing)]
    pub timing: Option<Timing>,
    /// The one seed of all randomness: a number, or a git commit hash of 7 to 40 digits
    #[arg(long, value_name = "N|GITSHA", value_parser = text::seed)]
    pub seed: Option<u64>,
    /// Stop at this virtual time, such as 10s, 1.5ms or 1h
    #[arg(long, value_name = "DUR", value_parser = until)]
    pub until: Option<Nanos>,
    /// Step each idle tick instead of skipping idle time; the result is the same
    #[arg(long)]
    pub no_skip: bool,
    /// What carries the packets
    #[arg(long, value_enum, default_value_t = BackendArg::Dpdk)]
    pub backend: BackendArg,
    /// Let something go wrong; can be given several times. The N-th call of a kind fails, or those
    /// from N to M: alloc:N[-M] (no buffer), ring:N[-M] (another lcore's ring is full), tx:N[-M] (a port
    /// takes nothing of a burst), tx:N=K (it takes K packets). Something happens to the N-th frame
    /// towards a port: lose:PORT:N[-M], dup:PORT:N, late:PORT:N=DUR, flip:PORT:N=BIT, cut:PORT:N=LEN,
    /// full:PORT:N (its ring is), room:PORT:N=BYTES (of headroom), back:PORT:N=DUR (the capture's clock
    /// is set back); or from or to a peer: mute:PEER:N[-M], deaf:PEER:N[-M]. Or down:PORT@TIME=DUR
    /// (link), stall:LCORE@TIME=DUR, cost:LCORE:N[-M]=DUR (a run of a job), ahead:LCORE=DUR and
    /// drift:LCORE=PPM (its clock), order:N@TIME
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<Fault>,
    /// Call it a failure if this happens: drop:REASON (a packet is dropped for it) or
    /// event:NAME[,FIELD=VALUE]... (as events.jsonl has them); can be given several times
    #[arg(long, value_name = "WHAT")]
    pub fail_on: Vec<Asked>,
    /// What happens to a frame of which the capture holds only the front
    #[arg(long, value_name = "pad|drop", value_parser = text::snapped)]
    pub snapped: Option<Snapped>,
}

/// What carries the packets.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum BackendArg {
    /// DPDK: mbufs, rings, net_pcap, net_ring and net_null ports
    Dpdk,
    /// Plain memory: for a machine where DPDK may not run, and to check the other
    Heap,
}

impl From<BackendArg> for Backend {
    fn from(arg: BackendArg) -> Backend {
        match arg {
            BackendArg::Dpdk => Backend::Dpdk,
            BackendArg::Heap => Backend::Heap,
        }
    }
}

impl SimArgs {
    /// What goes before the scenario.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            seed: self.seed,
            until: self.until,
            snapped: self.snapped,
            timing: self.timing,
            ours: self.ours.clone(),
            faults: self.fault.clone(),
            asked: self.fail_on.clone(),
        }
    }

    /// How fast idle time passes.
    pub fn pace(&self) -> Pace {
        if self.no_skip { Pace::Step } else { Pace::Skip }
    }
}

/// All captures of a command line: first those that do not say their port.
pub fn captures(unnamed: Vec<PathBuf>, named: Vec<CaptureArg>) -> Vec<CaptureArg> {
    let unnamed = unnamed.into_iter().map(|path| CaptureArg { port: None, path });
    unnamed.chain(named).collect()
}

/// A kind of faults; nothing stands for all of them.
fn one_kind(text: &str) -> Result<Option<Kind>, String> {
    match text {
        "all" => Ok(None),
        text => text.parse().map(Some),
    }
}

/// The kinds that were named; calls, if none was.
pub(super) fn kinds(named: &[Option<Kind>]) -> Vec<Kind> {
    match named {
        [] => Kind::CALLS.to_vec(),
        named if named.contains(&None) => Kind::all().collect(),
        named => named.iter().copied().flatten().collect(),
    }
}

/// `NAME=FILE`.
pub(super) fn named(text: &str) -> Result<CaptureArg, String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok(CaptureArg { port: Some(name.to_owned()), path: file.into() })
        }
        _ => Err("expected NAME=FILE, such as lan=lan.pcap".to_owned()),
    }
}

pub(super) fn budget(text: &str) -> Result<Nanos, String> {
    match text::duration(text)? {
        Nanos::ZERO => Err("nothing can be tried in no time".to_owned()),
        budget => Ok(budget),
    }
}

pub(super) fn until(text: &str) -> Result<Nanos, String> {
    match text::duration(text)? {
        Nanos::ZERO => Err("the run would stop before it starts".to_owned()),
        until => Ok(until),
    }
}

fn relation(text: &str) -> Result<String, String> {
    let names = RELATIONS.iter().map(|relation| relation.name);
    if names.clone().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    Err(format!("expected one of {}", names.collect::<Vec<_>>().join(", ")))
}
