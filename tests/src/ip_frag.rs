//! A second reassembler: DPDK's librte_ip_frag is given the fragments that we are given, and what
//! the two make of them is compared byte for byte.
//!
//! Every difference is explained by rules in which the two differ (`rules`), and docs/conformance.md
//! has a row for each rule, for each case below, and for each capture with fragments. The test fails
//! on a difference that the rules do not explain, on a rule that no case shows, and on a row that is
//! missing or is there for nothing.
//!
//! Captures are those of `pcaps`, and those that `captures` finds. Where there are none, the test
//! says that they were skipped.

mod rules;
mod sides;

use crate::captures;
use crate::cli::repository;
use fixtures::{ALICE, DUT_LAN, fragments, ipv4};
use proptest::prelude::*;
use rules::{Class, Model};
use sides::{Arrival, Made, Setup, ours, theirs};
use sim::capture::CaptureReader;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

const MS: u64 = 1_000_000;

/// The second that DPVS waits, and more room than any case needs.
const SETUP: Setup = Setup { age: 1000 * MS, datagrams: 1024 };

/// Rules and the fragments that show them: offset, `+`, length, `M` for more fragments or `L` for the
/// last; then what is not as usual, times in milliseconds.
const CASES: [(&str, &str); 24] = [
    ("protocol", "0+16M,proto=17 16+8L,proto=253 16+8L,proto=17"),
    ("protocol, duplicate", "0+16M,proto=17 0+16M,proto=253 16+8L,proto=253 16+8L,proto=17"),
    ("", "0+8M 8+8M 16+8M 24+8M 32+8M 40+8M 48+8M 56+8L"),
    ("eight fragments", "0+8M 8+8M 16+8M 24+8M 32+8M 40+8M 48+8M 56+8M 64+8L"),
    ("duplicate", "0+16M 0+16M 16+8L"),
    ("duplicate", "0+16M 32+8L 32+8L 16+16M"),
    ("duplicate", "0+8M 8+8M 8+8M 16+8L"),
    ("duplicate", "0+32M 8+8M 32+8L"),
    ("", "0+16M 16+8L 16+8L"),
    ("overlap", "0+24M 16+16M 0+16M 16+8L"),
    ("", "0+16M 8+16M 24+8L"),
    ("end", "0+8M 24+8L 40+8M 0+8M 8+16M 24+8L"),
    ("", "0+24M 8+8L 0+24M 24+8L"),
    ("", "16+16L 16+8L 0+16M 16+16L"),
    ("empty", "0+16M 16+0M 16+8L"),
    ("empty", "0+16M 16+0L 16+8L"),
    ("blocks", "0+20M 16+8L"),
    ("", "0+16M 20000+8L"),
    ("oversize", "0+65512M 65512+100L"),
    ("oversize", "0+65512M 65512+100L 65512+3L"),
    ("ecn", "0+16M,ecn=1 16+8L,ecn=3"),
    ("ecn", "0+16M,ecn=0 16+8L,ecn=1"),
    ("instant", "0+16M 16+8L,at=1000"),
    ("full", "0+16M,id=1 0+16M,id=2 0+16M,id=3 16+8L,id=1 16+8L,id=3"),
];

/// Rooms of the case `full`.
const FULL: Setup = Setup { datagrams: 2, ..SETUP };

fn arrivals(script: &str) -> Vec<Arrival> {
    let mut at = 0;
    let word = |word: &str| {
        let (part, rest) = word.split_once(',').unwrap_or((word, ""));
        let (offset, len) = part.split_once('+').unwrap();
        let (len, last) = (&len[..len.len() - 1], len.ends_with('L'));
        let with = |name: &str| {
            let value = rest.split(',').find_map(|with| with.strip_prefix(name)?.strip_prefix('='));
            value.map(|value| value.parse::<u16>().unwrap())
        };
        at = with("at").map_or(at, |ms| u64::from(ms) * MS);
        let (offset, len): (u16, u16) = (offset.parse().unwrap(), len.parse().unwrap());
        let byte = |at: usize| u8::try_from((at + usize::from(offset)) % 251).unwrap();
        let data: Vec<u8> = (0..usize::from(len)).map(byte).collect();
        let [protocol, ecn] = ["proto", "ecn"].map(|of| with(of).map(|n| u8::try_from(n).unwrap()));
        let frame = ipv4(ALICE, DUT_LAN, protocol.unwrap_or(17), &data)
            .id(with("id").unwrap_or(1))
            .tos(ecn.unwrap_or(0))
            .offset(offset);
        Arrival::of(at, &if last { frame } else { frame.mf() }.build()).unwrap()
    };
    script.split(' ').map(word).collect()
}

fn model(like_dpdk: &[Class], setup: Setup, arrivals: &[Arrival]) -> Made {
    let mut model = Model::new(like_dpdk, setup.age, setup.datagrams);
    arrivals.iter().map(|arrival| model.take(arrival.at, &arrival.packet)).collect()
}

