//! A run that needs nothing but itself: a scenario without files, its frames, and what goes wrong.
//!
//! Captures are resolved to what really arrived, and when: which frames are input, padding of those
//! that were snapped, and timing are all decided. Configurations that are loaded later are taken in.
//!
//! Invariant: a case depends on no file, and on no option but those that it holds. Frames are in order
//! of time. Not here: how it is written (`bundle.rs`), and made smaller (`shrink.rs`).

use super::BundleError;
use crate::asked::Asked;
use crate::decode;
use crate::fault::Fault;
use crate::plan::{Input, Plan, PortPlan, Source};
use crate::scenario::{LoadError, Overrides, Request, Scenario};
use crate::source::{self, Spelled};
use dataplane::{Instant, Nanos, PortId};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use toml::{Table, Value};

/// A run that needs nothing but itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The scenario but for its inputs.
    pub tables: Table,
    /// What arrives, in the order of the scenario.
    pub inputs: Vec<CaseInput>,
    /// What goes wrong on purpose.
    pub faults: Vec<Fault>,
    /// What the user calls a failure.
    pub asked: Vec<Asked>,
}

/// What arrives at one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseInput {
    /// The port.
    pub port: String,
    /// The frames, in order of time.
    pub frames: Vec<(Instant, Vec<u8>)>,
}

impl Case {
    /// What a request comes to, and how many frames of captures were left out, since the port does
    /// not receive them: they are snapped and to be dropped, or too long.
    ///
    /// # Errors
    /// No plan can be made of it, an input cannot be read, or a port polls a capture itself.
    pub fn of(request: &Request) -> Result<(Case, u64), BundleError> {
        let Scenario { name, plan, .. } = request.plan()?;
        let polls = |port: &&PortPlan| matches!(port, PortPlan::Pcap { rx: Some(_) });
        if let Some(index) = plan.ports.iter().position(|port| polls(&port)) {
            return Err(BundleError::Polled(plan.config.ports[index].name.clone()));
        }
        let spelled = source::spell_out(&plan).map_err(crate::run::RunError::from)?;
        let left_out = spelled.iter().map(|input| input.left_out).sum();
        let input = |input: Spelled| CaseInput {
            port: plan.config.ports[input.port.index()].name.clone(),
            frames: input.frames,
        };
        let inputs = spelled.into_iter().map(input).collect();
        let tables = tables(request, &name)?;
        let asked = request.overrides.asked.clone();
        Ok((Case { tables, inputs, faults: plan.faults, asked }, left_out))
    }

    /// The whole scenario, as a file. What arrives is said in words beside the bytes.
    pub fn scenario(&self) -> String {
        // Tables of texts and numbers have no way to fail.
        let mut text = toml::to_string(&self.tables).unwrap_or_default();
        for CaseInput { port, frames } in &self.inputs {
            let port = Value::String(port.clone());
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\n[[input]]\nport = {port}\nframes = [");
            for (at, frame) in frames {
                let at = at.saturating_since(Instant::EPOCH);
                let _ = writeln!(text, "  # {}", comment(&decode::line(frame)));
                let _ = writeln!(text, "  {{ at = \"{at}\", hex = \"{}\" }},", hex(frame));
            }
            text.push_str("]\n");
        }
        text
    }

    /// The request that has it run.
    pub fn request(&self, file: &str) -> Request {
        Request {
            file: file.to_owned(),
            scenario: self.scenario(),
            overrides: self.overrides(),
            ..Request::default()
        }
    }

    /// What is said beside the scenario.
    pub fn overrides(&self) -> Overrides {
        let (faults, asked) = (self.faults.clone(), self.asked.clone());
        Overrides { faults, asked, ..Overrides::default() }
    }

    /// The plan without its inputs.
    ///
    /// # Errors
    /// The tables are wrong.
    pub(crate) fn bare_plan(&self) -> Result<Plan, LoadError> {
        let text = toml::to_string(&self.tables).unwrap_or_default();
        Ok(Scenario::parse(&text, "", Path::new(""), &self.overrides())?.plan)
    }

    /// What arrives, as a plan of this case has it. Nothing if there is no such port.
    pub(crate) fn plan_inputs(&self, plan: &Plan) -> Option<Vec<Input>> {
        let input = |CaseInput { port, frames }: &CaseInput| {
            let at = plan.config.ports.iter().position(|known| known.name == *port)?;
            let id = PortId(u16::try_from(at).ok()?);
            Some(Input { port: id, source: Source::Frames(frames.clone()) })
        };
        self.inputs.iter().map(input).collect()
    }
}

/// The tables of a request's scenario, with all that it names elsewhere taken in.
fn tables(request: &Request, name: &str) -> Result<Table, BundleError> {
    let Ok(file) = toml::from_str::<Table>(&request.scenario) else {
        unreachable!("a plan was made of it")
    };
    let mut tables = Table::new();
    tables.insert("name".to_owned(), Value::String(name.to_owned()));
    let Overrides { seed, until, .. } = &request.overrides;
    override_seed(&mut tables, *seed);
    if let Some(until) = until {
        tables.insert("until".to_owned(), Value::String(until.to_string()));
    }
    for (key, value) in file {
        let resolved = ["input", "snapped", "faults"].contains(&key.as_str());
        if !resolved && !tables.contains_key(&key) {
            tables.insert(key, value);
        }
    }
    if let Some(Value::Array(reloads)) = tables.get_mut("reload") {
        for reload in reloads.iter_mut().filter_map(Value::as_table_mut) {
            take_in(reload, &request.dir, *seed);
        }
    }
    Ok(tables)
}

fn override_seed(tables: &mut Table, seed: Option<u64>) {
    if let Some(seed) = seed {
        // As text: a number of TOML has 63 bits.
        tables.insert("seed".to_owned(), Value::String(seed.to_string()));
    }
}

/// Takes the text of a configuration in that is loaded later. One that cannot be read stays out: that
/// it cannot be read is then what happens. Inputs of it are not the box's.
fn take_in(reload: &mut Table, dir: &Path, seed: Option<u64>) {
    let file = reload.get("file").and_then(Value::as_str);
    let inside = reload.get("text").and_then(Value::as_str).map(str::to_owned);
    let text = inside.or_else(|| fs::read_to_string(dir.join(file?)).ok());
    let Some(text) = text else { return };
    let text = match toml::from_str::<Table>(&text) {
        Ok(mut tables) => {
            tables.remove("input");
            override_seed(&mut tables, seed);
            toml::to_string(&tables).unwrap_or(text)
        }
        // Broken as it is: that is what happens.
        Err(_) => text,
    };
    reload.insert("text".to_owned(), Value::String(text));
}

/// What can stand in a comment, of TOML or of a program.
pub(crate) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The time of the last frame of a case.
pub(crate) fn last_arrival(case: &Case) -> Nanos {
    let last = case.inputs.iter().filter_map(|input| input.frames.last()).map(|(at, _)| *at).max();
    last.unwrap_or(Instant::EPOCH).saturating_since(Instant::EPOCH)
}
