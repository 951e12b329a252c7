//! Scenario files: TOML in, a checked [`Plan`] out.
//!
//! A file is read in three steps: TOML and types (`file.rs`, `value.rs`, `text.rs`), then what the
//! values mean to each other (`build.rs`), then [`Config::check`](dataplane::Config::check) as the
//! net below. Every complaint points at bytes of the file; see [`ScenarioError`].
//!
//! Invariant: a [`Scenario`] that was read can be run, as far as files on disk stay as they are.
//! Not here: guessing a scenario from a capture (`guess.rs`), running one (`run.rs`).

mod build;
mod error;
mod file;
mod ranges;
mod request;
pub mod text;
mod value;

#[cfg(test)]
mod tests;

pub use error::{Problem, ScenarioError};
pub use ranges::{ALL as RANGES, Ranged};
pub use request::{CaptureArg, Request, RequestError};
pub(crate) use request::{shell, starts};

use crate::asked::Asked;
use crate::capture::CaptureInfo;
use crate::fault::Fault;
use crate::plan::{Ours, Plan, ReloadFile, Snapped, Timing};
use build::Part;
use dataplane::Nanos;
use dataplane::control::Reload;
use error::Mistake;
pub(crate) use error::did_you_mean;
use file::ScenarioFile;
use schemars::Schema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// A scenario that was read and found right.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, for reports.
    pub name: String,
    /// The text it was read from.
    pub text: String,
    /// What is to be run.
    pub plan: Plan,
}

/// What the command line says and the scenario need not. It survives a manifest as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "request::Words", into = "request::Words")]
pub struct Overrides {
    /// Instead of `seed`.
    pub seed: Option<u64>,
    /// Instead of `until`.
    pub until: Option<Nanos>,
    /// Instead of `snapped`.
    pub snapped: Option<Snapped>,
    /// Instead of each capture's `timing`.
    pub timing: Option<Timing>,
    /// Instead of each capture's `ours`, unless it is empty.
    pub ours: Vec<Ours>,
    /// What goes wrong on purpose.
    pub faults: Vec<Fault>,
    /// What the user calls a failure.
    pub asked: Vec<Asked>,
}

/// A scenario file that could not be turned into a plan.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file itself cannot be read.
    #[error("the scenario {file} cannot be read: {why}")]
    Unreadable {
        /// The file, as it was named.
        file: String,
        /// What the system says.
        why: std::io::Error,
    },
    /// It was read, and it is wrong.
    #[error(transparent)]
    Bad(#[from] ScenarioError),
}

impl Scenario {
    /// Reads the scenario file at `path`. Paths in it are relative to its directory.
    ///
    /// # Errors
    /// The file cannot be read, or something is wrong with it.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Scenario, LoadError> {
        let (file, text) = (path.display().to_string(), read_text(path)?);
        let dir = path.parent().unwrap_or(Path::new(""));
        Ok(Scenario::parse(&text, &file, dir, overrides)?)
    }

    /// Reads a scenario from its text. `file` is its name in errors, and names a scenario that
    /// does not name itself; paths in it are relative to `dir`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(
        text: &str,
        file: &str,
        dir: &Path,
        overrides: &Overrides,
    ) -> Result<Scenario, ScenarioError> {
        let wrong = |mistakes| ScenarioError::new(file, text, mistakes);
        let tables: ScenarioFile =
            toml::from_str(text).map_err(|e| wrong(vec![Mistake::from_toml(&e, text)]))?;
        let plan = build::plan(&tables, dir, overrides, Part::All).map_err(wrong)?;
        let stem = || Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = tables.name.or_else(stem).unwrap_or_default();
        Ok(Scenario { name, text: text.to_owned(), plan })
    }
}

