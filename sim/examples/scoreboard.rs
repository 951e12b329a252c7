//! Plants one defect after the other in the dataplane, and says what found it. `cargo x scoreboard`
//! builds and runs it, in the top folder of the repository.
//!
//! Not here: the course that each defect is sent over (`sim::scoreboard`).

use dataplane::Defect;
use serde_json::{Value, json};
use sim::scenario::{CaptureArg, Request};
use sim::scoreboard::{Course, Noticed, Row, Scene, Smallest};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

type Failure = Box<dyn Error>;

/// Folders of scenarios, in the order in which they are tried: those of one thing each come first.
const FOLDERS: [&str; 2] = ["fixtures/small", "fixtures/scenarios"];
/// It has no input of its own: what it replays.
const REPLAYED: (&str, &str) = ("demo", "pcaps/router-two-sides.pcapng");

struct Asked {
    seeds: u64,
    every: usize,
    shrink: u64,
    only: Vec<Defect>,
    json: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let asked = match read(&words) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("scoreboard: {why}");
            return ExitCode::from(2);
        }
    };
    // A panic is what some defects come to; it is in the table.
    std::panic::set_hook(Box::new(|_| {}));
    match show(&asked) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("scoreboard: {error}");
            ExitCode::from(3)
        }
    }
}

fn read(words: &[String]) -> Result<Asked, String> {
    let mut asked = Asked { seeds: 20, every: 1, shrink: 2000, only: Vec::new(), json: false };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--json" => asked.json = true,
            "--every" => {
                let number = rest.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                asked.every = number.ok_or("--every wants a number from 1")?;
            }
            "--seeds" => {
                let number = rest.next().and_then(|n| n.parse().ok());
                asked.seeds = number.ok_or("--seeds wants a number")?;
            }
            "--shrink" => {
                let number = rest.next().and_then(|n| n.parse().ok());
                asked.shrink = number.ok_or("--shrink wants a number of runs")?;
            }
            "--only" => {
                asked.only.push(rest.next().ok_or("--only wants the name of a defect")?.parse()?);
            }
            other => {
                return Err(format!(
                    "{other}: unknown, expected --seeds, --every, --shrink, --only or --json"
                ));
            }
        }
    }
    Ok(asked)
}

fn show(asked: &Asked) -> Result<ExitCode, Failure> {
    let course = Course::new(scenes()?, asked.every, asked.seeds)?;
    for alarm in course.alarms() {
        eprintln!("false alarm: {}: {}", alarm.at, alarm.breach);
    }
    let mut alarms = course.alarms().len();
    eprintln!("{} runs without a defect, {alarms} alarms\n", course.runs());
    if !asked.json {
        println!("{HEAD}");
    }
    let wanted = |defect: &Defect| asked.only.is_empty() || asked.only.contains(defect);
    let mut rows = Vec::new();
    for defect in Defect::ALL.into_iter().filter(wanted) {
        let row = course.run(defect)?;
        let smallest = if asked.shrink > 0 { course.smallest(&row, asked.shrink)? } else { None };
        match asked.json {
            true => println!("{}", as_json(&row, smallest.as_ref())),
            false => println!("{}", line(&row, smallest.as_ref())),
        }
        for alarm in smallest.iter().flat_map(|smallest| &smallest.alarms) {
            eprintln!("false alarm: {}: {}", alarm.at, alarm.breach);
            alarms += 1;
        }
        rows.push(row);
    }
    if !asked.json {
        println!("\n{}", summary(&rows));
    }
    Ok(ExitCode::from(u8::from(alarms > 0)))
}

fn scenes() -> Result<Vec<Scene>, Failure> {
    let mut scenes = Vec::new();
    for folder in FOLDERS {
        let files = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
        let mut files = files.collect::<Result<Vec<PathBuf>, _>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        for file in files {
            scenes.push(Scene::of(load(&file)?)?);
        }
    }
    Ok(scenes)
}

fn load(file: &Path) -> Result<Request, Failure> {
    let (stem, capture) = REPLAYED;
    let mut request = Request::from_file(file)?;
    if file.file_stem().is_some_and(|name| name == stem) {
        request.captures.push(CaptureArg { port: None, path: capture.into() });
    }
    Ok(request)
}

/// The names of the columns.
const HEAD: &str = "defect                  class     digest  runs seeds       ms  frames faults  first                  oracles";

/// A row of the table.
fn line(row: &Row, smallest: Option<&Smallest>) -> String {
    let Row { defect, found, digest, runs } = row;
    let at = found.as_ref().map(|(_, at)| at).or(digest.as_ref());
    let oracles = if found.is_some() { row.oracles().join(" ") } else { "-".to_owned() };
    let runs = at.map_or(*runs, |at| at.runs);
    let seeds = at.map_or(0, |at| at.seeds);
    let ms = at.map_or(String::from("-"), |at| format!("{:.1}", at.real.as_secs_f64() * 1e3));
    let first = at.map_or("never reached", |at| at.at.as_str());
    let differs = if digest.is_some() { "other" } else { "same" };
    let (frames, faults) = smallest.map_or(("-".to_owned(), "-".to_owned()), |smallest| {
        // It may not be the smallest, if there were no more runs.
        let more = if smallest.stopped { "+" } else { "" };
        (format!("{}{more}", smallest.size.frames), smallest.size.faults.to_string())
    });
    let (name, class) = (defect.name(), defect.class());
    format!(
        "{name:<23} {class:<9} {differs:<6} {runs:>5} {seeds:>5} {ms:>8}  {frames:>6} {faults:>6}  \
         {first:<22} {oracles}"
    )
}

fn summary(rows: &[Row]) -> String {
    let all = rows.len();
    let found = rows.iter().filter(|row| row.found.is_some()).count();
    let noticed = rows.iter().filter(|row| row.found.is_none() && row.digest.is_some()).count();
    format!(
        "{found} of {all} found by an oracle; {noticed} more change a digest, which a snapshot would \
         notice; {} never reached",
        all - found - noticed
    )
}

fn as_json(row: &Row, smallest: Option<&Smallest>) -> Value {
    let ms = |real: Duration| u64::try_from(real.as_millis()).unwrap_or(u64::MAX);
    let noticed = |noticed: &Noticed| {
        let Noticed { at, runs, seeds, real, .. } = noticed;
        json!({ "at": at, "runs": runs, "seeds": seeds, "ms": ms(*real) })
    };
    let found = row.found.as_ref().map(|(breaches, at)| {
        let why: Vec<String> = breaches.iter().map(ToString::to_string).collect();
        json!({ "oracles": row.oracles(), "why": why, "first": noticed(at) })
    });
    let smallest = smallest.map(|smallest| {
        let Smallest { oracle, size, runs, stopped, real, .. } = smallest;
        json!({
            "oracle": oracle,
            "frames": size.frames,
            "bytes": size.bytes,
            "faults": size.faults,
            "lcores": size.lcores,
            "tables": size.tables,
            "runs": runs,
            "stopped": stopped,
            "ms": ms(*real),
        })
    });
    json!({
        "defect": row.defect.name(),
        "class": row.defect.class(),
        "what": row.defect.explain(),
        "found": found,
        "smallest": smallest,
        "digest": row.digest.as_ref().map(noticed),
        "runs": row.runs,
    })
}
