//! A whole capture as lines: number, time, interface, direction, frame, comments.
//!
//! Times count from the first packet; in what Lockstep wrote they are virtual times as they stand.

use super::write_line;
use crate::capture::{
    CaptureError, CaptureInfo, CaptureReader, Direction, Format, Interface, Record,
};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// Which packets are shown. The default shows all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this interface, by name or by index.
    pub interface: Option<String>,
    /// Only from this packet on.
    pub from: Option<u64>,
    /// Only up to this packet.
    pub to: Option<u64>,
    /// Only packets whose line (comments included) has this text in it.
    pub containing: Option<String>,
}

/// What was decoded.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// What is known of the file.
    pub info: CaptureInfo,
    /// Packets shown.
    pub shown: u64,
}

/// Why a capture could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The capture cannot be used.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// No interface of the file has this name or index.
    #[error("{path}: has no interface {wanted:?}; it has {there}")]
    NoInterface {
        /// The file.
        path: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        there: String,
    },
    /// The lines cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// Widths of the columns, the same for all lines of a file.
struct Columns {
    number: usize,
    time: usize,
    names: Vec<String>,
    name: usize,
    arrows: bool,
    /// The time that is shown as zero.
    origin: u64,
}

/// Writes a line for each packet that the filter lets through, and one more where the file is cut.
pub fn decode_file(
    path: &Path,
    out: &mut dyn Write,
    filter: &Filter,
) -> Result<Decoded, DecodeError> {
    let info = CaptureInfo::scan(path)?;
    let columns = Columns::new(&info);
    let wanted = match &filter.interface {
        None => None,
        Some(wanted) => Some(columns.interfaces_of(wanted, path)?),
    };
    let mut reader = CaptureReader::open(path)?;
    let mut shown = 0;
    let mut text = String::new();
    while let Some(record) = reader.next_record()? {
        if filter.to.is_some_and(|to| record.index > to) {
            break;
        }
        let other = wanted.as_ref().is_some_and(|all| !all.contains(&record.interface));
        if other || filter.from.is_some_and(|from| record.index < from) {
            continue;
        }
        text.clear();
        // Writing to a String cannot fail.
        let _ = write_line(&mut text, record.data, record.orig_len);
        comments(&mut text, record.comments());
        if filter.containing.as_ref().is_some_and(|part| !text.contains(part)) {
            continue;
        }
        columns.start(out, &record)?;
        writeln!(out, "{text}")?;
        shown += 1;
    }
    if let Some(tail) = info.tail {
        writeln!(
            out,
            "the file ends inside a record: at offset {}, {} bytes of {}",
            tail.offset, tail.got, tail.needed
        )?;
    }
    Ok(Decoded { info, shown })
}

fn comments<'a>(text: &mut String, comments: impl Iterator<Item = std::borrow::Cow<'a, str>>) {
    let mut separator = "  [";
    for comment in comments {
        text.push_str(separator);
        text.push_str(&printable(&comment));
        separator = "; ";
    }
    if separator == "; " {
        text.push(']');
    }
}

/// Text of a file on one line, and without what would command a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The nanoseconds of a year.
const YEAR: u64 = 365 * 86_400 * 1_000_000_000;

impl Columns {
    fn new(info: &CaptureInfo) -> Columns {
        let name = |(index, interface): (usize, &Interface)| {
            interface.name.as_deref().map_or_else(|| index.to_string(), printable)
        };
        // A pcap file knows neither interfaces nor directions: it has no such columns.
        let names: Vec<String> = match info.format {
            Format::Pcap => Vec::new(),
            Format::Pcapng => info.interfaces.iter().enumerate().map(name).collect(),
        };
        let times = info.times.map_or((0, 0, 0), |times| (times.first, times.min, times.max));
        let (first, min, max) = times;
        // Virtual time begins at 1970: what lies within its first year was never on a real wire.
        let first = if max < YEAR { 0 } else { first };
        let mut columns = Columns {
            number: info.packets.to_string().len(),
            time: 0,
            name: names.iter().map(|name| name.chars().count()).max().unwrap_or(0),
            names,
            arrows: info.directed > 0,
            origin: first,
        };
        columns.time = columns.since_origin(min).len().max(columns.since_origin(max).len());
        columns
    }

    fn interfaces_of(&self, wanted: &str, path: &Path) -> Result<Vec<u32>, DecodeError> {
        let all = (0..).zip(&self.names);
        let found: Vec<u32> =
            all.filter(|(_, name)| *name == wanted).map(|(index, _)| index).collect();
        let index = wanted.parse().ok().filter(|index: &u32| (*index as usize) < self.names.len());
        match index {
            _ if !found.is_empty() => Ok(found),
            Some(index) => Ok(vec![index]),
            None => Err(DecodeError::NoInterface {
                path: path.display().to_string(),
                wanted: wanted.to_owned(),
                there: match self.names.as_slice() {
                    [] => "one without a name".to_owned(),
                    names => names.join(", "),
                },
            }),
        }
    }

    fn start(&self, out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
        let time = match record.timed {
            true => self.since_origin(record.time),
            false => "-".to_owned(),
        };
        let (index, number, width) = (record.index, self.number, self.time);
        write!(out, "{index:>number$}  {time:>width$}  ")?;
        if let Some(name) = self.names.get(record.interface as usize) {
            write!(out, "{name:<0$}  ", self.name)?;
        }
        if self.arrows {
            let arrow = match record.direction {
                Some(Direction::In) => '<',
                Some(Direction::Out) => '>',
                None => ' ',
            };
            write!(out, "{arrow}  ")?;
        }
        Ok(())
    }

    fn since_origin(&self, time: u64) -> String {
        let sign = if time < self.origin { "-" } else { "" };
        let span = time.abs_diff(self.origin);
        let mut text = String::new();
        let _ = write!(text, "{sign}{}.{:09}", span / 1_000_000_000, span % 1_000_000_000);
        text
    }
}
