//! Timed replay of a capture through net_pcap, the wire, a ring port, one worker and back.

use crate::watch::Took;
use crate::{Failure, tick};
use dataplane::world::BURST;
use dataplane::{Buf, PortId, QueueId};
use fixtures::{ALICE, BOB, udp};
use sim::capture::{Frame, PcapngWriter};
use sim::engine::{Conduct, Outcome, run};
use sim::fabric::{DpdkFabric, Fabric};
use sim::plan::{CaptureInput, Input, Plan, Select, Source, Timing};
use sim::run::{RunOptions, execute};
use sim::scenario::{Overrides, Scenario};
use sim::trace::{JsonLines, Observer, Passing, Record, Way};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Two ports, one worker, BOB's MAC known: packets are forwarded.
pub(crate) const ROUTER: &str = include_str!("../../../fixtures/scenarios/load.toml");

const CHUNK: usize = 64 * 1024;

/// Writes a capture of 60-byte UDP frames from ALICE to BOB, a microsecond apart, in 256 flows.
pub(crate) fn write_capture(count: u32, path: &str) -> Result<Took, Failure> {
    let flow = |n: u16| udp(ALICE, BOB).ports(4000 + n, 53).len(18).build();
    let flows: Vec<Vec<u8>> = (0..256).map(flow).collect();
    Took::by(count.into(), || {
        let mut out = BufWriter::with_capacity(CHUNK, File::create(path)?);
        for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 1] {
            out.write_all(&word.to_le_bytes())?;
        }
        for (n, frame) in (0..count).zip(flows.iter().cycle()) {
            let len = u32::try_from(frame.len())?;
            for word in [n / 1_000_000, n % 1_000_000 * 1000, len, len] {
                out.write_all(&word.to_le_bytes())?;
            }
            out.write_all(frame)?;
        }
        Ok(out.flush()?)
    })
}

/// The plan that replays a capture into the LAN port of [`ROUTER`].
pub(crate) fn plan(path: &str) -> Result<Plan, Failure> {
    let scenario = Scenario::parse(ROUTER, "load.toml", Path::new(""), &Overrides::default())?;
    let mut plan = scenario.plan;
    let input = CaptureInput {
        path: path.into(),
        select: Select { interface: None, ours: Vec::new() },
        timing: Timing::Recorded,
        start: dataplane::Instant::EPOCH,
    };
    plan.inputs = vec![Input { port: PortId(0), source: Source::Capture(input) }];
    Ok(plan)
}

/// Replays a capture. What left goes to OUT as pcapng, and if wanted all events to OUT.jsonl.
pub(crate) fn through(
    eal: dpdk::Eal,
    path: &str,
    out: &str,
    events: bool,
) -> Result<Took, Failure> {
    let plan = plan(path)?;
    let fabric = &mut DpdkFabric::new(eal);
    // The pool is made before, as the peer's: its memory is touched once, however few packets come.
    fabric.begin(&plan)?;
    fabric.finish();
    let mut came = 0;
    let took = Took::by(0, || {
        let outcome = replay(&plan, fabric, out, events)?;
        came = outcome.ledger.came;
        all_forwarded(&outcome)
    })?;
    Ok(took.of(came).with_memory())
}

/// The run and its files, which callgrind counts too.
pub(crate) fn replay<F: Fabric>(
    plan: &Plan,
    fabric: &mut F,
    out: &str,
    events: bool,
) -> Result<Outcome, Failure> {
    let files = Left::create(plan, out, events)?;
    let (outcome, files) = run(plan, Conduct::default(), fabric, files)?;
    files.finish()?;
    Ok(outcome)
}

/// What no simulator can leave out of a replay: the capture is read through net_pcap, a worker forwards
/// each burst between two ring ports, and what left is written as pcapng. No time, no wire, no checks.
pub(crate) fn bare(eal: dpdk::Eal, path: &str, out: &str) -> Result<Took, Failure> {
    let mut worker = tick::new(eal, "forward")?;
    let mut frames = Left::create(&plan(path)?, out, false)?;
    let (mut burst, mut out) = (Vec::new(), 0);
    let took = Took::by(0, || {
        let mut capture = worker.capture(eal, Path::new(path))?;
        while capture.rx_burst(QueueId(0), &mut burst, BURST) > 0 {
            let came = burst.len();
            worker.through(&mut burst);
            if burst.len() != came {
                return Err(format!("{} of {came} packets came out", burst.len()).into());
            }
            for frame in burst.drain(..) {
                frames.left(PortId(1), out * 1000, frame.head());
                out += 1;
            }
        }
        Ok::<_, Failure>(frames.finish()?)
    })?;
    Ok(took.of(out))
}

/// The same as `lockstep replay --out DIR`: with all files, what came in and each packet's fate.
pub(crate) fn with_files(_: dpdk::Eal, path: &str, dir: &str) -> Result<Took, Failure> {
    let plan = plan(path)?;
    let mut came = 0;
    let took = Took::by(0, || {
        let options = RunOptions { out: Some(dir.into()), ..RunOptions::default() };
        let summary = execute(&plan, &options)?;
        came = summary.outcome.ledger.came;
        all_forwarded(&summary.outcome)
    })?;
    Ok(took.of(came))
}

fn all_forwarded(outcome: &Outcome) -> Result<(), Failure> {
    if outcome.ledger.out == outcome.ledger.came && outcome.broken.is_empty() {
        return Ok(());
    }
    Err(format!("not every packet was forwarded: {}", outcome.ledger).into())
}

/// What the C peer leaves too: the frames that left. And, if wanted, all that happened.
struct Left {
    frames: PcapngWriter<File>,
    events: Option<(JsonLines, Vec<u8>, File)>,
    error: Option<io::Error>,
}

impl Left {
    fn create(plan: &Plan, out: &str, events: bool) -> io::Result<Left> {
        let names: Vec<String> = plan.config.ports.iter().map(|port| port.name.clone()).collect();
        let interfaces: Vec<&str> = names.iter().map(String::as_str).collect();
        let frames = PcapngWriter::new(File::create(out)?, &interfaces, None)?;
        let events = match events {
            true => {
                Some((JsonLines::new(&names), Vec::new(), File::create(format!("{out}.jsonl"))?))
            }
            false => None,
        };
        Ok(Left { frames, events, error: None })
    }

    fn finish(mut self) -> io::Result<()> {
        if let Some((_, lines, file)) = &mut self.events {
            file.write_all(lines)?;
        }
        self.frames.finish()?;
        self.error.map_or(Ok(()), Err)
    }

    fn left(&mut self, port: PortId, time: u64, bytes: &[u8]) {
        let written = self.frames.write(&Frame {
            interface: port.0.into(),
            time,
            direction: None,
            orig_len: None,
            segments: &[bytes],
            comments: &[],
        });
        self.keep(written);
    }

    fn keep(&mut self, result: io::Result<()>) {
        self.error = self.error.take().or(result.err());
    }
}

impl Observer for Left {
    fn event(&mut self, record: &Record) {
        let Some((json, lines, file)) = &mut self.events else { return };
        json.line(record, lines);
        if lines.len() >= CHUNK {
            let written = file.write_all(lines);
            lines.clear();
            self.keep(written);
        }
    }

    fn frame(&mut self, frame: &Passing<'_>) {
        if frame.way == Way::Out {
            self.left(frame.port, frame.at.as_nanos(), frame.bytes);
        }
    }
}
