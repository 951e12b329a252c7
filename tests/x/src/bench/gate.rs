//! `cargo x bench --gate`: instructions of fixed work, counted by callgrind.
//!
//! The count of one build is the same in every run and on every machine of one processor family: it
//! may guard a change where times may not. Another compiler makes other code, and so other counts.

use super::super::{Stop, root, say, setup};
use super::side::{bench, output};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The work that is counted, and what one item of it is.
const WORK: [(&str, &str); 5] = [
    ("replay", "packet"),
    ("replay-events", "packet"),
    ("forward", "packet"),
    ("warm", "scenario"),
    ("idle-hour", "hour"),
];

/// In percent, both ways: a gain that is not written down would hide a loss.
const TOLERANCE: f64 = 2.0;

const HEAD: &str = "\
# Instructions of the gate's workloads, per item, as `cargo x bench --gate --write` counted them.
";

pub(super) fn run(write: bool) -> Result<(), Stop> {
    setup::run()?;
    setup::valgrind()?;
    super::build()?;
    let folder = super::folder();
    fs::create_dir_all(&folder).map_err(|why| Stop::Step(folder.display().to_string(), why))?;
    let written = fs::read_to_string(numbers()).unwrap_or_default();
    let (mut text, mut good) = (format!("{HEAD}# {}\n", compiler()), true);
    for (name, item) in WORK {
        let counted = count(name)?;
        text += &format!("{name} {counted:.1}\n");
        let before = written.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let before: Option<f64> = before.filter_map(|number| number.trim().parse().ok()).next();
        let Some(before) = before else {
            println!("{name:<14} {counted:>12.1} instructions a {item}; no number is committed");
            good = false;
            continue;
        };
        let percent = (counted / before - 1.0) * 100.0;
        let within = percent.abs() <= TOLERANCE;
        good &= within;
        let verdict = if within { "" } else { "  NOT WITHIN 2 %" };
        println!(
            "{name:<14} {counted:>12.1} instructions a {item}, committed {before:.1}: \
             {percent:+.1} %{verdict}"
        );
    }
    if write {
        let path = numbers();
        return fs::write(&path, text).map_err(|why| Stop::Step(path.display().to_string(), why));
    }
    if good {
        return Ok(());
    }
    let theirs = written.lines().find_map(|line| line.strip_prefix("# rustc"));
    if let Some(theirs) = theirs.filter(|theirs| format!("rustc{theirs}") != compiler()) {
        eprintln!("the numbers are of rustc{theirs}; this is {}", compiler());
    }
    eprintln!("if the change is meant: cargo x bench --gate --write, and commit the numbers");
    Err(Stop::Code(1))
}

fn numbers() -> PathBuf {
    root().join("tests/x/src/bench/gate.txt")
}

/// Instructions of one item.
fn count(name: &str) -> Result<f64, Stop> {
    say(&format!("counting {name}"));
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.args(["--toggle-collect=*gate::counted*"]).arg(bench()).args(["count", name]);
    let done = command.current_dir(root()).stderr(Stdio::piped()).output();
    let done = done.map_err(|why| Stop::Step("valgrind".to_owned(), why))?;
    let (said, told) =
        (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let items: Option<f64> = said.split_whitespace().nth(1).and_then(|items| items.parse().ok());
    let counted = told.lines().find_map(|line| line.split("Collected :").nth(1));
    let counted: Option<f64> = counted.and_then(|number| number.trim().parse().ok());
    match (counted, items) {
        (Some(counted), Some(items)) if counted > 0.0 && items > 0.0 => Ok(counted / items),
        _ => {
            eprintln!("callgrind counted nothing:\n{told}");
            Err(Stop::Code(1))
        }
    }
}

/// `rustc 1.95.0 (…)`
fn compiler() -> String {
    let version = output(Command::new("rustc").arg("--version")).unwrap_or_default();
    version.trim().to_owned()
}
