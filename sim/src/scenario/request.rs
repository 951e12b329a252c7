//! What somebody asked to be run: a scenario's text, captures, and options. Enough to ask again.
//!
//! A [`Request`] goes into the manifest of a run as it is, and comes back out of it for a second
//! run. Its captures take the place of what the scenario has for the ports that they feed.
//!
//! Invariant: the same request over the same files gives the same plan.

use super::text;
use super::{LoadError, Overrides, Scenario};
use crate::capture::{CaptureError, CaptureInfo, Times};
use crate::plan::{CaptureInput, Input, Ours, Plan, PortPlan, Select, Snapped, Source, Timing};
use dataplane::{Instant, Nanos, PortId};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is to be run, as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The scenario's file, as errors name it.
    pub file: String,
    /// The scenario's text.
    pub scenario: String,
    /// The directory from which paths in the scenario start.
    pub dir: PathBuf,
    /// Captures from the command line.
    pub captures: Vec<CaptureArg>,
    /// Options from the command line.
    pub overrides: Overrides,
}

/// A capture from the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureArg {
    /// The port that it is for; nothing: its interfaces say it, by name or by order.
    pub port: Option<String>,
    /// The file.
    pub path: PathBuf,
}

impl CaptureArg {
    /// As words of the command line, a space before them.
    pub(crate) fn words(&self) -> String {
        let path = self.path.display();
        match &self.port {
            Some(port) => format!(" --port {}", shell(&format!("{port}={path}"))),
            None => format!(" {}", shell(&path.to_string())),
        }
    }
}

/// A request from which no plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The scenario cannot be read, or is wrong.
    #[error(transparent)]
    Scenario(#[from] LoadError),
    /// A capture cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The captures do not fit the ports.
    #[error("{0}")]
    Ports(String),
}

impl Request {
    /// The scenario file at `path`, without captures or options.
    ///
    /// # Errors
    /// The file cannot be read, or is no text.
    pub fn from_file(path: &Path) -> Result<Request, LoadError> {
        Ok(Request {
            file: path.display().to_string(),
            scenario: super::read_text(path)?,
            dir: path.parent().unwrap_or(Path::new("")).to_owned(),
            ..Request::default()
        })
    }

    /// Makes the plan.
    ///
    /// # Errors
    /// Something in the scenario or the captures is wrong.
    pub fn plan(&self) -> Result<Scenario, RequestError> {
        let parsed = Scenario::parse(&self.scenario, &self.file, &self.dir, &self.overrides);
        let mut scenario = parsed.map_err(LoadError::from)?;
        let mut scanned = Vec::new();
        for capture in &self.captures {
            scanned.push(CaptureInfo::scan(&capture.path)?);
        }
        let mut fed = Vec::new();
        let mut unnamed = Vec::new();
        for ((capture, info), start) in self.captures.iter().zip(&scanned).zip(starts(&scanned)) {
            let start = self.scaled(start);
            match &capture.port {
                Some(name) => fed.push(self.named(&scenario.plan, name, &capture.path, start)?),
                None => unnamed.push((info, start)),
            }
        }
        self.unnamed(&scenario.plan, &unnamed, &mut fed)?;
        feed(&mut scenario.plan, fed);
        Ok(scenario)
    }

    /// When a capture starts that was recorded so long after the first one.
    fn scaled(&self, start: Nanos) -> Instant {
        let start = match self.overrides.timing {
            Some(Timing::Gap(_) | Timing::BackToBack) => 0,
            Some(Timing::Scaled { num, den }) => {
                let scaled = u128::from(start.get()) * u128::from(num) / u128::from(den);
                u64::try_from(scaled).unwrap_or(u64::MAX)
            }
            Some(Timing::Recorded) | None => start.get(),
        };
        Instant::from_nanos(start)
    }

