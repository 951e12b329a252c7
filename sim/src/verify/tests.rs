//! Runs that are repeated, and folders that somebody changed.

use super::*;
use crate::capture::{Frame, PcapngWriter};
use crate::cli::{Engine, Failure, Job, Verdict};
use crate::output::tests::TempDir;
use crate::plan::Pace;
use crate::run::Lockstep;
use crate::scenario::CaptureArg;
use fixtures::{ALICE, BOB, DUT_LAN, icmp_echo, udp};

const SCENARIO: &str = r#"
name = "two pings"
[[port]]
name = "lan"
mac = "02:00:00:00:00:01"
addresses = ["198.51.100.1/24"]
[[port]]
name = "wan"
addresses = ["192.0.2.1/24"]
"#;

/// A capture of four frames, and a run of it that has left its files.
struct Left {
    temp: TempDir,
}

impl Left {
    fn new(name: &str, backend: Backend) -> Left {
        Left::of(name, backend, SCENARIO, &[])
    }

    /// That of a scenario with other files beside it.
    fn of(name: &str, backend: Backend, scenario: &str, files: &[(&str, &str)]) -> Left {
        let left = Left { temp: TempDir::new(name) };
        for (name, text) in files {
            fs::write(left.temp.join(name), text).unwrap();
        }
        let mut writer = PcapngWriter::new(Vec::new(), &["lan"], None).unwrap();
        for n in 0..4 {
            let frame = if n < 2 { icmp_echo(ALICE, DUT_LAN) } else { udp(ALICE, BOB) };
            writer
                .write(&Frame {
                    interface: 0,
                    time: 1_700_000_000_000_000_000 + n * 1_000_000,
                    direction: None,
                    orig_len: None,
                    segments: &[&frame.build()],
                    comments: &[],
                })
                .unwrap();
        }
        fs::write(left.capture(), writer.finish().unwrap()).unwrap();
        let request = Request {
            file: "two-pings.toml".to_owned(),
            dir: left.temp.join(""),
            scenario: scenario.to_owned(),
            captures: vec![CaptureArg { port: Some("lan".to_owned()), path: left.capture() }],
            ..Request::default()
        };
        let scenario = request.plan().unwrap();
        let (pace, out) = (Pace::Skip, Some(left.dir()));
        let (control, bundle, progress) = (None, None, false);
        let job = Job { request, scenario, pace, backend, out, control, bundle, progress };
        let outcome = Lockstep.run(job, &AtomicBool::new(false)).unwrap();
        assert_eq!(outcome.verdict, Verdict::Clean);
        assert!(outcome.report.starts_with("two pings: 6.0"), "{}", outcome.report);
        assert!(outcome.report.contains("of virtual time, until all input was through"));
        assert!(outcome.report.contains("times as fast as real time"), "{}", outcome.report);
        left
    }

    fn dir(&self) -> PathBuf {
        self.temp.join("out")
    }

    fn capture(&self) -> PathBuf {
        self.temp.join("in.pcapng")
    }

    fn edit(&self, name: &str, edit: impl Fn(String) -> String) {
        let path = self.dir().join(name);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, edit(text)).unwrap();
    }

    fn verify(&self) -> Result<(Verdict, String), Failure> {
        let outcome = Lockstep.verify(&self.dir(), false, &AtomicBool::new(false))?;
        let left =
            fs::read_dir(self.temp.join("")).unwrap().map(|entry| entry.unwrap().file_name());
        let left = left.filter(|name| name.to_string_lossy().contains("verify"));
        assert_eq!(left.count(), 0);
        Ok((outcome.verdict, outcome.report))
    }
}

#[test]
fn the_same_run_is_the_same_through_either_fabric() {
    for (name, backend) in [("verify-heap", Backend::Heap), ("verify-dpdk", Backend::Dpdk)] {
        let (verdict, report) = Left::new(name, backend).verify().unwrap();
        assert_eq!(verdict, Verdict::Clean);
        assert!(report.starts_with("the same: every file, trace "), "{report}");
    }
}

