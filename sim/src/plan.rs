//! What a run is made of, checked and complete: the one thing between the scenario and the engine.
//!
//! A [`Plan`] holds no default that somebody still has to fill in, and no path that is relative to
//! something else than the current directory. Not here: TOML (`scenario.rs`), stepping (`engine.rs`).

mod peer;

pub use peer::{
    AttackKind, AttackPlan, HostPlan, PeerKind, PeerPlan, PingPlan, TcpSendPlan, Times, UdpSendPlan,
};

use crate::asked::Asked;
use crate::fault::Fault;
use dataplane::control::Order;
use dataplane::job::JobKind;
use dataplane::{Config, Instant, LcoreId, Nanos, PortId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// All that decides a run. The same plan gives the same run, byte for byte.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the dataplane is told.
    pub config: Config,
    /// What is behind each physical port, in the order of `config.ports`.
    pub ports: Vec<PortPlan>,
    /// What the jobs cost.
    pub costs: Costs,
    /// When to stop; nothing: when all input is through and no packet is held any more.
    pub until: Option<Nanos>,
    /// What arrives from outside. Inputs of one port may overlap in time; at one instant they
    /// arrive in this order.
    pub inputs: Vec<Input>,
    /// Who is at the far ends of the wires, and answers.
    pub peers: Vec<PeerPlan>,
    /// What the control plane is told, and when. In order of time.
    pub commands: Vec<Command>,
    /// The files that configurations in `commands` were read from.
    pub reloads: Vec<ReloadFile>,
    /// What happens to a frame of which the capture holds only the front.
    pub snapped: Snapped,
    /// What goes wrong on purpose.
    pub faults: Vec<Fault>,
    /// What the user calls a failure. It makes no difference to what happens in the run.
    pub asked: Vec<Asked>,
}

/// A file that another configuration was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadFile {
    /// Its name, as the scenario has it.
    pub file: String,
    /// The digest of its text, 64 bits of xxh3; nothing: it could not be read.
    pub xxh3_64: Option<String>,
}

/// What is behind a physical port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortPlan {
    /// A net_ring port with a wire at its other end.
    Ring(WirePlan),
    /// A net_pcap port, polled by the dataplane itself, as fast as it polls: untimed replay.
    Pcap {
        /// The capture to receive from; nothing: nothing is received.
        rx: Option<PathBuf>,
    },
    /// A net_null port, polled by the dataplane itself.
    Null {
        /// Bytes of each of the endless frames of zeros that it receives; nothing: a mere sink.
        rx_frame_len: Option<u16>,
    },
}

/// A wire: what lies between a port and the outside, each direction by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WirePlan {
    /// Bits a second, counted over the frame without preamble and FCS; nothing: infinitely fast.
    pub rate: Option<u64>,
    /// How long a frame travels, towards the port.
    pub delay: Nanos,
    /// Frames that may wait, towards the port, until the wire is free.
    pub queue: u32,
}

impl Default for WirePlan {
    fn default() -> WirePlan {
        WirePlan { rate: None, delay: Nanos::ZERO, queue: 1024 }
    }
}

/// What one run of a job costs: `idle + per_item × items`, in nanoseconds of virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Of a run that finds nothing to do.
    pub idle: u64,
    /// Of each thing that it found: a packet, a timer, a message …
    pub per_item: u64,
}

/// The cost of each job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Costs(pub [Cost; JobKind::ALL.len()]);

impl Costs {
    /// The cost of a run of `kind` that found `items` things to do.
    pub fn of(&self, kind: JobKind, items: u32) -> Nanos {
        let cost = self.0[kind.index()];
        Nanos::new(cost.idle + cost.per_item * u64::from(items))
    }

    /// The cost of a run of `kind` that found nothing to do.
    pub fn idle(&self, kind: JobKind) -> Nanos {
        Nanos::new(self.0[kind.index()].idle)
    }
}