/// The digest of a scenario's text, as a manifest has it: 64 bits of xxh3.
pub(crate) fn digest(text: &str) -> String {
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// The configuration in the scenario file `file`, relative to `dir`, to be put in the place of one
/// that is used; or what is wrong with it. What it loads itself, later, is not read. With `text`
/// the file is only a name.
pub(crate) fn reload(
    dir: &Path,
    file: &str,
    text: Option<&str>,
    overrides: &Overrides,
) -> (Reload, ReloadFile) {
    let path = dir.join(file);
    let text = match text {
        Some(text) => Ok(text.to_owned()),
        None => read_text(&path).map_err(|error| error.to_string()),
    };
    let xxh3_64 = text.as_deref().ok().map(digest);
    let config = || {
        let text = text?;
        let wrong = |mistakes| ScenarioError::new(file, &text, mistakes).to_string();
        let tables: ScenarioFile =
            toml::from_str(&text).map_err(|e| wrong(vec![Mistake::from_toml(&e, &text)]))?;
        build::plan(&tables, path.parent().unwrap_or(dir), overrides, Part::Config).map_err(wrong)
    };
    let config = config().map(|plan| plan.config).map_err(|why| why.replace('\n', "; "));
    let file = file.to_owned();
    (Reload { file: file.clone(), config }, ReloadFile { file, xxh3_64 })
}

/// Where the value of `until` stands in a scenario, if it has one.
pub(crate) fn until_span(text: &str) -> Option<std::ops::Range<usize>> {
    let tables: ScenarioFile = toml::from_str(text).ok()?;
    tables.until.map(|until| until.span)
}

/// Characters of a device's name.
const NAME_MAX: usize = 32;

/// Whether a device can be called that.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// The text of the scenario file at `path`.
fn read_text(path: &Path) -> Result<String, LoadError> {
    let file = path.display().to_string();
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(why) => return Err(LoadError::Unreadable { file, why }),
    };
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let mistake = Mistake::new(&(good..good + 1), "this is no UTF-8 text", "");
        let mistake =
            mistake.help("a scenario is a TOML file; a capture goes to `lockstep replay`");
        ScenarioError::new(&file, &String::from_utf8_lossy(&bytes), vec![mistake]).into()
    })
}

/// The JSON Schema of scenario files, as pretty JSON with a line end.
pub fn schema() -> String {
    let settings = schemars::generate::SchemaSettings::draft07();
    let mut schema = settings.into_generator().into_root_schema_for::<ScenarioFile>();
    drop_nulls(schema.as_object_mut());
    for range in RANGES {
        add_range(&mut schema, range);
    }
    let mut text = format!("{:#}", schema.to_value());
    text.push('\n');
    text
}

/// TOML has no null: a key is there or not. Takes out what `Option` adds.
fn drop_nulls(object: Option<&mut serde_json::Map<String, serde_json::Value>>) {
    use serde_json::Value;
    let Some(object) = object else { return };
    let null = Value::from("null");
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|t| *t != null);
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|c| c.get("type") != Some(&null));
        if let [only] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            // Draft 7 ignores what stands beside a $ref, so that it stays in a list of one.
            object.insert("allOf".to_owned(), Value::Array(vec![only]));
        }
    }
    for value in object.values_mut() {
        match value {
            Value::Object(inner) => drop_nulls(Some(inner)),
            Value::Array(list) => list.iter_mut().for_each(|v| drop_nulls(v.as_object_mut())),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Writes a range to its key.
fn add_range(schema: &mut Schema, range: &Ranged) {
    let pointer = match range.table {
        "scenario" => format!("/properties/{}", range.key),
        table => format!("/definitions/{table}/properties/{}", range.key),
    };
    if let Some(property) = schema.pointer_mut(&pointer).and_then(|p| p.as_object_mut()) {
        property.remove("format");
        property.insert("minimum".to_owned(), range.min.into());
        property.insert("maximum".to_owned(), range.max.into());
    }
}

/// The names of a capture's interfaces; of one without a name, its number.
fn interface_names(path: &Path) -> Result<Vec<String>, String> {
    let info = CaptureInfo::scan(path).map_err(|error| error.to_string())?;
    let named = info.interfaces.into_iter().enumerate();
    Ok(named.map(|(number, i)| i.name.unwrap_or_else(|| number.to_string())).collect())
}
