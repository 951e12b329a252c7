//! From the tables of a scenario to a [`Plan`]: what the values mean to each other.
//!
//! Every check points at the value that offends. Parts that do not depend on each other are all
//! checked, so that one reading shows most of what is wrong.
//!
//! Invariant: a plan comes out only if no mistake was noted, and then [`Config::check`] agrees with
//! it. Not here: types and syntax (`file.rs`, `value.rs`), ranges (`ranges.rs`).

mod inputs;
mod knobs;
mod lcores;
mod orders;
mod peers;
mod ports;
mod routes;
mod tc;

use super::Overrides;
use super::error::{Mistake, did_you_mean};
use super::file::{ScenarioFile, SnappedKind};
use super::ranges::Ranged;
use super::value::{At, Span, Text};
use crate::fault::Fault;
use crate::plan::{Plan, PortPlan, Snapped};
use dataplane::config::{Config, KniConfig, PortConfig};
use dataplane::{Nanos, Planted, PortId};
use ipnet::Ipv4Net;
use std::path::Path;

/// A device by its name: a port, or a VLAN device on one.
struct Device {
    name: String,
    addresses: Vec<Ipv4Net>,
}

/// What is known so far.
struct Builder<'a> {
    file: &'a ScenarioFile,
    dir: &'a Path,
    overrides: &'a Overrides,
    mistakes: Vec<Mistake>,
    /// Ports first, then the kernel sides of devices, then VLAN devices: the index is the `PortId`.
    devices: Vec<Device>,
    /// Physical ports first, then the kernel sides of devices.
    ports: Vec<PortConfig>,
    port_plans: Vec<PortPlan>,
    physical: usize,
    kni: Vec<KniConfig>,
}

/// How much of a scenario is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    All,
    /// What the box is told from the start: what else it loads later is not even read.
    Config,
}

/// The plan of `file`, whose relative paths start in `dir`.
pub(super) fn plan(
    file: &ScenarioFile,
    dir: &Path,
    overrides: &Overrides,
    part: Part,
) -> Result<Plan, Vec<Mistake>> {
    let mut builder = Builder {
        file,
        dir,
        overrides,
        mistakes: Vec::new(),
        devices: Vec::new(),
        ports: Vec::new(),
        port_plans: Vec::new(),
        physical: 0,
        kni: Vec::new(),
    };
    builder.ports();
    let lcores = builder.lcores();
    let icmp_redirect_core = builder.icmp_redirect_core();
    let routes = builder.routes();
    let (neighbours, mut commands) = builder.neighbours();
    commands.extend(builder.hellos(&lcores));
    let shaping = builder.shaping(&lcores);
    commands.extend(shaping.commands);
    let (iftraf, switches) = builder.iftraf();
    commands.extend(switches);
    commands.extend(builder.controls(&lcores));
    let (others, reloads) = builder.reloads(part);
    commands.extend(others);
    commands.sort_by_key(|command| command.at);
    let limits = builder.limits();
    let policy = builder.policy();
    let costs = builder.costs(&lcores);
    let inputs = builder.inputs();
    let peers = builder.peers();
    let until = builder.until();
    if !builder.mistakes.is_empty() {
        return Err(builder.mistakes);
    }
    let (ports, kni) = (builder.ports, builder.kni);
    let seed = overrides.seed.or(file.seed.as_ref().map(|s| s.value.0.0)).unwrap_or(0);
    let config = Config {
        ports,
        lcores,
        kni,
        routes,
        neighbours,
        qschs: shaping.qschs,
        classes: shaping.classes,
        icmp_redirect_core,
        iftraf,
        limits,
        policy,
        seed,
        planted: Planted::default(),
    };
    if let Err(error) = config.check() {
        // The checks above should have said it, with its place; this is the net below them.
        return Err(vec![Mistake::new(&(0..0), error.to_string(), "")]);
    }
    let plan = Plan {
        config,
        ports: builder.port_plans,
        costs,
        until,
        inputs,
        peers,
        commands,
        reloads,
        snapped: overrides.snapped.unwrap_or(snapped(file)),
        faults: Vec::new(),
        asked: overrides.asked.clone(),
    };
    if part == Part::Config { Ok(plan) } else { with_faults(plan, file, overrides) }
}

