//! The master's part of traffic statistics: what it sums up, and what it shows.

use super::{FIRST, Flow, Host, Sample, Sampling, Talker, Talkers};
use crate::config::{Config, IftrafConfig};
use crate::time::{Instant, Nanos};
use crate::types::PortId;

/// Whether samples are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No: what comes all the same is late.
    Off,
    /// Yes.
    On,
    /// Yes, until every worker has said that it stopped. Only then the tables are given back: DPVS
    /// frees the rings while workers may still fill them (defect B86).
    Stopping,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Show {
    /// Every so manieth packet was sampled, of each worker and direction.
    pub every: u32,
    /// The time that is looked back: the length of the history.
    pub span: Nanos,
    /// The flows that talk most.
    pub flows: Vec<Talker<Flow>>,
    /// The hosts that talk most.
    pub hosts: Vec<Talker<Host>>,
}

/// The samples of all workers, summed up.
#[derive(Debug)]
pub struct Collector {
    config: IftrafConfig,
    rooms: (u32, u32),
    state: State,
    generation: u32,
    flows: Talkers<Flow>,
    hosts: Talkers<Host>,
}

impl Collector {
    /// Nothing summed up yet; on, if the configuration says so.
    pub fn new(config: &Config) -> Collector {
        let rooms = (config.limits.iftraf_flows, config.limits.iftraf_hosts);
        let on = config.iftraf.on;
        Collector {
            config: config.iftraf,
            rooms,
            state: if on { State::On } else { State::Off },
            generation: if on { FIRST } else { 0 },
            flows: Talkers::new(rooms.0),
            hosts: Talkers::new(rooms.1),
        }
    }

    /// Whether samples are summed up.
    pub fn state(&self) -> State {
        self.state
    }

    /// What the workers are to be told next time that it is switched on. Asked twice, it is not the
    /// same: whoever was told in vain is not listened to.
    pub(crate) fn next_sampling(&mut self) -> Sampling {
        self.generation = self.generation.wrapping_add(1);
        Sampling { generation: self.generation, every: self.config.every }
    }

    /// All workers are told to sample: from now on samples count, from nothing.
    pub(crate) fn start(&mut self) {
        self.clear();
        self.state = State::On;
    }

    /// The how manieth time it is that it is on.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// All workers are told to stop.
    pub(crate) fn stop(&mut self) {
        self.state = State::Stopping;
    }

    /// All workers have stopped the sampling of that generation, or nobody waits for them any more.
    /// False if it was switched on again meanwhile.
    pub(crate) fn stopped(&mut self, generation: u32) -> bool {
        let over = self.state == State::Stopping && self.generation == generation;
        if over {
            self.state = State::Off;
            self.clear();
        }
        over
    }

    fn clear(&mut self) {
        self.flows = Talkers::new(self.rooms.0);
        self.hosts = Talkers::new(self.rooms.1);
    }

    /// Sums a sample up, that was taken from its ring at `now`. Returns how many entries had to
    /// make room; nothing if it came too late.
    pub(crate) fn add(&mut self, sample: &Sample, now: Instant) -> Option<u32> {
        if self.state == State::Off || sample.generation != self.generation {
            return None;
        }
        let Sample { direction, flow, bytes, .. } = *sample;
        let (bytes, slot) = (u64::from(bytes), self.slot(now));
        let host = Host { device: flow.device, address: flow.src };
        let flows = self.flows.add(flow, direction, bytes, slot);
        let hosts = self.hosts.add(host, direction, bytes, slot);
        Some(u32::from(flows) + u32::from(hosts))
    }

    /// The flows that talk most at `now`, on all devices.
    pub fn flows(&self, now: Instant) -> Vec<Talker<Flow>> {
        self.flows.top(self.slot(now), |_| true)
    }

    /// The hosts that talk most at `now`, on one device or on all.
    pub fn hosts(&self, device: Option<PortId>, now: Instant) -> Vec<Talker<Host>> {
        let slot = self.slot(now);
        match device {
            Some(device) => self.hosts.top(slot, |host| host.device == device),
            None => self.hosts.top(slot, |_| true),
        }
    }

    /// All that there is to show at `now`; nothing when it is off.
    pub fn show(&self, now: Instant) -> Option<Show> {
        let IftrafConfig { every, slot, .. } = self.config;
        let span = Nanos::new(slot.get().saturating_mul(super::SLOTS));
        let (flows, hosts) = (self.flows(now), self.hosts(None, now));
        (self.state != State::Off).then_some(Show { every, span, flows, hosts })
    }

    /// The slot of an instant: they begin at absolute multiples of their length.
    fn slot(&self, now: Instant) -> u64 {
        now.as_nanos() / self.config.slot.get().max(1)
    }
}
