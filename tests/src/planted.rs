//! The defects that can be planted: each is somewhere in the dataplane, each is a known one, and the
//! page that says what was found has a row for each.

use crate::cli::repository;
use dataplane::{Defect, Planted};
use std::fs;
use std::path::Path;

/// All that the dataplane is made of, but for the list of defects and for tests.
fn sources(folder: &Path) -> String {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    let text = entries.into_iter().map(|path| match path {
        path if path.is_dir() => sources(&path),
        path if path.ends_with("planted.rs") || path.ends_with("tests.rs") => String::new(),
        path => fs::read_to_string(path).unwrap(),
    });
    text.collect()
}

#[test]
fn each_defect_has_its_place_in_the_dataplane() {
    let sources = sources(&repository().join("dataplane/src"));
    for defect in Defect::ALL {
        let name = format!("Defect::{defect:?}");
        let ends = |(at, _): (usize, &str)| {
            !sources[at + name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        assert!(sources.match_indices(&name).any(ends), "{name} is nowhere");
    }
}

#[test]
fn each_defect_is_a_known_one_or_a_classic() {
    let page = fs::read_to_string(repository().join("tests/defects.md")).unwrap();
    for defect in Defect::ALL {
        let (name, class) = (defect.name(), defect.class());
        let known = class == "classic" || page.contains(&format!("\n| {class} | "));
        assert!(known, "{name}: {class} is no row of tests/defects.md");
    }
}

#[test]
fn a_normal_build_has_no_defect_planted_and_no_room_for_one() {
    assert_eq!(size_of::<Planted>(), 0);
    assert!(Defect::ALL.into_iter().all(|defect| !Planted::default().is(defect)));
}

#[test]
fn the_scoreboard_has_a_row_for_each_defect() {
    let page = fs::read_to_string(repository().join("docs/scoreboard.md")).unwrap();
    for defect in Defect::ALL {
        assert!(page.contains(&format!("\n{:<23} ", defect.name())), "{defect} has no row");
    }
}
