//! What happened, told a line at a time.

use dataplane::control::Order;
use dataplane::device::Devices;
use dataplane::event::{NeighMove, Reassembly, ReassemblyNote, Value};
use dataplane::msg::MsgNote;
use dataplane::{Event, Instant, PortId};
use sim::control::words;
use sim::engine::Outcome;
use sim::plan::{Backend, Pace, Plan};
use sim::run::simulate;
use sim::trace::{Observer, Outside, Passing, Record, Run, Way, What};
use std::fmt::Write;

/// A run, told.
#[derive(Clone, Debug)]
pub struct Told {
    /// What passed the ports, what was refused, what became of neighbours; and, last, the
    /// conservation law.
    pub story: String,
    /// What became of messages between lcores, as a sequence chart.
    pub chart: String,
    /// The tick schedule: the job runs that found something to do.
    pub ticks: String,
    /// What the run came to.
    pub outcome: Outcome,
}

/// Runs a plan on both fabrics, with idle ticks skipped and stepped, and tells the story of the
/// four, which is one.
///
/// # Panics
/// A run fails, breaks an invariant, or differs from another.
pub fn tell(plan: &Plan) -> Told {
    let skipped = once(plan, Backend::Heap, Pace::Skip);
    for (which, backend, pace) in [
        ("skipped and stepped", Backend::Heap, Pace::Step),
        ("heap and DPDK", Backend::Dpdk, Pace::Skip),
        ("heap and DPDK, stepped", Backend::Dpdk, Pace::Step),
    ] {
        assert_same(which, &skipped, &once(plan, backend, pace));
    }
    skipped
}

/// The frames that leave by a port, in order.
///
/// # Panics
/// The run fails.
pub fn frames_out(plan: &Plan, port: PortId) -> Vec<Vec<u8>> {
    match simulate(plan, Backend::Dpdk, Pace::Skip, Leaving { port, frames: Vec::new() }) {
        Ok((_, leaving)) => leaving.frames,
        Err(error) => panic!("the run failed: {error}"),
    }
}

/// Whoever watches the frames that leave by one port.
struct Leaving {
    port: PortId,
    frames: Vec<Vec<u8>>,
}

impl Observer for Leaving {
    fn frame(&mut self, frame: &Passing<'_>) {
        if frame.port == self.port && frame.way == Way::Out {
            self.frames.push(frame.bytes.to_vec());
        }
    }
}

/// `message HELLO #1 lcore 0 > 1 sent`
fn message(note: &MsgNote) -> String {
    let (from, stage) = (note.from, note.name().trim_start_matches("msg_").replace('_', " "));
    let to = note.to.map_or(String::new(), |to| format!(" > {to}"));
    let mut text = format!("     message {} #{} lcore {from}{to} {stage}", note.kind, note.seq);
    note.fields(&mut |name, value| {
        if let ("why" | "result", Value::Text(word)) = (name, value) {
            let _ = write!(text, ": {word}");
        }
    });
    text
}

/// `datagram 7 of 198.51.100.7 holds 2 fragments, 800 bytes`
fn reassembly(note: &ReassemblyNote) -> String {
    let ReassemblyNote { src, id, fragments, bytes, .. } = note;
    let what = match note.what {
        Reassembly::Held => "holds",
        Reassembly::Complete => "is whole:",
        Reassembly::Refused => "refused:",
        Reassembly::Evicted => "gives way:",
        Reassembly::Expired => "expired:",
    };
    let s = if *fragments == 1 { "" } else { "s" };
    format!("     datagram {id} of {src} {what} {fragments} fragment{s}, {bytes} bytes")
}

/// `order 3 is done`
fn over(outcome: &dataplane::control::Outcome) -> String {
    let mut text = format!("     order {} is ", outcome.order);
    match outcome.refused {
        None => text.push_str("done"),
        Some(why) => {
            let _ = write!(text, "refused, {}: {}", why.code(), why.name());
        }
    }
    if let Some(at) = outcome.at {
        let _ = write!(text, " at lcore {at}");
    }
    if let Some(n) = outcome.entries {
        let _ = write!(text, ", {n} entries");
    }
    text
}

