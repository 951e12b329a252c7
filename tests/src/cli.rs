//! The command line, as a user meets it.

use insta::assert_snapshot;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The folder in which cargo puts this build: `…/debug` or `…/release`.
fn build_folder() -> PathBuf {
    // This test is …/<profile>/deps/box-<hash>.
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_path_buf()
}

/// The command `lockstep` of this build.
pub fn lockstep() -> PathBuf {
    let binary = build_folder().join("lockstep");
    assert!(binary.exists(), "build it first: cargo build -p sim (cargo x test does)");
    binary
}

/// The command of another build, which `cargo x test` makes and names.
pub fn other_build() -> Option<PathBuf> {
    let named = std::env::var_os("LOCKSTEP_OTHER_BUILD").map(PathBuf::from)?;
    assert!(named.exists(), "{} is named and not there", named.display());
    Some(named)
}

/// A fresh folder of this test's own.
pub fn folder(name: &str) -> PathBuf {
    let folder = build_folder().join("box-tests").join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs `lockstep` at the root of the repository.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(lockstep())
        .args(arguments)
        .current_dir(repository())
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

/// Runs a scenario with this binary and returns the folder that it leaves.
pub fn leave(binary: &Path, scenario: &Path, name: &str) -> PathBuf {
    let out = folder(name).join("out");
    let status = Command::new(binary)
        .args(["run".as_ref(), scenario.as_os_str(), "--out".as_ref(), out.as_os_str()])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    out
}

/// The files of a folder, by name.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// The exit code and what was said on the standard error, in which `name` stands for `path`.
pub fn said(arguments: &[&str], path: &Path, name: &str) -> String {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stderr).replace(path.to_str().unwrap(), name);
    format!("exit {}\n{}", output.status.code().unwrap_or(-1), text.trim_end())
}

#[test]
fn a_run_leaves_what_the_design_says_and_nothing_else() {
    let left = leave(&lockstep(), &repository().join("fixtures/scenarios/router.toml"), "leaves");
    let names: Vec<String> = files(&left).into_iter().map(|(name, _)| name).collect();
    assert_snapshot!(names.join("\n"), @"
    counters.txt
    events.jsonl
    manifest.json
    out.pcapng
    report.txt
    scenario.toml
    ticks.txt
    ");
}

#[test]
fn verify_says_that_nothing_differs_and_then_what_does() {
    let left = leave(&lockstep(), &repository().join("fixtures/scenarios/router.toml"), "verify");
    let dir = left.to_str().unwrap();
    assert_eq!(run(&["verify", dir]).status.code(), Some(0));
    let events = left.join("events.jsonl");
    let text = std::fs::read_to_string(&events).unwrap();
    let forged = text.replacen("\"event\":\"made\"", "\"event\":\"mode\"", 1);
    assert!(text != forged, "there is an event to forge");
    std::fs::write(&events, forged).unwrap();
    let output = run(&["verify", dir]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("lcore") && told.contains("tick"), "{told}");
}

#[test]
fn a_newcomer_with_a_capture_gets_to_a_run_in_two_commands() {
    let scenario = folder("newcomer").join("mine.toml");
    let scenario = scenario.to_str().unwrap();
    let capture = "pcaps/router-two-sides.pcapng";
    let made = run(&["scenario", "--from", capture, "-o", scenario]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let ran = run(&["run", scenario]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let report = String::from_utf8_lossy(&ran.stdout);
    assert!(report.contains("in ") && report.contains("= out "), "{report}");
}

#[test]
fn the_heap_and_dpdk_leave_the_same_files_but_for_their_names() {
    let scenario = "fixtures/scenarios/router.toml";
    let [heap, dpdk] = ["heap", "dpdk"].map(|backend| {
        let out = folder(backend).join("out");
        let ran = run(&["run", scenario, "--backend", backend, "--out", out.to_str().unwrap()]);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        files(&out)
    });
    for ((name, a), (other, b)) in heap.iter().zip(&dpdk) {
        assert_eq!(name, other);
        if name != "manifest.json" {
            assert!(a == b, "{name} differs");
        }
    }
}

#[test]
fn help_teaches_and_version_is_one_line() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for word in ["replay", "run", "verify", "decode", "scenario", "schema", "130"] {
        assert!(help.contains(word), "--help does not mention {word}:\n{help}");
    }
    assert_eq!(String::from_utf8(run(&["--version"]).stdout).unwrap().lines().count(), 1);
}

#[test]
fn exit_codes_are_those_of_the_manual() {
    let code = |arguments: &[&str]| run(arguments).status.code();
    assert_eq!(code(&["run", "fixtures/scenarios/router.toml"]), Some(0));
    assert_eq!(code(&["run"]), Some(2), "usage");
    assert_eq!(code(&["frobnicate"]), Some(2), "usage");
    assert_eq!(code(&["replay", "no-such-file.pcap"]), Some(3), "unreadable input");
    assert_eq!(code(&["verify", "no-such-folder"]), Some(3), "no such folder");
}

#[test]
fn ctrl_c_leaves_complete_files_up_to_the_event_at_hand() {
    interrupted("interrupted", "kill -INT $1");
}

#[test]
fn a_signal_that_comes_twice_at_once_is_one() {
    // As `timeout` sends it. Two kinds, so that the kernel does not make one of them.
    interrupted("interrupted-twice", "kill -INT $1; kill -TERM $1");
}

/// Runs an hour into a folder, ends it by what the shell does to process `$1`, and sees that its files are whole.
fn interrupted(name: &str, kill: &str) {
    let dir = folder(name);
    let out = dir.join("out");
    // An hour in which every idle tick is stepped takes minutes: the signal comes first.
    let mut child = Command::new(lockstep())
        .args(["run", "fixtures/scenarios/idle-hour.toml", "--no-skip", "--out"])
        .arg(&out)
        .current_dir(repository())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The files are begun just before the first event, and handlers are there long before.
    while std::fs::read_dir(&dir).unwrap().next().is_none() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        std::thread::yield_now();
    }
    // The shell's own kill: a small machine has no other.
    let killed =
        Command::new("sh").args(["-c", kill, "sh", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let manifest = std::fs::read_to_string(out.join("manifest.json")).unwrap();
    assert!(manifest.contains("\"ended\": \"interrupted\""), "{manifest}");
    let whole = |(name, bytes): (String, Vec<u8>)| {
        assert!(name == "out.pcapng" || name == "events.jsonl" || bytes.ends_with(b"\n"), "{name}");
    };
    files(&out).into_iter().for_each(whole);
}