fn snapped(file: &ScenarioFile) -> Snapped {
    match file.snapped {
        Some(SnappedKind::Pad) | None => Snapped::Pad,
        Some(SnappedKind::Drop) => Snapped::Drop,
    }
}

/// A plan that is whole, and what goes wrong in it on purpose.
fn with_faults(
    mut plan: Plan,
    file: &ScenarioFile,
    overrides: &Overrides,
) -> Result<Plan, Vec<Mistake>> {
    let mistake = |at: &At<Text<Fault>>| {
        let why = at.value.0.check(&plan).err()?;
        Some(Mistake::new(&at.span, why, ""))
    };
    let mistakes: Vec<_> = file.faults.iter().filter_map(mistake).collect();
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    plan.faults.extend(file.faults.iter().map(|at| at.value.0.clone()));
    plan.faults.extend(overrides.faults.iter().cloned());
    Ok(plan)
}

impl Builder<'_> {
    fn mistake(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// Notes the mistake, if there is one.
    fn noted<T>(&mut self, result: Result<T, Mistake>) -> Option<T> {
        result.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    /// The number if it is in range, or `default` if there is none (or a bad one: that is noted).
    fn ranged<T: TryFrom<u64>>(
        &mut self,
        range: Ranged,
        number: Option<&At<u64>>,
        default: T,
    ) -> T {
        let Some(number) = number else { return default };
        match self.noted(range.check(number)) {
            Some(value) => T::try_from(value).unwrap_or(default),
            None => default,
        }
    }

    /// The device of this name, by which something is to be reached.
    fn device(&mut self, name: &At<String>) -> Option<PortId> {
        let at = self.devices.iter().position(|d| d.name == name.value);
        let found = self.found(at, name, "device")?;
        if let Some(kni) = self.kni.iter().find(|kni| kni.port == found) {
            let device = &self.devices[kni.device.index()].name;
            let message = format!("{} is the kernel side of {device}", name.value);
            self.mistake(Mistake::new(
                &name.span,
                message,
                format!("expected a device: `{device}`"),
            ));
            return None;
        }
        Some(found)
    }

    /// The physical port of this name.
    fn port(&mut self, name: &At<String>) -> Option<PortId> {
        let at = self.ports.iter().position(|p| p.name == name.value);
        self.found(at, name, "port")
    }

    fn found(&mut self, at: Option<usize>, name: &At<String>, what: &str) -> Option<PortId> {
        if let Some(id) = at.and_then(|at| u16::try_from(at).ok()) {
            return Some(PortId(id));
        }
        let known: Vec<&str> = match what {
            "port" => self.ports.iter().map(|p| p.name.as_str()).collect(),
            _ => self.devices.iter().map(|d| d.name.as_str()).collect(),
        };
        let message = format!("there is no {what} `{}`", name.value);
        let expected = format!("expected one of {}", quoted(&known));
        let help = did_you_mean(&name.value, &known);
        self.mistake(Mistake::new(&name.span, message, expected).maybe_help(help));
        None
    }

    fn until(&mut self) -> Option<Nanos> {
        let until = match &self.file.until {
            Some(until) if until.value.0 == Nanos::ZERO && self.overrides.until.is_none() => {
                let mistake = Mistake::new(&until.span, "the run stops before it starts", "");
                self.mistake(mistake.help("leave `until` away to run until all input is through"));
                None
            }
            Some(until) => Some(until.value.0),
            None => None,
        };
        self.overrides.until.or(until)
    }
}

/// "`a`, `b` and `c`".
fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match quoted.as_slice() {
        [] => "none: there are none".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The place of a header: where a table has nothing better to point at.
fn header<T>(table: &At<T>) -> &Span {
    &table.span
}
