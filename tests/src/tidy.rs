//! The style rules that a program can check.

use crate::cli::repository;
use std::path::{Path, PathBuf};

/// Lines that a source file may have, without its tests.
const LINES_MAX: usize = 500;

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![repository()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(repository()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn is_test(path: &Path) -> bool {
    let path = path.to_string_lossy();
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("tests.rs")
}

#[test]
fn no_file_is_too_long_to_be_read_in_one_go() {
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().count();
        assert!(is_test(&path) || lines <= LINES_MAX, "{} has {lines} lines", path.display());
    }
}

#[test]
fn nothing_is_left_to_be_done_later() {
    let banned =
        ["TO", "FIX"].map(|start| format!("{start}{}", if start == "TO" { "DO" } else { "ME" }));
    for (path, text) in sources() {
        for word in &banned {
            assert!(!text.contains(word.as_str()), "{}: {word}", path.display());
        }
        for call in ["todo!(", "unimplemented!(", "dbg!("] {
            let own = path.ends_with("tests/src/tidy.rs");
            assert!(own || !text.contains(call), "{}: {call})", path.display());
        }
    }
}

#[test]
fn the_crates_depend_on_each_other_in_one_direction() {
    let uses = |krate: &str| -> Vec<String> {
        let manifest = repository().join(krate).join("Cargo.toml");
        let text = std::fs::read_to_string(manifest).unwrap();
        let table = text.split("[dependencies]").nth(1).unwrap_or_default();
        let table = table.split("\n[").next().unwrap_or_default();
        let ours = ["dataplane", "dpdk", "dpdk-sys", "fixtures", "sim", "tests"];
        let named = table.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        named.filter(|name| ours.contains(name)).map(str::to_owned).collect()
    };
    assert_eq!(uses("fixtures"), [""; 0]);
    assert_eq!(uses("fixtures/kernel"), ["dataplane", "fixtures", "sim"]);
    assert_eq!(uses("dataplane"), [""; 0]);
    assert_eq!(uses("dataplane/dpdk"), ["dataplane", "dpdk-sys"]);
    assert_eq!(uses("sim"), ["dataplane", "dpdk"]);
    assert_eq!(uses("tests"), ["dataplane", "fixtures", "sim"]);
    assert_eq!(uses("tests/checks"), ["dataplane", "fixtures", "sim"]);
}

#[test]
fn only_the_dpdk_crates_are_unsafe() {
    for (path, text) in sources() {
        let fenced = path.starts_with("dataplane/dpdk") || path.starts_with("dataplane/dpdk-sys");
        let blocks = text.contains("unsafe {") || text.contains("unsafe fn");
        let own = path.ends_with("tests/src/tidy.rs");
        assert!(fenced || own || !blocks, "{} has unsafe code", path.display());
    }
    for lib in [
        "dataplane/src/lib.rs",
        "fixtures/kernel/src/lib.rs",
        "sim/src/lib.rs",
        "tests/src/lib.rs",
        "tests/checks/src/lib.rs",
    ] {
        let text = std::fs::read_to_string(repository().join(lib)).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{lib}");
    }
}

#[test]
fn a_stage_never_calls_another() {
    // `path.rs` holds the only match over the steps; what stages share lies in env.rs and path.rs.
    // ICMP errors are made by whoever refuses a packet: `icmp` and the types of `ipv4` are used.
    for (stage, others) in [
        ("netif.rs", ["neigh::", "ipv4::", "icmp::"]),
        ("route.rs", ["neigh::", "ipv4::", "netif::"]),
    ] {
        let text = std::fs::read_to_string(repository().join("dataplane/src").join(stage)).unwrap();
        for other in others {
            assert!(!text.contains(&format!("crate::{other}")), "{stage} uses {other}");
        }
    }
}
