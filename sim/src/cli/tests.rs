//! The command line without a dataplane behind it: words in, words and an exit code out.

mod swarm;

use super::*;
use crate::capture::{Frame, PcapngWriter};
use crate::plan::{Backend, Ours, Pace, Plan, PortPlan, Snapped, Source, Timing};
use crate::scenario::Overrides;
use crate::schedule::{Found, Strategy};
use crate::sweep::Kind;
use dataplane::{LcoreId, Mac, Nanos};
use std::fs;
use std::path::PathBuf;

const SCENARIO: &str = r#"
[[port]]
name = "lan"
mac = "02:00:00:00:00:01"
addresses = ["198.51.100.1/24"]
[[port]]
name = "wan"
mac = "02:00:00:00:00:02"
addresses = ["192.0.2.1/24"]
"#;

/// A time of 2023, in nanoseconds since 1970.
const NOVEMBER: u64 = 1_700_000_000_000_000_000;

/// An engine that notes what it was asked for.
#[derive(Default)]
struct Notes {
    job: Option<Job>,
    verified: Option<PathBuf>,
    faults: Option<Faults>,
    repro: Option<Repro>,
    shrink: Option<Shrink>,
    swarmed: Option<(Vec<Job>, Search)>,
    only: Vec<String>,
    slack: Option<Nanos>,
    answer: Option<Result<Verdict, Failure>>,
}

impl Notes {
    fn outcome(&mut self) -> Result<Outcome, Failure> {
        let verdict = self.answer.take().unwrap_or(Ok(Verdict::Clean))?;
        Ok(Outcome { report: "the report\n".to_owned(), verdict, lcores: Vec::new() })
    }
}

impl Engine for Notes {
    fn run(&mut self, job: Job, _: &AtomicBool) -> Result<Outcome, Failure> {
        self.job = Some(job);
        self.outcome()
    }

    fn sweep(&mut self, job: Job, faults: &Faults, _: &AtomicBool) -> Result<Outcome, Failure> {
        self.job = Some(job);
        self.faults = Some(faults.clone());
        self.outcome()
    }

    fn repro(&mut self, job: Repro, _: &AtomicBool) -> Result<Outcome, Failure> {
        self.repro = Some(job);
        self.outcome()
    }

    fn shrink(&mut self, job: Shrink, _: &AtomicBool) -> Result<Outcome, Failure> {
        self.shrink = Some(job);
        self.outcome()
    }

    fn swarm(
        &mut self,
        jobs: Vec<Job>,
        search: &Search,
        _: &AtomicBool,
    ) -> Result<Outcome, Failure> {
        self.swarmed = Some((jobs, search.clone()));
        self.outcome()
    }

    fn schedule(&mut self, _: &Job, by: Strategy, _: &AtomicBool) -> Result<Found, Failure> {
        let stall = if by == Strategy::Starve(LcoreId(1)) {
            "stall:1@1ms=30us"
        } else {
            "stall:1@2ms=30us"
        };
        Ok(Found { stalls: vec![stall.parse().unwrap()], searched: None })
    }

    fn check(&mut self, job: Job, only: &[String], _: &AtomicBool) -> Result<Outcome, Failure> {
        self.job = Some(job);
        self.only = only.to_vec();
        self.outcome()
    }

    fn compare(&mut self, job: Job, slack: Nanos) -> Result<Outcome, Failure> {
        self.job = Some(job);
        self.slack = Some(slack);
        self.outcome()
    }

    fn verify(&mut self, dir: &Path, _: bool, _: &AtomicBool) -> Result<Outcome, Failure> {
        self.verified = Some(dir.to_owned());
        self.outcome()
    }
}

/// What a command came to.
struct Done {
    code: u8,
    out: String,
    err: String,
    notes: Notes,
}