impl Default for Costs {
    /// About what DPVS's jobs take on a 2.5 GHz core: an idle turn of a worker is 100 ns, and a
    /// worker forwards some 5 million packets a second.
    fn default() -> Costs {
        Costs(JobKind::ALL.map(|kind| {
            let (idle, per_item) = match kind {
                JobKind::CfgfileReload => (10, 10_000),
                JobKind::QschSched => (10, 60),
                JobKind::RecvFwd => (50, 150),
                JobKind::Xmit => (10, 40),
                JobKind::TimerManage => (20, 100),
                JobKind::KniMaster | JobKind::KniLoop => (20, 150),
                JobKind::MsgMaster | JobKind::MsgSlave => (10, 200),
                JobKind::Sockopt => (10, 2_000),
                JobKind::IcmpRedirect => (10, 100),
                JobKind::NeighSync => (20, 200),
                JobKind::Ipv4Frag => (20, 100),
                JobKind::IftrafRing => (20, 50),
                JobKind::IsolPktRcv => (50, 30),
            };
            Cost { idle, per_item }
        }))
    }
}

/// Something that arrives at a port from outside.
#[derive(Clone, Debug)]
pub struct Input {
    /// The physical port. It is a ring port.
    pub port: PortId,
    /// What arrives.
    pub source: Source,
}

/// Where frames come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A capture file, read through net_pcap.
    Capture(CaptureInput),
    /// Frames that the scenario spells out, in order of time.
    Frames(Vec<(Instant, Vec<u8>)>),
}

/// A capture as input of one port.
#[derive(Clone, Debug)]
pub struct CaptureInput {
    /// The file, as it was named.
    pub path: PathBuf,
    /// Which of its frames are input.
    pub select: Select,
    /// When they arrive.
    pub timing: Timing,
    /// Virtual time of the capture's first frame (over all its frames, selected or not).
    pub start: Instant,
}

/// Which frames of a capture are input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// Only those of this pcapng interface; nothing: of all.
    pub interface: Option<u32>,
    /// Not those that the recorded device itself sent, by source MAC or by source address.
    pub ours: Vec<Ours>,
}

/// How to tell what the recorded device sent itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ours {
    /// Frames with this source MAC.
    Mac(dataplane::Mac),
    /// Frames whose IPv4 source, or ARP sender, is this address.
    Ip(std::net::Ipv4Addr),
}

/// When the frames of a capture arrive, counted from the start of their input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// At the capture's own times. One that runs back a little arrives together with the one before it;
    /// behind one that was set back the time goes on (`source/line.rs`).
    Recorded,
    /// At the capture's own times multiplied by `num / den`.
    Scaled {
        /// Numerator.
        num: u32,
        /// Denominator, not zero.
        den: u32,
    },
    /// One every so often.
    Gap(Nanos),
    /// All at the start: as fast as the wire takes them.
    BackToBack,
}

/// What happens to a frame of which the capture holds only the front (its snap length was short).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Snapped {
    /// It is filled up with zeros to its original length, so that lengths and rates are right.
    #[default]
    Pad,
    /// It is dropped, as `rx_snapped`.
    Drop,
}

/// What the control plane is told, at a time of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// When.
    pub at: Instant,
    /// What.
    pub what: Order,
}

/// How fast idle time passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Idle ticks are skipped in closed form.
    #[default]
    Skip,
    /// Every idle tick is stepped (`--no-skip`). The result is the same.
    Step,
}

/// Which implementation carries the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// DPDK: mbufs, rings, net_pcap, net_ring and net_null ports.
    #[default]
    Dpdk,
    /// Plain memory. For machines without DPDK's permission to run, and to check the other.
    Heap,
}

impl Plan {
    /// The lcore that runs the control plane.
    pub fn master(&self) -> Option<LcoreId> {
        let lcores = self.config.lcores.iter();
        lcores.filter(|l| l.role == dataplane::job::Role::Master).map(|l| l.id).next()
    }

    /// Gives the run another seed, everywhere: what the scenario comes to when it is read with it.
    pub fn reseed(&mut self, seed: u64) {
        self.config.seed = seed;
        for command in &mut self.commands {
            if let Order::Reload(reload) = &mut command.what
                && let Ok(config) = &mut reload.config
            {
                config.seed = seed;
            }
        }
    }
}