#[test]
fn the_first_event_that_differs_is_named() {
    let left = Left::new("verify-event", Backend::Heap);
    left.edit("events.jsonl", |events| {
        let mut lines: Vec<_> = events.lines().map(str::to_owned).collect();
        lines[1] = lines[1].replace("\"len\":98", "\"len\":99");
        lines.join("\n") + "\n"
    });
    let (verdict, report) = left.verify().unwrap();
    assert_eq!(verdict, Verdict::Found);
    insta::assert_snapshot!(report, @r#"
    different: event 2, lcore 1, tick 1, job recv_fwd, packet 1
      was {"n":2,"t":10,"lcore":1,"tick":1,"job":"recv_fwd","event":"rx","pkt":1,"port":"lan","queue":0,"len":99}
      is  {"n":2,"t":10,"lcore":1,"tick":1,"job":"recv_fwd","event":"rx","pkt":1,"port":"lan","queue":0,"len":98}
    "#);

    left.edit("events.jsonl", |events| events.lines().take(1).map(|l| format!("{l}\n")).collect());
    let (verdict, report) = left.verify().unwrap();
    assert_eq!(verdict, Verdict::Found);
    assert!(report.contains("was nothing: the run has ended\n"), "{report}");
}

#[test]
fn a_change_in_any_other_file_is_found_too() {
    let left = Left::new("verify-files", Backend::Heap);
    for (name, was, is) in [
        ("ticks.txt", "idle", "busy"),
        ("counters.txt", "ipackets", "opackets"),
        ("report.txt", "two pings", "three pings"),
        ("manifest.json", "\"held\": 0", "\"held\": 1"),
    ] {
        left.edit(name, |text| text.replace(was, is));
        let (verdict, report) = left.verify().unwrap();
        assert_eq!(verdict, Verdict::Found, "{name}");
        assert!(report.starts_with("different: "), "{report}");
        let again = Left::new("verify-files-again", Backend::Heap);
        fs::copy(again.dir().join(name), left.dir().join(name)).unwrap();
    }
}

#[test]
fn another_configuration_is_named() {
    let scenario = format!("{SCENARIO}[[reload]]\nat = \"1ms\"\nfile = \"other.toml\"\n");
    let left = Left::of("verify-reload", Backend::Heap, &scenario, &[("other.toml", SCENARIO)]);
    let (verdict, report) = left.verify().unwrap();
    assert_eq!(verdict, Verdict::Clean, "{report}");

    // Also one that differs in what no event tells.
    fs::write(left.temp.join("other.toml"), format!("{SCENARIO}# the same\n")).unwrap();
    let (verdict, report) = left.verify().unwrap();
    assert_eq!(verdict, Verdict::Found);
    assert_eq!(report, "different: other.toml is not the configuration that was read\n");

    fs::remove_file(left.temp.join("other.toml")).unwrap();
    let (_, report) = left.verify().unwrap();
    assert_eq!(report, "different: other.toml is not the configuration that was read\n");
}

#[test]
fn another_input_is_named() {
    let left = Left::new("verify-input", Backend::Heap);
    let mut bytes = fs::read(left.capture()).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    fs::write(left.capture(), bytes).unwrap();
    let (verdict, report) = left.verify().unwrap();
    assert_eq!(verdict, Verdict::Found);
    assert!(report.ends_with("in.pcapng is not the file that was replayed\n"), "{report}");

    left.edit("scenario.toml", |text| text.replace("192.0.2.1", "192.0.2.2"));
    let (verdict, report) = left.verify().unwrap();
    assert_eq!(verdict, Verdict::Found);
    assert_eq!(report, "different: scenario.toml is not the scenario that was run\n");
}

#[test]
fn what_is_no_run_is_refused() {
    let left = Left::new("verify-none", Backend::Heap);
    left.edit("manifest.json", |text| text.replace("\"quiet\"", "\"interrupted\""));
    let error = left.verify().unwrap_err();
    assert!(matches!(&error, Failure::Usage(text) if text.contains("cannot be run again")));

    left.edit("manifest.json", |_| "{}".to_owned());
    let error = left.verify().unwrap_err();
    assert!(matches!(&error, Failure::Usage(text) if text.contains("is no manifest")));

    fs::remove_file(left.dir().join("manifest.json")).unwrap();
    let error = left.verify().unwrap_err();
    assert!(matches!(&error, Failure::Environment(text) if text.contains("cannot be read")));
}