    /// `--port NAME=FILE`.
    fn named(
        &self,
        plan: &Plan,
        name: &str,
        path: &Path,
        start: Instant,
    ) -> Result<Fed, RequestError> {
        let wrong =
            |why: String| RequestError::Ports(format!("--port {name}={}: {why}", path.display()));
        let Some((id, _)) = (0u16..).zip(&plan.config.ports).find(|(_, p)| p.name == name) else {
            let ports: Vec<&str> = plan.config.ports.iter().map(|p| p.name.as_str()).collect();
            let ports = ports.join(", ");
            return Err(wrong(format!("there is no port {name}; the scenario has {ports}")));
        };
        match plan.ports[usize::from(id)] {
            PortPlan::Null { .. } => Err(wrong("a null port receives no capture".to_owned())),
            PortPlan::Ring(_) | PortPlan::Pcap { .. } => {
                Ok(self.fed(plan, PortId(id), path, None, start))
            }
        }
    }

    /// Captures that do not say their port. Each interface feeds one ring port: the one of its
    /// name if any interface has the name of a port, else in order, port by port.
    fn unnamed(
        &self,
        plan: &Plan,
        captures: &[(&CaptureInfo, Instant)],
        fed: &mut Vec<Fed>,
    ) -> Result<(), RequestError> {
        let mut interfaces = Vec::new();
        for (info, start) in captures {
            let single = info.interfaces.len() < 2;
            for (number, interface) in (0u32..).zip(&info.interfaces) {
                let number = (!single).then_some(number);
                interfaces.push((info.path.as_path(), number, &interface.name, *start));
            }
        }
        let ring = |id: &u16| {
            let physical = !plan.config.is_kni(PortId(*id));
            physical && matches!(plan.ports[usize::from(*id)], PortPlan::Ring(_))
        };
        let ids = || (0u16..).take(plan.ports.len()).filter(ring);
        let port_named = |name: &Option<String>| {
            let name = name.as_deref()?;
            ids().find(|id| plan.config.ports[usize::from(*id)].name == name)
        };
        if interfaces.iter().any(|(_, _, name, _)| port_named(name).is_some()) {
            for (path, number, name, start) in &interfaces {
                if let Some(id) = port_named(name) {
                    fed.push(self.fed(plan, PortId(id), path, *number, *start));
                }
            }
            return Ok(());
        }
        let free: Vec<u16> = ids().filter(|id| fed.iter().all(|f| f.port != PortId(*id))).collect();
        if interfaces.len() > free.len() {
            return Err(RequestError::Ports(format!(
                "the captures have {} interfaces and the scenario has {} ring ports for them: say \
                 which file is for which port with --port NAME=FILE",
                interfaces.len(),
                free.len()
            )));
        }
        for (id, (path, number, _, start)) in free.iter().zip(&interfaces) {
            fed.push(self.fed(plan, PortId(*id), path, *number, *start));
        }
        Ok(())
    }

    fn fed(
        &self,
        plan: &Plan,
        port: PortId,
        path: &Path,
        interface: Option<u32>,
        start: Instant,
    ) -> Fed {
        // What the box's own addresses sent is no input. A capture of the box itself has such
        // frames; in one of somebody else's there are none.
        let ours = match self.overrides.ours.as_slice() {
            // What comes from our kernel is all ours, and input all the same.
            [] if plan.config.is_kni(port) => Vec::new(),
            [] => {
                let config = &plan.config.ports[port.index()];
                let mut macs = vec![config.mac];
                macs.extend(config.vlans.iter().filter_map(|v| v.mac));
                macs.dedup();
                macs.into_iter().map(Ours::Mac).collect()
            }
            given => given.to_vec(),
        };
        Fed {
            port,
            input: CaptureInput {
                path: path.to_owned(),
                select: Select { interface, ours },
                timing: self.overrides.timing.unwrap_or(Timing::Recorded),
                start,
            },
        }
    }
}

/// A capture and the port that it feeds.
struct Fed {
    port: PortId,
    input: CaptureInput,
}

/// When each capture starts, counted from the first of them. Captures that were recorded together,
/// so that their times overlap or are at most ten seconds apart, keep their distance; those that
/// were not all start at once.
pub(crate) fn starts(captures: &[CaptureInfo]) -> Vec<Nanos> {
    const APART: u64 = 10_000_000_000;
    let mut times: Vec<Times> = captures.iter().filter_map(|c| c.times).collect();
    times.sort_by_key(|t| t.min);
    let together = times.is_sorted_by(|a, b| b.min <= a.max.saturating_add(APART));
    let first = times.iter().map(|t| t.first).min().unwrap_or(0);
    let start = |c: &CaptureInfo| match c.times {
        Some(times) if together => Nanos::new(times.first.saturating_sub(first)),
        Some(_) | None => Nanos::ZERO,
    };
    captures.iter().map(start).collect()
}

