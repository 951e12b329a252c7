//! What happens to a box, read from bytes, and written as a scenario.

use super::{frame, order};
use arbitrary::{Result, Unstructured};
use dataplane::{Instant, Nanos, PortId};
use sim::control::{Verb, parse};
use sim::fault::{Fault, FaultKind, Strike};
use sim::plan::{Command, Input, Plan, Source};
use sim::scenario::{Overrides, Scenario};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::OnceLock;

/// Things that happen in one script.
const MOST: usize = 48;
/// When a run with an end ends.
const UNTIL: Nanos = Nanos::from_millis(10);

/// A box, and what happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Which box: each bit is a choice.
    shape: u8,
    /// What arrives at its two ports.
    frames: [Vec<(Nanos, Vec<u8>)>; 2],
    /// What it is told, in words.
    orders: Vec<(Nanos, String)>,
    /// What goes wrong.
    faults: Vec<Fault>,
}

impl Script {
    /// Reads a script. Any bytes are one: where they end, it ends.
    pub fn of(bytes: &[u8]) -> Script {
        let mut u = Unstructured::new(bytes);
        let shape = u.arbitrary().unwrap_or_default();
        let (frames, orders, faults) = ([vec![], vec![]], vec![], vec![]);
        let mut script = Script { shape, frames, orders, faults };
        let (mut now, mut later) = (Nanos::from_millis(1), false);
        for _ in 0..MOST {
            if u.is_empty() || script.item(&mut u, &mut now, &mut later).is_err() {
                break;
            }
        }
        script
    }

    fn item(&mut self, u: &mut Unstructured<'_>, now: &mut Nanos, later: &mut bool) -> Result<()> {
        let [what, after] = u.arbitrary::<[u8; 2]>()?;
        // Mostly microseconds, 13 ms at most.
        let after = u64::from(after);
        *now = *now + Nanos::new(after * after * 200);
        match what % 16 {
            0 => {
                let [kind, nth] = u.arbitrary::<[u8; 2]>()?;
                let kind = FaultKind::ALL[usize::from(kind) % FaultKind::ALL.len()];
                self.faults.push(Fault::Call(Strike { kind, nth: u64::from(nth) + 1 }));
            }
            1..=3 => {
                let [kind, n] = u.arbitrary::<[u8; 2]>()?;
                self.orders.push((*now, order::words(kind, n, later)));
            }
            // Twelve seconds at most: timers of neighbours and addresses.
            4 => {
                let after = Nanos::from_millis(u64::from(u.arbitrary::<u8>()?) * 50);
                *now = *now + after;
            }
            what => {
                let bytes = frame::frame(u)?;
                // A scenario knows no frame without a byte, and no wire carries one.
                if !bytes.is_empty() {
                    self.frames[usize::from(what % 2)].push((*now, bytes));
                }
            }
        }
        Ok(())
    }

    /// Whether it ends after some milliseconds, at rest or not.
    pub fn ends_soon(&self) -> bool {
        self.shape & 1 != 0
    }

    const fn workers(&self) -> u8 {
        if self.shape & 2 != 0 { 2 } else { 1 }
    }

    /// The plan of its run.
    ///
    /// # Panics
    /// The box is no scenario, or an order no order: a bug in this module.
    pub fn plan(&self) -> Plan {
        static BOXES: [OnceLock<Plan>; 256] = [const { OnceLock::new() }; 256];
        let boxed = BOXES[usize::from(self.shape)].get_or_init(|| {
            let read =
                Scenario::parse(&self.head(), "box.toml", Path::new(""), &Overrides::default());
            read.unwrap_or_else(|why| panic!("{why}")).plan
        });
        let mut plan = boxed.clone();
        let when = |at: &Nanos| Instant::EPOCH + *at;
        for (port, frames) in (0..).map(PortId).zip(&self.frames) {
            let frames = frames.iter().map(|(at, bytes)| (when(at), bytes.clone()));
            let source = Source::Frames(frames.collect());
            plan.inputs.push(Input { port, source });
        }
        let names = order::names(self.workers(), true);
        plan.commands.extend(self.orders.iter().map(|(at, words)| match parse(words, &names) {
            Ok(Verb::Order(what)) => Command { at: when(at), what },
            other => panic!("{words}: {other:?}"),
        }));
        plan.faults.clone_from(&self.faults);
        plan
    }