/// Runs a plan once.
fn once(plan: &Plan, backend: Backend, pace: Pace) -> Told {
    let devices = Devices::new(&plan.config).iter().map(|device| device.name.clone()).collect();
    let teller = Teller { devices, story: String::new(), ticks: String::new() };
    let (outcome, mut teller) = match simulate(plan, backend, pace, teller) {
        Ok(done) => done,
        Err(error) => panic!("the run failed: {error}"),
    };
    assert!(outcome.broken.is_empty(), "broken: {:?}\n{}", outcome.broken, teller.story);
    let law = outcome.ledger.to_string();
    teller.story.insert_str(0, "       ms lcore port    frame\n");
    teller.story.push_str(&law);
    teller.story.push('\n');
    let roles: Vec<_> = outcome.lcores.iter().map(|lcore| (lcore.id, lcore.role)).collect();
    let (chart, _) = sim::chart::messages(outcome.messages.lines(), &roles, usize::MAX);
    Told { story: teller.story, chart, ticks: teller.ticks, outcome }
}

fn assert_same(which: &str, a: &Told, b: &Told) {
    assert!(a.story == b.story, "{which} tell different stories:\n{}\n---\n{}", a.story, b.story);
    assert!(a.chart == b.chart, "{which} draw different charts:\n{}\n---\n{}", a.chart, b.chart);
    assert_eq!(a.ticks, b.ticks, "{which}: tick schedules");
    assert_eq!(a.outcome.end, b.outcome.end, "{which}: end");
    assert_eq!(a.outcome.lcores, b.outcome.lcores, "{which}: lcores");
    assert_eq!(a.outcome.iftraf, b.outcome.iftraf, "{which}: talkers");
    assert_eq!(a.outcome.peers, b.outcome.peers, "{which}: peers");
    assert_eq!(a.outcome.digests, b.outcome.digests, "{which}: digests");
}

struct Teller {
    devices: Vec<String>,
    story: String,
    ticks: String,
}

impl Teller {
    fn port(&self, id: PortId) -> String {
        self.devices[id.index()].clone()
    }

    fn line(&mut self, at: Instant, run: Option<Run>, port: &str, text: &str) {
        let us = at.as_nanos() / 1000;
        let lcore = run.map_or(String::new(), |run| run.lcore.to_string());
        let line = format!("{:>5}.{:03} {lcore:>5} {port:<4} {text}", us / 1000, us % 1000);
        // Writing to a String cannot fail.
        let _ = writeln!(self.story, "{}", line.trim_end());
    }

    fn neigh(&self, moved: &NeighMove) -> String {
        let (from, to) = (moved.from.unwrap_or("-"), moved.to.unwrap_or("-"));
        let mut text =
            format!("     neigh {} {} {from} -> {to}", self.port(moved.port), moved.address);
        if from == to || moved.to.is_none() {
            let _ = write!(text, " ({})", moved.why);
        }
        text
    }

    /// What traffic control did.
    fn shaped(&self, event: &Event) -> Option<String> {
        Some(match *event {
            Event::QschQueued { packet, dev, handle, qlen, .. } => {
                let dev = self.port(dev);
                format!("     packet {} in Qsch {dev} {handle}, {qlen} in all", packet.0)
            }
            Event::QschSent { packet, dev, handle, .. } => {
                format!("     packet {} passes Qsch {} {handle}", packet.0, self.port(dev))
            }
            Event::TcChanged { what, dev, handle } => {
                format!("     {} {} {handle}", what.replace('_', " "), self.port(dev))
            }
            Event::TcRefused { what, dev, handle, why } => {
                let what = what.replace('_', " ");
                format!("     {what} {} {handle} refused: {why}", self.port(dev))
            }
            Event::QschShown { dev, handle, stats } => {
                let mut text = format!("     Qsch {} {handle} has", self.port(dev));
                stats.fields(&mut |name, value| {
                    if let Value::U64(n) = value {
                        let _ = write!(text, " {name} {n}");
                    }
                });
                text
            }
            Event::ClsShown { dev, qsch, handle, hits } => {
                format!("     cls {} {qsch} {handle} has {hits} hits", self.port(dev))
            }
            Event::TcNotShown { what } => format!("     {what}: not all workers told"),
            _ => return None,
        })
    }

