//! The programs that are measured: our workloads, peers in C, testpmd.

use super::super::{Stop, finish, fuzz, say};
use super::folder;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Something that runs and says how long it took.
///
/// In its arguments `@N` is a capture of N packets, `%NAME` a file that may be written, and `$` the
/// size of a line that grows.
pub(super) enum Side {
    /// A workload of `sim/examples/bench`.
    Bench(&'static [&'static str]),
    /// A program of `dataplane/dpdk/bench`.
    Peer(&'static str, &'static [&'static str]),
    /// DPDK's own testpmd: macswap on net_null.
    Testpmd,
    /// A fuzz target, so many times.
    Fuzz(&'static str, &'static str),
}

/// How long so many items took.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    total: f64,
    items: f64,
    /// The most memory that the process had, in KiB.
    pub resident: Option<u64>,
}

impl Sample {
    /// Of one item.
    pub fn nanos(self) -> f64 {
        self.total / self.items
    }
}

/// Where all of it lies: captures, programs, what they write.
pub(super) struct Place {
    folder: PathBuf,
}

/// Libraries of which nothing is left out, as in `dataplane/dpdk-sys/build.rs`.
const WHOLE: [&str; 5] = ["mempool_ring", "bus_vdev", "net_ring", "net_pcap", "net_null"];
const PARTS: [&str; 12] = [
    "ip_frag",
    "hash",
    "rcu",
    "ethdev",
    "net",
    "meter",
    "mbuf",
    "mempool",
    "ring",
    "eal",
    "telemetry",
    "kvargs",
];
const SYSTEM: [&str; 6] = ["-lpcap", "-lnuma", "-lbsd", "-ldl", "-lm", "-pthread"];

impl Place {
    /// With the peers in C, unless no line wants one.
    pub fn new(with_peers: bool) -> Result<Place, Stop> {
        let folder = folder();
        fs::create_dir_all(&folder).map_err(|why| Stop::Step(folder.display().to_string(), why))?;
        let place = Place { folder };
        if !with_peers {
            return Ok(place);
        }
        say("building the peers in C");
        for peer in ["pcap_loop", "fresh_ports", "ip_frag"] {
            place.compile(peer)?;
        }
        Ok(place)
    }

    /// Runs a side once.
    pub fn run(&self, side: &Side) -> Result<Sample, Stop> {
        self.run_sized(side, 0)
    }

    /// Runs a side once, at a size.
    pub fn run_sized(&self, side: &Side, size: u64) -> Result<Sample, Stop> {
        let (program, args) = match side {
            Side::Bench(args) => (bench(), *args),
            Side::Peer(name, args) => (self.folder.join(name), *args),
            Side::Testpmd => return testpmd(),
            Side::Fuzz(target, runs) => {
                let rate = fuzz::rate(target, runs, &self.folder)?;
                let total = rate.took.as_secs_f64() * 1e9;
                return Ok(Sample { total, items: rate.executions, resident: None });
            }
        };
        let args = args.iter().map(|arg| self.argument(&arg.replace('$', &size.to_string())));
        let args = args.collect::<Result<Vec<String>, Stop>>()?;
        let mut command = Command::new(program);
        sample(&output(command.args(args))?)
    }

    fn argument(&self, arg: &str) -> Result<String, Stop> {
        let path = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        if let Some(name) = arg.strip_prefix('%') {
            return Ok(path(name));
        }
        let Some(count) = arg.strip_prefix('@') else { return Ok(arg.to_owned()) };
        let capture = path(&format!("load-{count}.pcap"));
        if !Path::new(&capture).exists() {
            say(&format!("a capture of {count} packets"));
            output(Command::new(bench()).args(["capture", count, &capture]))?;
        }
        Ok(capture)
    }

    /// By the C compiler, linked as `dataplane/dpdk-sys/build.rs` links.
    fn compile(&self, name: &str) -> Result<(), Stop> {
        let source = super::root().join(format!("dataplane/dpdk/bench/{name}.c"));
        let flags = pkg_config(&["--cflags", "libdpdk"])?;
        let libraries = pkg_config(&["--variable=libdir", "libdpdk"])?;
        let archive = |name: &&str| format!("-l:librte_{name}.a");
        let mut cc = Command::new("cc");
        cc.args(["-O3", "-D_GNU_SOURCE", "-march=corei7", "-include", "rte_config.h"]);
        cc.args(flags.split_whitespace()).arg(source).arg("-o").arg(self.folder.join(name));
        cc.arg(format!("-L{}", libraries.trim()));
        cc.arg("-Wl,--whole-archive").args(WHOLE.iter().map(archive)).arg("-Wl,--no-whole-archive");
        cc.arg("-Wl,--start-group").args(PARTS.iter().map(archive)).arg("-Wl,--end-group");
        finish(cc.args(SYSTEM), &format!("cc {name}.c"))
    }
}

/// The program with our workloads.
pub(super) fn bench() -> PathBuf {
    super::super::target().join("release/examples/bench")
}

fn pkg_config(args: &[&str]) -> Result<String, Stop> {
    output(Command::new("pkg-config").args(args))
}

/// What a program says, which has to end well.
pub(super) fn output(command: &mut Command) -> Result<String, Stop> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|why| Stop::Step(name.clone(), why))?;
    if !output.status.success() {
        eprintln!("==> failed: {name}");
        return Err(Stop::Code(1));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `<nanoseconds> <items> [<kilobytes>]`
fn sample(text: &str) -> Result<Sample, Stop> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
    let (Some(total), Some(items)) = (number(0), number(1)) else {
        eprintln!("this is no measurement: {text}");
        return Err(Stop::Code(1));
    };
    let resident = words.get(2).and_then(|word| word.parse().ok());
    Ok(Sample { total, items, resident })
}

/// testpmd says once a second how many packets it received in it. The first one is not a whole one.
fn testpmd() -> Result<Sample, Stop> {
    let mut command = Command::new("timeout");
    command.args(["-s", "INT", "4", "dpdk-testpmd", "--no-huge", "--no-shconf", "--no-pci"]);
    command.args(["-l", "0,1", "-m", "512", "--no-telemetry", "--log-level", "4"]);
    command.args(["--vdev=net_null0,size=64", "--", "--total-num-mbufs=16383", "--mbcache=256"]);
    command.args(["--nb-cores=1", "--burst=32", "--no-lsc-interrupt", "--stats-period=1"]);
    command.args(["--no-flush-rx", "--forward-mode=macswap", "--port-topology=loop"]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.map_err(|why| Stop::Step("dpdk-testpmd".to_owned(), why))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rates = text.split("Rx-pps:").skip(1).filter_map(|rest| rest.split_whitespace().next());
    let mut rates: Vec<f64> = rates.filter_map(|rate| rate.parse().ok()).skip(1).collect();
    rates.sort_by(f64::total_cmp);
    match rates.get(rates.len() / 2) {
        Some(rate) if *rate > 0.0 => Ok(Sample { total: 1e9, items: *rate, resident: None }),
        _ => {
            eprintln!("dpdk-testpmd forwarded nothing; it needs two CPUs, 0 and 1:\n{text}");
            Err(Stop::Code(1))
        }
    }
}