/// Puts captures in the place of what the plan had for their ports.
fn feed(plan: &mut Plan, fed: Vec<Fed>) {
    plan.inputs.retain(|input| fed.iter().all(|f| f.port != input.port));
    for Fed { port, input } in fed {
        match &mut plan.ports[port.index()] {
            PortPlan::Pcap { rx } => *rx = Some(input.path),
            PortPlan::Ring(_) | PortPlan::Null { .. } => {
                plan.inputs.push(Input { port, source: Source::Capture(input) });
            }
        }
    }
}

impl Overrides {
    /// As options of the command line, a space before each.
    pub fn options(&self) -> String {
        let words = Words::from(self.clone());
        let mut options = String::new();
        let mut option = |name: &str, value: &str| {
            options.push_str(&format!(" --{name} {}", shell(value)));
        };
        if let Some(seed) = words.seed {
            option("seed", &seed.to_string());
        }
        let single = [("until", words.until), ("snapped", words.snapped), ("timing", words.timing)];
        for (name, value) in single {
            if let Some(value) = value {
                option(name, &value);
            }
        }
        words.ours.iter().for_each(|ours| option("ours", ours));
        words.faults.iter().for_each(|fault| option("fault", fault));
        words.asked.iter().for_each(|asked| option("fail-on", asked));
        options
    }
}

/// A word as a shell takes it: as it is, or in quotes if something in it would mean something.
pub(crate) fn shell(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// [`Overrides`] as text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    seed: Option<u64>,
    until: Option<String>,
    snapped: Option<String>,
    timing: Option<String>,
    ours: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
    #[serde(default, rename = "fail-on", skip_serializing_if = "Vec::is_empty")]
    asked: Vec<String>,
}

impl From<Overrides> for Words {
    fn from(o: Overrides) -> Words {
        Words {
            seed: o.seed,
            until: o.until.map(|u| u.to_string()),
            snapped: o.snapped.map(|s| match s {
                Snapped::Pad => "pad".to_owned(),
                Snapped::Drop => "drop".to_owned(),
            }),
            timing: o.timing.map(text::timing_text),
            ours: o.ours.into_iter().map(text::ours_text).collect(),
            faults: o.faults.iter().map(ToString::to_string).collect(),
            asked: o.asked.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<Words> for Overrides {
    type Error = String;

    fn try_from(words: Words) -> Result<Overrides, String> {
        Ok(Overrides {
            seed: words.seed,
            until: words.until.map(|u| text::duration(&u)).transpose()?,
            snapped: words.snapped.map(|s| text::snapped(&s)).transpose()?,
            timing: words.timing.map(|t| text::timing(&t)).transpose()?,
            ours: words.ours.iter().map(|o| text::ours(o)).collect::<Result<_, _>>()?,
            faults: words.faults.iter().map(|f| f.parse()).collect::<Result<_, _>>()?,
            asked: words.asked.iter().map(|a| a.parse()).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_in_quotes() {
        for plain in
            ["a/b-c_1.toml", "lan=x.pcap", "order:1@5ms", "event:made,what=echo", "rö.toml"]
        {
            assert_eq!(shell(plain), plain);
        }
        assert_eq!(shell("sp ace's/rö uter.toml"), r"'sp ace'\''s/rö uter.toml'");
        assert_eq!(["", "$x", "a;b", "*", "~"].map(shell), ["''", "'$x'", "'a;b'", "'*'", "'~'"]);
        let capture = |port: Option<&str>| CaptureArg {
            port: port.map(str::to_owned),
            path: "my cap.pcap".into(),
        };
        assert_eq!(capture(None).words(), " 'my cap.pcap'");
        assert_eq!(capture(Some("lan")).words(), " --port 'lan=my cap.pcap'");
    }
}