    fn told(&self, event: &Event) -> Option<String> {
        Some(match *event {
            Event::Dropped { packet, reason } => {
                format!("     dropped {reason} (packet {})", packet.0)
            }
            Event::Neigh(moved) => self.neigh(&moved),
            Event::NeighMac { port, address, mac } => {
                format!("     neigh {} {address} is at {mac}", self.port(port))
            }
            Event::Waits { packet, address, waiting } => {
                format!("     packet {} waits for {address}, {waiting} in all", packet.0)
            }
            Event::RingTx { packet, ring, to } => {
                format!("     packet {} to lcore {to} by its {}", packet.0, ring.name())
            }
            Event::NeighSync { to, address, sent } => {
                let what = if sent { "told" } else { "could not tell" };
                format!("     {what} lcore {to} of {address}")
            }
            Event::QschQueued { .. }
            | Event::QschSent { .. }
            | Event::TcChanged { .. }
            | Event::TcRefused { .. }
            | Event::QschShown { .. }
            | Event::ClsShown { .. }
            | Event::TcNotShown { .. } => return self.shaped(event),
            Event::Msg(note) => message(&note),
            Event::Device { name, added, .. } => {
                format!("     device {name} is {}", if added { "there" } else { "gone" })
            }
            Event::AddressExpired { address, order, .. } => {
                format!("     {address} has expired (order {order})")
            }
            Event::Outcome(outcome) => over(&outcome),
            Event::NoBuffer { what, .. } => format!("     no buffer for: {}", what.name()),
            Event::SampleLost { packet } => format!("     sample of packet {} lost", packet.0),
            Event::Iftraf { state } => format!("     iftraf {}", state.replace('_', " ")),
            Event::IcmpSuppressed { cause, why } => {
                format!("     no icmp error about packet {}: {why}", cause.0)
            }
            Event::Reassembly(note) => reassembly(&note),
            Event::RedirectIgnored { packet, destination, gateway } => {
                let what = format!("{destination} by {gateway}");
                format!("     redirect of {what} not followed (packet {})", packet.0)
            }
            Event::Rx { .. }
            | Event::RingRx { .. }
            | Event::Made { .. }
            | Event::Answered { .. }
            | Event::Consumed { .. }
            | Event::Tx { .. } => return None,
        })
    }
}

impl Observer for Teller {
    fn event(&mut self, record: &Record) {
        if let What::Lcore(Event::Device { port, name, added: true }) = record.what {
            self.devices.resize(port.index() + 1, String::new());
            self.devices[port.index()] = name.to_string();
        }
        let text = match &record.what {
            What::Lcore(event) => self.told(event),
            What::Outside(Outside::Refused { packet, reason, .. }) => {
                Some(format!("     dropped {reason} (packet {})", packet.0))
            }
            What::Outside(Outside::Command { order, what: Order::Tc(change) }) => {
                let (dev, handle) = change.about();
                let what = change.name().replace('_', " ");
                Some(format!("     order {order}: {what} {} {handle}", self.port(dev)))
            }
            What::Outside(Outside::Command { order, what }) => {
                // Only those above have devices by their numbers.
                Some(format!("     order {order}: {}", words(what, &[])))
            }
            What::Outside(Outside::Fault(fault)) => {
                Some(format!("     fault {fault}: {}", fault.explain()))
            }
            What::Outside(Outside::Arrive { .. } | Outside::Depart { .. }) => None,
        };
        if let Some(text) = text {
            self.line(record.at, record.run, "", &text);
        }
    }

    fn frame(&mut self, frame: &Passing<'_>) {
        let arrow = match frame.way {
            Way::In => '<',
            Way::Out => '>',
        };
        let text = format!("{arrow}  {}", sim::decode::line(frame.bytes));
        let port = self.port(frame.port);
        self.line(frame.at, frame.run, &port, &text);
    }

    fn ran(&mut self, at: Instant, run: Run, items: u32) {
        let _ = writeln!(
            self.ticks,
            "{:>12} lcore {} tick {:>6} {:<12} {items}",
            at.to_string(),
            run.lcore,
            run.tick,
            run.job.name(),
        );
    }
}
