//! What a unit came to, as one line of JSON.
//!
//! A file of results is such lines, each written at once when its unit is through. Whatever ends the
//! writer, all lines but perhaps the last are whole.
//!
//! Invariant: a line says nothing of the machine, the time or the place at which it was written, but
//! for [`Line::again`], which names files as whoever asked for the run did. Not here: which lines
//! belong together (`merge.rs`).

use crate::bundle::Said;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The version of the lines.
pub const SCHEMA: u32 = 1;

/// How a unit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// No oracle has anything to say.
    Ok,
    /// Something is wrong.
    Fail,
    /// It was not run: already the run without faults is broken.
    Skip,
}

/// What a unit came to. The fields are written in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was built: the version of Lockstep, or what whoever asked called it.
    pub build: String,
    /// The scenario's name.
    pub scenario: String,
    /// The digest of all that decides the run but the seed: 16 hexadecimal digits.
    pub input: String,
    /// The seed.
    pub unit: u64,
    /// How it ended.
    pub status: Status,
    /// The digest of the trace; nothing if it panicked or was not run.
    pub trace: Option<String>,
    /// How many records the trace had.
    pub events: u64,
    /// What went wrong on purpose, if something is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<Said>,
    /// What was reached, in alphabetical order.
    pub coverage: Vec<String>,
    /// The command that has the run again, if something is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

/// What a line is about. Lines are in this order, so that the scenarios of one seed stand together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What was built.
    pub build: String,
    /// The seed.
    pub unit: u64,
    /// The scenario's name.
    pub scenario: String,
    /// The digest of its input.
    pub input: String,
}

impl Line {
    /// What it is about.
    pub fn key(&self) -> Key {
        let Line { build, unit, scenario, input, .. } = self;
        let (build, scenario, input) = (build.clone(), scenario.clone(), input.clone());
        Key { build, unit: *unit, scenario, input }
    }

    /// The line, with its end.
    pub fn text(&self) -> String {
        // Texts and numbers are always JSON.
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// A file of results that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is none of ours.
    #[error("{}:{line}: this is no result of `lockstep swarm`: {why}", path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

/// How much of a file there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Whole lines.
    pub lines: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Whether the last line was cut short. It is left out.
    pub torn: bool,
}

/// Reads a file of results, and gives each line to `take`.
///
/// # Errors
/// It cannot be read, or a line that is whole is none of ours.
pub fn read(path: &Path, mut take: impl FnMut(Line)) -> Result<Extent, LineError> {
    let cannot = |source| LineError::Read { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(cannot)?);
    let mut extent = Extent::default();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let len = reader.read_until(b'\n', &mut bytes).map_err(cannot)?;
        if bytes.last() != Some(&b'\n') {
            extent.torn = len > 0;
            return Ok(extent);
        }
        let number = extent.lines + 1;
        let bad = |why: String| LineError::Bad { path: path.to_owned(), line: number, why };
        let line: Line = serde_json::from_slice(&bytes).map_err(|why| bad(why.to_string()))?;
        if line.schema != SCHEMA {
            let why = format!("its schema is {}, and this version reads {SCHEMA}", line.schema);
            return Err(bad(why));
        }
        take(line);
        extent.lines += 1;
        extent.bytes += len as u64;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A line about `unit`.
    pub fn line(unit: u64, status: Status) -> Line {
        let failed = status == Status::Fail;
        let said = Said { oracle: "packets".to_owned(), why: "not conserved: in 3".to_owned() };
        Line {
            schema: SCHEMA,
            build: "0.1.0".to_owned(),
            scenario: "router".to_owned(),
            input: format!("{:016x}", 7),
            unit,
            status,
            trace: Some(format!("{unit:016x}")),
            events: 100 + unit % 1000,
            faults: if failed { vec!["alloc:3".to_owned()] } else { Vec::new() },
            breaches: if failed { vec![said] } else { Vec::new() },
            coverage: vec!["counter:made".to_owned(), "drop:ttl_exceeded".to_owned()],
            again: failed.then(|| format!("lockstep run router.toml --seed {unit}")),
        }
    }

    fn file(name: &str, bytes: &[u8]) -> PathBuf {
        let name = format!("lockstep-swarm-line-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn a_line_is_written_as_it_is_read() {
        let lines = [line(1, Status::Ok), line(u64::MAX, Status::Fail)];
        let text: String = lines.iter().map(Line::text).collect();
        insta::assert_snapshot!(text, @r#"
        {"schema":1,"build":"0.1.0","scenario":"router","input":"0000000000000007","unit":1,"status":"ok","trace":"0000000000000001","events":101,"coverage":["counter:made","drop:ttl_exceeded"]}
        {"schema":1,"build":"0.1.0","scenario":"router","input":"0000000000000007","unit":18446744073709551615,"status":"fail","trace":"ffffffffffffffff","events":715,"faults":["alloc:3"],"breaches":[{"oracle":"packets","why":"not conserved: in 3"}],"coverage":["counter:made","drop:ttl_exceeded"],"again":"lockstep run router.toml --seed 18446744073709551615"}
        "#);
        let path = file("same", text.as_bytes());
        let mut back = Vec::new();
        let extent = read(&path, |line| back.push(line)).unwrap();
        assert_eq!(back, lines);
        assert_eq!(extent, Extent { lines: 2, bytes: text.len() as u64, torn: false });
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn wherever_the_last_line_is_cut_the_others_are_whole() {
        let (first, second) = (line(1, Status::Ok).text(), line(2, Status::Fail).text());
        for cut in 0..second.len() {
            let path = file("torn", format!("{first}{}", &second[..cut]).as_bytes());
            let mut units = Vec::new();
            let extent = read(&path, |line| units.push(line.unit)).unwrap();
            assert_eq!(units, [1]);
            assert_eq!(extent, Extent { lines: 1, bytes: first.len() as u64, torn: cut > 0 });
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn what_is_no_result_is_refused_by_its_line() {
        let good = line(1, Status::Ok).text();
        for (bad, why) in [
            ("\n".to_owned(), ":2: this is no result of `lockstep swarm`: EOF"),
            ("{}\n".to_owned(), ":2: this is no result of `lockstep swarm`: missing field"),
            (
                good.replace("\"schema\":1", "\"schema\":2"),
                "its schema is 2, and this version reads 1",
            ),
        ] {
            let path = file("bad", format!("{good}{bad}{good}").as_bytes());
            let error = read(&path, |_| ()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            std::fs::remove_file(path).unwrap();
        }
        let error = read(Path::new("not/there.jsonl"), |_| ()).unwrap_err().to_string();
        assert!(error.starts_with("not/there.jsonl: cannot be read: "), "{error}");
    }
}