    /// The scenario file of its run, but for what goes wrong: a comment says how to have that.
    pub fn toml(&self) -> String {
        let mut text = String::from("# What a fuzzer did to a box, step by step.\n#\n");
        let faults: String = self.faults.iter().map(|fault| format!(" --fault {fault}")).collect();
        // Writing to a String cannot fail.
        let _ = write!(text, "#   lockstep run THIS.toml{faults}\n\n{}", self.head());
        for (at, words) in &self.orders {
            let _ = write!(text, "\n[[control]]\nat = \"{}ns\"\ndo = \"{words}\"\n", at.get());
        }
        for (port, frames) in ["lan", "wan"].into_iter().zip(&self.frames) {
            let _ = write!(text, "\n[[input]]\nport = \"{port}\"\nframes = [\n");
            for (at, bytes) in frames {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                let _ = writeln!(text, "    {{ at = \"{}ns\", hex = \"{hex}\" }},", at.get());
            }
            text.push_str("]\n");
        }
        text
    }

    /// What goes wrong.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The tables of the box itself. Small limits are met soon; slow jobs make stepping cheap.
    fn head(&self) -> String {
        let on = |bit: u8| self.shape & (1 << bit) != 0;
        let mut text = String::from("name = \"fuzzed\"\n");
        if self.ends_soon() {
            let _ = writeln!(text, "until = \"{}ns\"", UNTIL.get());
        }
        if on(2) {
            text.push_str("profile = \"dpvs\"\n");
        }
        if !on(6) {
            let _ = writeln!(text, "workers = {}", self.workers());
        }
        let wire =
            if on(3) { "wire = { rate = \"2M\", delay = \"30us\", queue = 3 }\n" } else { "" };
        let kni = if on(4) { "kni = {}\n" } else { "" };
        let _ = write!(text, "{}", PORTS.replace("WIRE\n", wire).replace("KNI\n", kni));
        if on(5) {
            text.push_str(SMALL);
        }
        text.push_str(if on(7) { TREE } else { "" });
        if on(6) {
            text.push_str(LCORES);
            text.push_str(if on(1) { LCORE_2 } else { "" });
        }
        text.push_str(COSTS);
        text.push_str(if on(4) { COSTS_KNI } else { "" });
        text.push_str(if on(6) { COSTS_ISOL } else { "" });
        text
    }
}

const PORTS: &str = r#"
[[port]]
name = "lan"
mac = "02:00:00:00:00:01"
addresses = ["198.51.100.1/24"]
WIRE
KNI

[[port.vlan]]
vid = 100
addresses = ["10.0.100.1/24"]

[[port]]
name = "wan"
mac = "02:00:00:00:00:02"
mtu = 1400
addresses = ["192.0.2.1/24"]
WIRE

[[route]]
to = "default"
via = "192.0.2.254"

[[neighbour]]
dev = "lan"
address = "198.51.100.7"
mac = "02:00:00:00:00:0a"

[policy]
reassembly_timeout = "5ms"
"#;

const SMALL: &str = r"
[limits]
pool = 128
rx_descriptors = 4
tx_descriptors = 4
neigh_queue = 2
neigh_entries = 3
reasm_datagrams = 2
reasm_fragments = 5
arp_ring = 2
msg_ring = 4
msg_open = 4
";

const TREE: &str = r#"
[[qsch]]
dev = "wan"
kind = "tbf"
rate = "400k"
burst = 3000
limit = 5000
"#;

const LCORES: &str = r#"
[[lcore]]
id = 0
role = "master"

[[lcore]]
id = 1
role = "worker"
rx = { lan = [0], wan = [0] }
icmp_redirect = true

[[lcore]]
id = 9
role = "isol_rx"
rx = { lan = [0] }
"#;

const LCORE_2: &str = r#"
[[lcore]]
id = 2
role = "worker"
rx = { lan = [1], wan = [1] }
"#;

const COSTS: &str = r#"
[costs]
recv_fwd = { idle = "20us", per_item = "2us" }
sockopt_job = { idle = "20us", per_item = "2us" }
"#;
const COSTS_KNI: &str = "kni_master_proc = { idle = \"20us\", per_item = \"2us\" }\n";
const COSTS_ISOL: &str = "isol_pkt_rcv = { idle = \"20us\", per_item = \"2us\" }\n";