/// A folder for a test, with the scenario and a capture of both its ports.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let dir = std::env::temp_dir().join(format!("lockstep-cli-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("box.toml"), SCENARIO).unwrap();
        let folder = Folder(dir);
        folder.capture("both.pcapng", &[Some("lan"), Some("wan")]);
        folder.capture("one.pcapng", &[None]);
        folder
    }

    /// A capture with a ping and its answer on each interface.
    fn capture(&self, name: &str, interfaces: &[Option<&str>]) {
        self.capture_at(NOVEMBER, name, interfaces);
    }

    fn capture_at(&self, time: u64, name: &str, interfaces: &[Option<&str>]) {
        let ping = fixtures::icmp_echo(fixtures::ALICE, fixtures::DUT_LAN).build();
        let pong = fixtures::icmp_echo_reply(fixtures::DUT_LAN, fixtures::ALICE).build();
        fs::write(self.0.join(name), pcapng(time, interfaces, &[ping, pong])).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Runs `lockstep` with these words; `@` stands for this folder.
    fn lockstep(&self, words: &str) -> Done {
        self.answered(words, Notes::default())
    }

    fn answered(&self, words: &str, mut notes: Notes) -> Done {
        let at = format!("{}/", self.0.display());
        let words = format!("lockstep {words}").replace('@', &at);
        let args = words.split_whitespace().map(OsString::from);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut io =
            Io { out: &mut out, err: &mut err, color: false, progress: false, env: &|_| None };
        let code = run(args, &mut notes, &AtomicBool::new(false), &mut io);
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&at, "@");
        Done { code, out: text(out), err: text(err), notes }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Done {
    fn plan(&self) -> &Plan {
        assert_eq!(self.code, exit::OK, "{}", self.err);
        &self.notes.job.as_ref().unwrap().scenario.plan
    }

    /// Which port gets which file and interface.
    fn feeds(&self) -> Vec<(String, String, Option<u32>)> {
        let plan = self.plan();
        let feed = |input: &crate::plan::Input| {
            let Source::Capture(capture) = &input.source else { panic!("a capture") };
            let file = capture.path.file_name().unwrap().to_string_lossy().into_owned();
            let port = plan.config.ports[input.port.index()].name.clone();
            (port, file, capture.select.interface)
        };
        plan.inputs.iter().map(feed).collect()
    }
}

fn feed(port: &str, file: &str, interface: Option<u32>) -> (String, String, Option<u32>) {
    (port.to_owned(), file.to_owned(), interface)
}

#[test]
fn the_interfaces_of_a_capture_feed_the_ports_of_the_same_names() {
    let folder = Folder::new("names");
    folder.capture("turned.pcapng", &[Some("wan"), Some("other"), Some("lan")]);
    let done = folder.lockstep("replay @turned.pcapng -c @box.toml");
    let wanted = [feed("wan", "turned.pcapng", Some(0)), feed("lan", "turned.pcapng", Some(2))];
    assert_eq!(done.feeds(), wanted);
    assert_eq!(done.out, "the report\n");
}

#[test]
fn interfaces_without_the_name_of_a_port_feed_the_ports_in_order() {
    let folder = Folder::new("order");
    folder.capture("eth.pcapng", &[Some("eth0"), Some("eth1")]);
    let done = folder.lockstep("replay @eth.pcapng -c @box.toml");
    assert_eq!(
        done.feeds(),
        [feed("lan", "eth.pcapng", Some(0)), feed("wan", "eth.pcapng", Some(1))]
    );
    let done = folder.lockstep("replay @one.pcapng @one.pcapng -c @box.toml");
    assert_eq!(done.feeds(), [feed("lan", "one.pcapng", None), feed("wan", "one.pcapng", None)]);
    let done = folder.lockstep("replay @eth.pcapng @one.pcapng -c @box.toml");
    assert_eq!(done.code, exit::USAGE);
    assert_eq!(
        done.err,
        "error: the captures have 3 interfaces and the scenario has 2 ring ports for them: say \
         which file is for which port with --port NAME=FILE\n"
    );
}

#[test]
fn a_file_for_each_port() {
    let folder = Folder::new("ports");
    let done = folder.lockstep("replay --port wan=@one.pcapng -c @box.toml");
    assert_eq!(done.feeds(), [feed("wan", "one.pcapng", None)]);
    let done = folder.lockstep("replay --port wam=@one.pcapng -c @box.toml");
    assert_eq!(done.code, exit::USAGE);
    let why = "error: --port wam=@one.pcapng: there is no port wam; the scenario has lan, wan\n";
    assert_eq!(done.err, why);
    assert_eq!(folder.lockstep("replay --port wan -c @box.toml").code, exit::USAGE);
}

#[test]
fn captures_that_were_recorded_together_keep_their_distance() {
    let folder = Folder::new("together");
    folder.capture_at(NOVEMBER + 7_000, "b.pcapng", &[None]);
    folder.capture_at(NOVEMBER + 3_600_000_000_000, "later.pcapng", &[None]);
    let starts = |words: &str| -> Vec<u64> {
        let done = folder.lockstep(words);
        let start = |input: &crate::plan::Input| match &input.source {
            Source::Capture(capture) => capture.start.as_nanos(),
            Source::Frames(_) => panic!("a capture"),
        };
        done.plan().inputs.iter().map(start).collect()
    };
    assert_eq!(starts("replay @b.pcapng @one.pcapng -c @box.toml"), [7_000, 0]);
    assert_eq!(starts("replay @one.pcapng @b.pcapng"), [0, 7_000]);
    assert_eq!(starts("replay @b.pcapng @one.pcapng -c @box.toml --timing scaled=2"), [14_000, 0]);
    assert_eq!(starts("replay @b.pcapng @one.pcapng -c @box.toml --timing gap=1us"), [0, 0]);
    assert_eq!(starts("replay @later.pcapng @one.pcapng -c @box.toml"), [0, 0]);
}

#[test]
fn a_capture_takes_the_place_of_what_the_scenario_has_for_its_port() {
    let folder = Folder::new("instead");
    let frames = "[[input]]\nport = 'lan'\nframes = []\n[[input]]\nport = 'wan'\nframes = []\n";
    fs::write(folder.0.join("box.toml"), format!("{SCENARIO}{frames}")).unwrap();
    let done = folder.lockstep("run @box.toml --port lan=@one.pcapng");
    let inputs = &done.plan().inputs;
    assert!(matches!(inputs[0].source, Source::Frames(_)));
    assert_eq!(inputs[0].port.index(), 1);
    assert!(matches!(inputs[1].source, Source::Capture(_)));
    assert_eq!(inputs.len(), 2);
    // Without a name each interface has a port, as in a replay.
    for words in ["run @box.toml @both.pcapng", "replay @both.pcapng -c @box.toml"] {
        let done = folder.lockstep(words);
        let captured = |input: &crate::plan::Input| matches!(input.source, Source::Capture(_));
        assert_eq!(done.plan().inputs.iter().map(captured).collect::<Vec<_>>(), [true, true]);
    }
}

#[test]
fn what_the_boxs_own_macs_sent_is_no_input_unless_ours_says_otherwise() {
    let folder = Folder::new("ours");
    let ours = |done: &Done| {
        let Source::Capture(capture) = &done.plan().inputs[0].source else { panic!("a capture") };
        capture.select.ours.clone()
    };
    let done = folder.lockstep("replay @both.pcapng -c @box.toml");
    assert_eq!(ours(&done), [Ours::Mac(Mac([2, 0, 0, 0, 0, 1]))]);
    let done = folder.lockstep("replay @both.pcapng -c @box.toml --ours 192.0.2.1");
    assert_eq!(ours(&done), [Ours::Ip("192.0.2.1".parse().unwrap())]);
}

#[test]
fn every_option_reaches_the_job() {
    let folder = Folder::new("options");
    let done = folder.lockstep(
        "replay @both.pcapng -c @box.toml --timing scaled=0.5 --seed DEADBEEF --until 1.5s \
         --no-skip --out @run --backend heap --snapped drop",
    );
    let plan = done.plan();
    assert_eq!(plan.until, Some(Nanos::from_millis(1500)));
    assert_eq!(plan.snapped, Snapped::Drop);
    assert_eq!(Ok(plan.config.seed), crate::scenario::text::seed("deadbeef"));
    let Source::Capture(capture) = &plan.inputs[0].source else { panic!("a capture") };
    assert_eq!(capture.timing, Timing::Scaled { num: 1, den: 2 });
    let job = done.notes.job.as_ref().unwrap();
    assert_eq!((job.pace, job.backend), (Pace::Step, Backend::Heap));
    assert_eq!(job.out, Some(folder.0.join("run")));
    assert_eq!(job.scenario.name, "box");
}

#[test]
fn a_request_survives_a_manifest() {
    let folder = Folder::new("manifest");
    let done = folder.lockstep(
        "replay @both.pcapng -c @box.toml --timing gap=10us --ours 192.0.2.1 --until 1h --seed 7",
    );
    let job = done.notes.job.unwrap();
    let json = serde_json::to_string(&job.request).unwrap();
    let back: Request = serde_json::from_str(&json).unwrap();
    assert_eq!(back, job.request);
    assert_eq!(format!("{:?}", back.plan().unwrap().plan), format!("{:?}", job.scenario.plan));
    let none: Overrides = serde_json::from_str(r#"{"ours":[]}"#).unwrap();
    assert_eq!(none, Overrides::default());
}

#[test]
fn without_a_scenario_replay_guesses_one_and_says_so() {
    let folder = Folder::new("guess");
    let done = folder.lockstep("replay @one.pcapng");
    assert_eq!(done.plan().inputs.len(), 1);
    assert_eq!(done.notes.job.as_ref().unwrap().scenario.name, "one");
    assert!(done.err.starts_with("no scenario was given; guessed from the capture:\n"));
    assert!(done.err.contains("`lockstep scenario --from @one.pcapng -o s.toml`"), "{}", done.err);
    let done = folder.lockstep("replay --port eth0=@one.pcapng --port eth1=@both.pcapng");
    let names: Vec<&str> = done.plan().config.ports.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["eth0", "eth10", "eth11"]);
    assert_eq!(folder.lockstep("replay").code, exit::USAGE);
}

#[test]
fn from_a_capture_to_a_run_in_two_commands() {
    let folder = Folder::new("two");
    let done = folder.lockstep("scenario --from @one.pcapng -o @guessed.toml");
    assert_eq!((done.code, done.out.as_str()), (exit::OK, ""));
    assert!(done.err.contains("lockstep run @guessed.toml"), "{}", done.err);
    let done = folder.lockstep("run @guessed.toml");
    assert_eq!(done.feeds(), [feed("one", "one.pcapng", None)]);
    // What is there stays.
    let done = folder.lockstep("scenario --from @one.pcapng -o @guessed.toml");
    assert_eq!(done.code, exit::USAGE);
    assert_eq!(done.err, "error: @guessed.toml is already there, and stays as it is\n");
    let done = folder.lockstep("scenario --from @one.pcapng -o @no/where.toml");
    assert_eq!(done.code, exit::ENVIRONMENT);
    let done = folder.lockstep("scenario --from @one.pcapng");
    let written = fs::read_to_string(folder.path("guessed.toml")).unwrap();
    assert_eq!(done.out, written.replace(&folder.path(""), "@"));
}

#[test]
fn a_capture_of_a_pcap_port_is_what_the_port_reads() {
    let folder = Folder::new("pcap");
    fs::write(folder.0.join("box.toml"), "[[port]]\nname = 'p'\nkind = 'pcap'\n").unwrap();
    let done = folder.lockstep("run @box.toml --port p=@one.pcapng");
    let wanted = PortPlan::Pcap { rx: Some(folder.0.join("one.pcapng")) };
    assert_eq!(done.plan().ports, [wanted]);
    assert!(done.plan().inputs.is_empty());
}

#[test]
fn mistakes_in_a_scenario_are_drawn_with_their_lines() {
    let folder = Folder::new("mistakes");
    let text = "[[port]]\nname = 'lan'\nmtu = 10\n[[route]]\nto = 'default'\ndev = 'lam'\n";
    fs::write(folder.0.join("box.toml"), text).unwrap();
    let done = folder.lockstep("run @box.toml");
    assert_eq!(done.code, exit::USAGE);
    insta::assert_snapshot!(done.err, @r"
      × mtu is 10
       ╭─[@box.toml:3:7]
     2 │ name = 'lan'
     3 │ mtu = 10
       ·       ─┬
       ·        ╰── expected 68 to 9000
     4 │ [[route]]
       ╰────

      × there is no device `lam`
       ╭─[@box.toml:6:7]
     5 │ to = 'default'
     6 │ dev = 'lam'
       ·       ──┬──
       ·         ╰── expected one of `lan`
       ╰────
      help: did you mean `lan`?

    error: 2 mistakes in @box.toml
    ");
}

#[test]
fn a_file_that_is_no_text_is_shown_to_a_terminal_and_tells_it_nothing() {
    let folder = Folder::new("no-text");
    let bytes = b"seed = 1\n\xd4\xc3\xb2\xa1\x00\x1b[31m\x07 red\nat\xff";
    fs::write(folder.0.join("box.toml"), bytes).unwrap();
    let done = folder.lockstep("run @box.toml");
    assert_eq!(done.code, exit::USAGE);
    assert!(done.err.contains("this is no UTF-8 text") && done.err.contains("@box.toml:2:1"));
    assert!(done.err.contains("..[31m. red"), "{}", done.err);
    assert!(!done.err.chars().any(|c| c.is_control() && c != '\n'), "{}", done.err);
}

#[test]
fn the_exit_code_says_what_it_came_to() {
    let folder = Folder::new("codes");
    let ended = |answer| {
        folder.answered("run @box.toml", Notes { answer: Some(answer), ..Notes::default() })
    };
    assert_eq!(ended(Ok(Verdict::Clean)).code, 0);
    assert_eq!(ended(Ok(Verdict::Found)).code, 1);
    assert_eq!(ended(Ok(Verdict::Interrupted)).code, 130);
    let done = ended(Err(Failure::Usage("no".to_owned())));
    assert_eq!((done.code, done.err.as_str()), (2, "error: no\n"));
    assert_eq!(ended(Err(Failure::Environment("no".to_owned()))).code, 3);
    let done = folder.lockstep("verify @run");
    assert_eq!((done.code, done.notes.verified), (0, Some(folder.0.join("run"))));
    for (words, code) in [
        ("--help", 0),
        ("replay --help", 0),
        ("--version", 0),
        ("schema", 0),
        ("decode @both.pcapng", 0),
        ("decode @both.pcapng --interface lam", 2),
        ("decode @none.pcapng", 3),
        ("decode @box.toml", 3),
        ("", 2),
        ("bogus", 2),
        ("run", 2),
        ("run @none.toml", 3),
        ("run @both.pcapng", 2),
        ("run @box.toml --seed x", 2),
        ("run @box.toml --until 0s", 2),
        ("run @box.toml --timing asap", 2),
        ("run @box.toml --backend xdp", 2),
        ("run @box.toml --snapped cut", 2),
        ("replay @none.pcap -c @box.toml", 3),
        ("replay @none.pcap", 3),
        ("replay @box.toml", 3),
        ("scenario --from @box.toml", 3),
    ] {
        assert_eq!(folder.lockstep(words).code, code, "lockstep {words}");
    }
    let missing = "[[input]]\nport = 'lan'\ncapture = 'none.pcap'\n";
    fs::write(folder.0.join("missing.toml"), format!("{SCENARIO}{missing}")).unwrap();
    assert_eq!(folder.lockstep("run @missing.toml").code, 3);
}

#[test]
fn every_help_lists_the_exit_codes() {
    use clap::CommandFactory;
    let mut cli = Cli::command();
    cli.build();
    for command in cli.get_subcommands().filter(|c| c.get_name() != "help") {
        let help = command.get_after_help().unwrap().to_string();
        assert!(help.contains(exit::HELP), "{}", command.get_name());
    }
    assert!(cli.get_after_help().unwrap().to_string().contains(exit::HELP));
    cli.debug_assert();
    for code in [exit::OK, exit::FOUND, exit::USAGE, exit::ENVIRONMENT, exit::INTERRUPTED] {
        assert!(exit::HELP.contains(&format!("{code:>3}  ")), "{code}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let folder = Folder::new("pipe");
    let code = |words: &str, verdict| {
        let mut err = Vec::new();
        let mut io =
            Io { out: &mut Gone, err: &mut err, color: false, progress: false, env: &|_| None };
        let args = format!("lockstep {words}");
        let args = args.split_whitespace().map(OsString::from);
        let mut engine = Notes { answer: Some(Ok(verdict)), ..Notes::default() };
        let code = run(args, &mut engine, &AtomicBool::new(false), &mut io);
        assert!(err.is_empty());
        code
    };
    assert_eq!(code("schema", Verdict::Clean), exit::OK);
    assert_eq!(code(&format!("decode {}", folder.path("both.pcapng")), Verdict::Clean), exit::OK);
    // What was found was found, whoever reads it.
    for words in ["run @box.toml", "verify @", "sweep @box.toml", "check @both.pcapng -c @box.toml"]
    {
        let words = words.replace('@', &folder.path(""));
        assert_eq!(code(&words, Verdict::Clean), exit::OK, "{words}");
        assert_eq!(code(&words, Verdict::Found), exit::FOUND, "{words}");
    }
}

#[test]
fn what_keeps_something_stops_when_it_is_asked_and_all_else_may_be_ended() {
    let stops = |words: &str| {
        let args = format!("lockstep {words}");
        stops_when_asked(args.split_whitespace().map(OsString::from))
    };
    for words in ["run s.toml", "replay x.pcap", "swarm s.toml --seeds 0..9", "verify out"] {
        assert!(stops(words), "{words}");
    }
    for words in ["decode x.pcap", "ctl socket status", "merge a.jsonl", "schema", "nonsense", ""] {
        assert!(!stops(words), "{words}");
    }
}

/// The bytes of a capture with these frames on each interface.
fn pcapng(time: u64, interfaces: &[Option<&str>], frames: &[Vec<u8>]) -> Vec<u8> {
    let names: Vec<&str> = interfaces.iter().map(|name| name.unwrap_or_default()).collect();
    let mut writer = PcapngWriter::new(Vec::new(), &names, None).unwrap();
    for (interface, _) in (0u32..).zip(interfaces) {
        for bytes in frames {
            let (direction, orig_len) = (None, None);
            let (segments, comments) = (&[bytes.as_slice()][..], &[][..]);
            let frame = Frame { interface, time, direction, orig_len, segments, comments };
            writer.write(&frame).unwrap();
        }
    }
    writer.finish().unwrap()
}

#[test]
fn the_help_of_fault_names_every_fault() {
    use clap::CommandFactory;
    let mut cli = Cli::command();
    let run = cli.find_subcommand_mut("run").unwrap();
    let fault = run.get_arguments().find(|arg| arg.get_long() == Some("fault")).unwrap();
    let help = fault.get_help().unwrap().to_string();
    for kind in Kind::all() {
        let named = |end| help.contains(&format!("{}{end}", kind.name()));
        assert!(named(':') || named('@'), "{}: {help}", kind.name());
    }
}

#[test]
fn a_sweep_tries_all_faults_or_those_that_are_named() {
    let folder = Folder::new("sweep");
    let faults = |words: &str| {
        let done = folder.lockstep(words);
        assert_eq!((done.code, done.out.as_str()), (exit::OK, "the report\n"), "{}", done.err);
        done.notes.faults.unwrap()
    };
    let all = faults("sweep @box.toml");
    assert_eq!(all, Faults { kinds: Kind::CALLS.to_vec(), every: 1 });
    let every = faults("sweep @box.toml --kinds lose,all");
    assert_eq!(every, Faults { kinds: Kind::all().collect(), every: 1 });
    let of = |words: [&str; 2]| words.map(|word| word.parse().unwrap()).to_vec();
    let two = faults("sweep @box.toml --kinds dup,order");
    assert_eq!(two, Faults { kinds: of(["dup", "order"]), every: 1 });
    let some = faults("sweep @box.toml --kind tx --kind alloc --every 3");
    assert_eq!(some, Faults { kinds: of(["tx", "alloc"]), every: 3 });
    for (words, why) in [
        (
            "sweep @box.toml --kind disk",
            "\"disk\" is no kind of fault, expected alloc, ring, tx, lose",
        ),
        ("sweep @box.toml --every 0", "0 is not in 1"),
        ("run @box.toml --fault alloc:0", "the first one has number 1"),
    ] {
        let done = folder.lockstep(words);
        assert_eq!(done.code, exit::USAGE, "{words}");
        assert!(done.err.contains(why), "{words}: {}", done.err);
    }
}

#[test]
fn a_fault_of_the_command_line_is_in_the_plan_and_survives_a_manifest() {
    let folder = Folder::new("fault");
    let done = folder.lockstep("run @box.toml --fault tx:2 --fault alloc:1");
    let faults: Vec<String> = done.plan().faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, ["tx:2", "alloc:1"]);
    let request = &done.notes.job.as_ref().unwrap().request;
    let text = serde_json::to_string(request).unwrap();
    let again: Request = serde_json::from_str(&text).unwrap();
    assert_eq!(again.plan().unwrap().plan.faults, done.plan().faults);
}

#[test]
fn a_bundle_is_asked_for_by_its_file() {
    let folder = Folder::new("bundle");
    let words = "--fail-on drop:ttl_exceeded --bundle @b.lockstep";
    let done = folder.lockstep(&format!("run @box.toml {words}"));
    assert_eq!(done.plan().asked, ["drop:ttl_exceeded".parse().unwrap()]);
    let path = folder.path("b.lockstep").into();
    assert_eq!(done.notes.job.unwrap().bundle, Some(BundleTo { path, always: false }));
    let always = folder.lockstep(&format!("run @box.toml {words} --bundle-always"));
    assert!(always.notes.job.unwrap().bundle.unwrap().always);
    for (words, why) in [
        ("run @box.toml --bundle-always", "required arguments were not provided"),
        ("run @box.toml --bundle b --control c", "cannot be used with"),
        ("run @box.toml --fail-on drop:age", "\"age\" is no reason to drop"),
        ("repro @none.lockstep", "cannot be read"),
        ("repro @box.toml", "is no bundle: it does not say its `format`"),
        ("shrink x.lockstep --time-budget 0s", "nothing can be tried in no time"),
        ("export x.lockstep", "nothing to make: add --test, --pcap or --scapy"),
    ] {
        let done = folder.lockstep(words);
        assert!(done.err.contains(why), "{words}: {}", done.err);
        assert!(done.code == exit::USAGE || words.contains("none"), "{words}");
    }
}

#[test]
fn a_schedule_is_a_list_of_stalls_that_the_run_has() {
    let folder = Folder::new("sched");
    fs::write(folder.0.join("s.txt"), "# found before\nstall:1@3ms=1us\n").unwrap();
    fs::write(folder.0.join("bad.txt"), "stall:1\n").unwrap();
    let stalls = |words: &str| {
        let done = folder.lockstep(&format!("run @box.toml --fault tx:2 {words}"));
        assert_eq!(done.code, 0, "{}", done.err);
        let overrides = &done.notes.job.as_ref().unwrap().request.overrides;
        assert_eq!(overrides.faults, done.plan().faults, "and the manifest knows");
        let faults: Vec<_> = done.plan().faults.iter().map(ToString::to_string).collect();
        let again = done.out.lines().find(|line| line.starts_with("again:")).map(str::to_owned);
        (faults, again)
    };
    let line = |stall| Some(format!("again: the same without --sched, but with --fault {stall}"));
    assert_eq!(stalls("--sched fixed"), (vec!["tx:2".to_owned()], None));
    for (words, stall) in [
        ("--sched starve:1", "stall:1@1ms=30us"),
        ("--sched pct:3:4", "stall:1@2ms=30us"),
        ("--sched replay:@s.txt", "stall:1@3ms=1us"),
    ] {
        assert_eq!(stalls(words), (vec!["tx:2".to_owned(), stall.to_owned()], line(stall)));
    }
    for (words, why) in [
        ("--sched fair", "\"fair\" is no schedule, expected fixed, random:SEED"),
        (
            "--sched replay:@bad.txt",
            "bad.txt:1: \"stall:1\" is no fault, expected stall:LCORE@TIME=DUR",
        ),
        ("--sched replay:@none.txt", "none.txt cannot be read"),
    ] {
        let done = folder.lockstep(&format!("run @box.toml {words}"));
        assert_ne!(done.code, 0);
        assert!(done.err.contains(why), "{}", done.err);
    }
}

#[test]
fn a_check_tries_all_relations_or_those_that_are_named_and_lists_them() {
    let folder = Folder::new("check");
    for (words, only) in [
        ("check -c @box.toml", &[][..]),
        ("check @both.pcapng -c @box.toml --only workers --only split", &["workers", "split"]),
        ("check @both.pcapng", &[]),
    ] {
        let done = folder.lockstep(words);
        assert_eq!(done.code, 0, "{}", done.err);
        assert_eq!(done.notes.only, only);
        assert!(done.notes.job.is_some());
    }
    let list = folder.lockstep("check --list");
    assert!(list.notes.job.is_none());
    assert_eq!(list.out.lines().count(), crate::check::RELATIONS.len());
    for (words, error) in [
        ("check", "nothing to replay"),
        ("check -c @box.toml --only all", "expected one of no-skip, fabric, "),
    ] {
        let done = folder.lockstep(words);
        assert_eq!(done.code, 2);
        assert!(done.err.contains(error), "{}", done.err);
    }
}

#[test]
fn a_comparison_replays_captures_and_has_a_slack() {
    let folder = Folder::new("compare");
    let done = folder.lockstep("compare @both.pcapng -c @box.toml --slack 5ms");
    assert_eq!((done.code, done.out.as_str()), (exit::OK, "the report\n"), "{}", done.err);
    assert_eq!(done.notes.slack, Some(Nanos::from_millis(5)));
    assert_eq!(done.notes.job.unwrap().scenario.plan.inputs.len(), 2);
    let done = folder.lockstep("compare --port lan=@one.pcapng -c @box.toml");
    assert_eq!(done.notes.slack, Some(crate::compare::SLACK), "the default");
    let done = folder.lockstep("compare @both.pcapng");
    assert_eq!(done.code, exit::USAGE, "without a scenario there is no box");
}

#[test]
fn frames_go_into_a_corpus_and_out_of_it() {
    let folder = Folder::new("corpus");
    let done = folder.lockstep("corpus import @both.pcapng @both.pcapng --out @corpus");
    assert_eq!(done.code, exit::OK, "{}", done.err);
    let files = fs::read_dir(folder.0.join("corpus")).unwrap().count();
    assert!(files > 0 && done.out.contains(&format!("frames: {files} new in ")), "{}", done.out);
    let done = folder.lockstep("corpus export @corpus -o @out.pcapng");
    assert_eq!(done.code, exit::OK, "{}", done.err);
    assert!(done.out.starts_with(&format!("{files} frames in ")), "{}", done.out);
    let done = folder.lockstep("corpus export @corpus -o @out.pcapng");
    assert_eq!(done.code, exit::ENVIRONMENT, "what is there stays");
    assert_eq!(folder.lockstep("corpus").code, exit::USAGE);
}
