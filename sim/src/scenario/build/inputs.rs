//! What arrives from outside: captures, and frames that the scenario spells out.

use super::super::error::{Mistake, did_you_mean};
use super::super::file::{FrameTable, InputTable, InterfaceName};
use super::super::value::At;
use super::{Builder, header, quoted};
use crate::plan::{CaptureInput, Input, PortPlan, Select, Source, Timing};
use dataplane::{Instant, Nanos, PortId};
use std::path::{Path, PathBuf};

impl Builder<'_> {
    pub(super) fn inputs(&mut self) -> Vec<Input> {
        let file = self.file;
        let mut inputs = Vec::new();
        for table in &file.input {
            let port = self.port(&table.value.port);
            if let Some(port) = port {
                self.takes_input(&table.value.port, port);
            }
            let source = match (&table.value.capture, &table.value.frames) {
                (Some(capture), None) => self.capture(&table.value, capture),
                (None, Some(frames)) => Some(self.frames(&table.value, frames)),
                (Some(_), Some(frames)) => {
                    let mistake =
                        Mistake::new(&frames.span, "`capture` and `frames` are both there", "");
                    self.mistake(mistake.help("make it two [[input]]s"));
                    None
                }
                (None, None) => {
                    let mistake = Mistake::new(header(table), "this input brings nothing", "");
                    self.mistake(
                        mistake.help("add capture = \"FILE\", or frames = [{ at = …, hex = … }]"),
                    );
                    None
                }
            };
            if let (Some(port), Some(source)) = (port, source) {
                inputs.push(Input { port, source });
            }
        }
        inputs
    }

    /// Only a ring port has a wire on which something can arrive.
    pub(super) fn takes_input(&mut self, name: &At<String>, port: PortId) {
        let (kind, help) = match &self.port_plans[port.index()] {
            PortPlan::Ring(_) => return,
            PortPlan::Pcap { .. } => ("pcap", "its capture is `rx` of the [[port]]"),
            PortPlan::Null { .. } => ("null", "its frames come by `rx_frame_len` of the [[port]]"),
        };
        let message = format!("port {} is of kind \"{kind}\" and has no wire", name.value);
        self.mistake(Mistake::new(&name.span, message, "expected a ring port").help(help));
    }

    fn frames(&mut self, table: &InputTable, frames: &At<Vec<FrameTable>>) -> Source {
        let foreign = [
            ("interface", table.interface.as_ref().map(|i| &i.span)),
            ("ours", table.ours.first().map(|o| &o.span)),
            ("timing", table.timing.as_ref().map(|t| &t.span)),
            ("start", table.start.as_ref().map(|s| &s.span)),
        ];
        for (key, span) in foreign {
            if let Some(span) = span {
                let message = format!("`{key}` is for captures: spelled out frames say their time");
                self.mistake(Mistake::new(span, message, ""));
            }
        }
        let when = |f: &FrameTable| Instant::from_nanos(f.at.0.get());
        let mut frames: Vec<(Instant, Vec<u8>)> =
            frames.value.iter().map(|f| (when(f), f.hex.0.0.clone())).collect();
        frames.sort_by_key(|(at, _)| *at);
        Source::Frames(frames)
    }

    fn capture(&mut self, table: &InputTable, capture: &At<String>) -> Option<Source> {
        let path = self.capture_path(capture)?;
        let interface = match &table.interface {
            Some(name) => Some(self.interface(&path, name)?),
            None => None,
        };
        let ours = match self.overrides.ours.as_slice() {
            [] => table.ours.iter().map(|o| o.value.0).collect(),
            given => given.to_vec(),
        };
        let timing = table.timing.as_ref().map_or(Timing::Recorded, |t| t.value.0);
        let start = table.start.as_ref().map_or(Nanos::ZERO, |s| s.value.0);
        Some(Source::Capture(CaptureInput {
            path,
            select: Select { interface, ours },
            timing: self.overrides.timing.unwrap_or(timing),
            start: Instant::from_nanos(start.get()),
        }))
    }

    /// The file that the scenario names, seen from where we are.
    pub(super) fn capture_path(&mut self, name: &At<String>) -> Option<PathBuf> {
        let path = self.dir.join(Path::new(&name.value));
        let why = match std::fs::metadata(&path) {
            Ok(about) if about.is_dir() => "it is a directory".to_owned(),
            Ok(_) => return Some(path),
            Err(error) => error.to_string(),
        };
        let message = format!("the capture {} cannot be read: {why}", path.display());
        let mut mistake = Mistake::new(&name.span, message, "");
        mistake.unreadable = true;
        self.mistake(mistake.help("the path is relative to the scenario file"));
        None
    }

    fn interface(&mut self, path: &Path, name: &At<InterfaceName>) -> Option<u32> {
        let names = match super::super::interface_names(path) {
            Ok(names) => names,
            Err(why) => {
                let message = format!("the interfaces of {} cannot be read: {why}", path.display());
                let mut mistake = Mistake::new(&name.span, message, "");
                mistake.unreadable = true;
                self.mistake(mistake);
                return None;
            }
        };
        let found = match &name.value {
            InterfaceName::Number(n) => Some(*n).filter(|n| (*n as usize) < names.len()),
            InterfaceName::Name(text) => {
                (0u32..).zip(&names).find(|(_, n)| *n == text).map(|(i, _)| i)
            }
        };
        if found.is_none() {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let (shown, help) = match &name.value {
                InterfaceName::Number(n) => (n.to_string(), None),
                InterfaceName::Name(text) => (format!("`{text}`"), did_you_mean(text, &known)),
            };
            let message = format!("{} has no interface {shown}", path.display());
            let expected = format!("it has {} of them: {}", names.len(), quoted(&known));
            self.mistake(Mistake::new(&name.span, message, expected).maybe_help(help));
        }
        found
    }
}