/// What both make of fragments, and the fewest rules that explain why it is not the same.
struct Compared {
    ours: Made,
    theirs: Made,
    classes: Vec<Class>,
}

fn compare(setup: Setup, arrivals: &[Arrival]) -> Result<Compared, String> {
    let (ours, theirs) = (ours(setup, arrivals), theirs(setup, arrivals));
    for (who, made, like_dpdk) in
        [("we are", &ours, &[][..]), ("librte_ip_frag is", &theirs, &Class::ALL)]
    {
        let expected = model(like_dpdk, setup, arrivals);
        if *made != expected {
            let (made, expected) = (said(made, &expected), said(&expected, made));
            return Err(format!("{who} not as the rules say: {made}, and not {expected}"));
        }
    }
    let mut classes = if ours == theirs { vec![] } else { Class::ALL.to_vec() };
    for class in Class::ALL {
        let fewer: Vec<Class> = classes.iter().copied().filter(|other| *other != class).collect();
        if fewer.len() < classes.len() && model(&fewer, setup, arrivals) == theirs {
            classes = fewer;
        }
    }
    Ok(Compared { ours, theirs, classes })
}

/// What was made: `3: 24 bytes` is what the third fragment completed. What the `other` made otherwise
/// of the same fragment is told in more words.
fn said(made: &Made, other: &Made) -> String {
    let one = |n: usize| {
        let (bytes, other) = (made[n].as_ref()?, &other[n]);
        let mut said = format!("{}: {} bytes", n + 1, bytes.len() - usize::from(bytes[0] & 15) * 4);
        if other.as_ref().is_some_and(|other| other != bytes) {
            let _ = write!(said, ", type of service {}", bytes[1]);
        }
        let length = usize::from(bytes[2]) << 8 | usize::from(bytes[3]);
        if length != bytes.len() {
            let _ = write!(said, ", total length {length}");
        }
        Some(said)
    };
    let all: Vec<String> = (0..made.len()).filter_map(one).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join("; ") }
}

fn listed(classes: &[Class]) -> String {
    classes.iter().map(Class::to_string).collect::<Vec<_>>().join(", ")
}

/// The section of the page.
fn page() -> String {
    let text = fs::read_to_string(repository().join("docs/conformance.md")).unwrap();
    let (_, section) = text.split_once("\n## librte_ip_frag\n").unwrap();
    section.split("\n## ").next().unwrap().to_owned()
}

/// Whether the page has these rows, and none other of their kind.
fn assert_rows(rows: &BTreeSet<String>, kind: impl Fn(&str) -> bool) {
    let page = page();
    let kept: BTreeSet<String> =
        page.lines().filter(|line| kind(line)).map(str::to_owned).collect();
    let missing: Vec<&str> = rows.difference(&kept).map(String::as_str).collect();
    let wrong: Vec<&str> = kept.difference(rows).map(String::as_str).collect();
    assert!(missing.is_empty(), "not in the table:\n{}", missing.join("\n"));
    assert!(wrong.is_empty(), "in the table for nothing:\n{}", wrong.join("\n"));
}

#[test]
fn each_rule_is_shown_by_a_case_and_explained() {
    let (mut rows, mut shown) = (BTreeSet::new(), BTreeSet::new());
    for (class, script) in CASES {
        let setup = if class == "full" { FULL } else { SETUP };
        let Compared { ours, theirs, classes } = compare(setup, &arrivals(script)).unwrap();
        assert_eq!(listed(&classes), class, "{script}");
        shown.extend(classes);
        let (here, there) = (said(&ours, &theirs), said(&theirs, &ours));
        rows.insert(format!("| `{script}` | {here} | {there} | {class} |").replace("|  |", "| |"));
    }
    let is_script = |line: &str| line.starts_with("| `") && line.contains('+');
    assert_rows(&rows, is_script);
    let page = page();
    for class in Class::ALL {
        assert!(shown.contains(&class), "no case shows the rule {class}");
        let row = page.lines().find(|line| line.starts_with(&format!("| {class} |"))).unwrap();
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
    }
}

/// The fragments in a capture; nothing if it is none of Ethernet. In captures of Linux they come when
/// they came; what the public ones hold was sent to Linux 10 µs apart, and so it is here.
fn fragments_of(path: &Path, recorded: bool) -> Vec<Arrival> {
    let mut found: Vec<Arrival> = Vec::new();
    let Ok(mut reader) = CaptureReader::open(path) else { return found };
    let (mut n, mut start, mut now) = (0, None, 0);
    while let Ok(Some(record)) = reader.next_record() {
        let since = record.time.saturating_sub(*start.get_or_insert(record.time));
        // A few of the recorded times run back by some microseconds.
        now = if recorded { since.max(now) } else { n * 10_000 };
        n += 1;
        found.extend(Arrival::of(now, record.data));
    }
    found
}

