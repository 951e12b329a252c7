//! `defects.md`, the table of the defects of DPVS: no defect is missing, no row is empty, and each
//! test is where its row says and names the defect.

use crate::cli::repository;
use std::collections::BTreeMap;
use std::fs;

/// The commits of DPVS that repaired a fault, or brought one.
const COMMITS: [&str; 31] = [
    "f9e7422e", "87fbf8dc", "843f76ca", "b1dbccf7", "1915057c", "56b4aefb", "07509fc4", "3fd183ba",
    "e6e7472b", "2fa96d4b", "8a66b06d", "add03669", "fa735d39", "ca6daf39", "15b71f09", "fcda8064",
    "67da73b8", "86cccb8e", "65f8d7ec", "c1478816", "8d7f05c5", "6480ef48", "23ec1226", "011df67f",
    "1b9b1df4", "06beb85e", "7102a7ab", "f5504c6a", "18459fc2", "d015e295", "c8b32f6d",
];

/// Lines above a test in which it may name a defect.
const ABOVE: usize = 6;

/// What a row says of a defect.
#[derive(Debug)]
enum Here<'a> {
    /// The test of this name in this file shows the right behaviour.
    Test { file: &'a str, name: &'a str },
    /// It cannot exist here, for this reason.
    Impossible(&'a str),
}

impl Here<'_> {
    fn read(text: &str) -> Option<Here<'_>> {
        if let Some(reason) = text.strip_prefix("cannot exist here: ") {
            return Some(Here::Impossible(reason));
        }
        let (file, name) = text.strip_prefix('`')?.strip_suffix('`')?.split_once("::")?;
        Some(Here::Test { file, name })
    }
}

fn page() -> String {
    fs::read_to_string(repository().join("tests/defects.md")).unwrap()
}

/// The id, what DPVS does, and what is said of it here: of each row, in the order of the page.
fn rows(page: &str) -> Vec<(&str, &str, Vec<&str>)> {
    let cells = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        Some(cells).filter(|cells| cells[0] != "id" && !cells[0].starts_with('-'))
    });
    cells.map(|cells| (cells[0], cells[1], cells[2].split("<br>").collect())).collect()
}

#[test]
fn every_defect_has_one_row_and_none_is_empty() {
    let known = (1..=102).map(|n| format!("B{n:02}"));
    let known: Vec<String> = known.chain(COMMITS.map(str::to_owned)).collect();
    let page = page();
    let rows = rows(&page);
    assert_eq!(rows.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), known);
    for (id, does, here) in rows {
        assert!(does.len() > 10, "{id}: what does DPVS do?");
        for text in here {
            match Here::read(text) {
                Some(Here::Impossible(reason)) => assert!(reason.len() > 10, "{id}: {reason}"),
                Some(Here::Test { .. }) => {}
                None => panic!("{id}: {text:?} is no test and no reason"),
            }
        }
    }
}

#[test]
fn every_test_that_the_table_names_is_there_and_names_the_defect() {
    let page = page();
    let mut sources = BTreeMap::new();
    for (id, _, here) in rows(&page) {
        for text in here {
            let Some(Here::Test { file, name }) = Here::read(text) else { continue };
            let source = sources.entry(file).or_insert_with(|| {
                let text = fs::read_to_string(repository().join(file));
                text.unwrap_or_else(|error| panic!("{id}: {file}: {error}"))
            });
            let test =
                test(source, name).unwrap_or_else(|| panic!("{id}: no test {name} in {file}"));
            assert!(names(&test, id), "{id}: {name} in {file} does not name it in a comment");
        }
    }
}

/// The lines of a test and those above it that belong to nothing else.
fn test<'a>(source: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let lines: Vec<&str> = source.lines().collect();
    let head = format!("fn {name}(");
    let at = lines.iter().position(|line| line.trim_start().starts_with(&head))?;
    let indent = lines[at].len() - lines[at].trim_start().len();
    let end = format!("{}}}", " ".repeat(indent));
    // A test of a state machine has no body.
    let len = match lines[at].ends_with(';') {
        true => 1,
        false => lines[at..].iter().position(|line| **line == end)?,
    };
    let above = &lines[at.saturating_sub(ABOVE)..at];
    // What is above the last blank line belongs to another test.
    let own = above.iter().rposition(|line| line.is_empty()).map_or(0, |blank| blank + 1);
    let is_test = above[own..].iter().any(|line| line.trim() == "#[test]");
    is_test.then(|| [&above[own..], &lines[at..at + len]].concat())
}

/// Whether a comment in these lines has the id as a word.
fn names(lines: &[&str], id: &str) -> bool {
    let comments = lines.iter().filter_map(|line| Some(line.split_once("//")?.1));
    let mut words = comments.flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()));
    words.any(|word| word == id)
}

#[test]
fn the_search_for_a_test_finds_its_comments_and_no_others() {
    let source = "\
// B01
#[test]
fn one() {
    // As B10 says.
}

// B100
#[test]
fn two() {}

machines! {
    // B03
    #[test]
    fn machine(sequential 1..9 => Table);
}

fn three() {
    // B02
}
";
    let one = test(source, "one").unwrap();
    assert!(names(&one, "B01") && names(&one, "B10"));
    assert!(!names(&one, "B1") && !names(&one, "B100"));
    assert!(names(&test(source, "machine").unwrap(), "B03"));
    assert!(test(source, "three").is_none(), "no test");
    assert!(test(source, "four").is_none(), "not there");
}