/// The recorded Linux waited 3 s, and so do both here.
const RECORDED: Setup = Setup { age: 3000 * MS, datagrams: 4096 };
/// The same for a datagram by itself, of whatever protocols.
const ONE: Setup = Setup { datagrams: 256, ..RECORDED };

/// The fragments with the same source, destination and identification, as long as they come within
/// the time that both wait: what one meets in either table.
fn datagrams(arrivals: &[Arrival]) -> Vec<Vec<Arrival>> {
    let mut all: BTreeMap<Vec<u8>, Vec<Vec<Arrival>>> = BTreeMap::new();
    for arrival in arrivals {
        let key = [&arrival.packet[4..6], &arrival.packet[12..20]].concat();
        let same = all.entry(key).or_default();
        match same.last_mut() {
            Some(last) if last[last.len() - 1].at + RECORDED.age >= arrival.at => {
                last.push(arrival.clone());
            }
            _ => same.push(vec![arrival.clone()]),
        }
    }
    all.into_values().flatten().collect()
}

/// What was made of the datagrams of a capture, or of a folder of them.
#[derive(Default)]
struct Tally {
    datagrams: usize,
    ours: usize,
    theirs: usize,
    differ: BTreeMap<String, usize>,
}

impl Tally {
    fn add(&mut self, arrivals: &[Arrival]) -> Result<(), String> {
        // All together, as they came; then each datagram by itself, for its rules.
        compare(RECORDED, arrivals)?;
        for datagram in datagrams(arrivals) {
            let Compared { ours, theirs, classes } = compare(ONE, &datagram)?;
            self.datagrams += 1;
            self.ours += ours.iter().flatten().count();
            self.theirs += theirs.iter().flatten().count();
            if !classes.is_empty() {
                *self.differ.entry(listed(&classes)).or_default() += 1;
            }
        }
        Ok(())
    }

    fn row(&self, name: &str) -> String {
        let differ: Vec<String> =
            self.differ.iter().map(|(classes, n)| format!("{classes} ({n})")).collect();
        let Tally { datagrams, ours, theirs, .. } = self;
        let differ = if differ.is_empty() { "nothing".to_owned() } else { differ.join("; ") };
        format!("| `{name}` | {datagrams} | {ours} | {theirs} | {differ} |")
    }
}

/// The rows of the captures in a folder and those below; the name of a row begins with `prefix`.
fn tally(folder: &Path, prefix: &str, rows: &mut BTreeMap<String, Tally>) -> Result<(), String> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        let name = format!("{prefix}/{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            tally(&path, &name, rows)?;
            continue;
        }
        let found = fragments_of(&path, !prefix.starts_with("public"));
        if !found.is_empty() {
            // Of a case there is a file; of the cases, a row.
            let row = if prefix.starts_with("linux") { prefix.to_owned() } else { name.clone() };
            rows.entry(row).or_default().add(&found).map_err(|why| format!("{name}: {why}"))?;
        }
    }
    Ok(())
}

#[test]
fn what_both_make_of_recorded_fragments_is_in_the_table() {
    let mut rows = BTreeMap::new();
    tally(&repository().join("pcaps"), "pcaps", &mut rows).unwrap();
    let folder = captures::folder();
    match &folder {
        Some(folder) => {
            for part in ["linux", "public"] {
                tally(&folder.join(part), part, &mut rows).unwrap();
            }
            // Linux joined as many of the public captures' as we do.
            let table = fs::read_to_string(folder.join("linux/05d-public-reassembly.tsv")).unwrap();
            for row in table.lines().skip(1).map(|row| row.split('\t').collect::<Vec<_>>()) {
                let ours = rows.get(&format!("public/{}", row[0])).map_or(0, |tally| tally.ours);
                assert_eq!(row[7], ours.to_string(), "{}: ReasmOKs", row[0]);
            }
        }
        None => {
            println!("other captures skipped: there is no folder (set LOCKSTEP_CAPTURES to one)");
        }
    }
    let told = rows.iter().map(|(name, tally)| tally.row(name)).collect();
    assert_rows(&told, |line| {
        line.starts_with("| `pcaps/")
            || folder.is_some() && ["| `linux/", "| `public/"].iter().any(|b| line.starts_with(b))
    });
}

proptest! {
    #[test]
    fn any_fragments_differ_by_these_rules_only(
        script in fragments(SETUP.age),
        full in prop::bool::weighted(0.2),
    ) {
        let mut now = 0;
        let arrivals: Vec<Arrival> = script
            .iter()
            .filter_map(|(after, frame)| {
                now += after;
                Arrival::of(now, &frame.build())
            })
            .collect();
        let compared = compare(if full { FULL } else { SETUP }, &arrivals);
        prop_assert!(compared.is_ok(), "{}", compared.err().unwrap_or_default());
    }
}
