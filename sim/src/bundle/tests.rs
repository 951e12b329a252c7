//! Bundles: written, read, refused; and what a case is made of.

use super::*;
use crate::fabric::HeapFabric;
use crate::scenario::CaptureArg;
use crate::trial::{Trying, trial};
use std::fs;

const BOX: &str = r#"
until = "20ms"
snapped = "drop"
[[port]]
name = "lan"
mac = "02:00:00:00:00:01"
addresses = ["198.51.100.1/24"]
[[port]]
name = "wan"
mac = "02:00:00:00:00:02"
addresses = ["192.0.2.1/24"]
[[reload]]
at = "3ms"
file = "other.toml"
[[input]]
port = "wan"
frames = [{ at = "2ms", hex = "02:00:00:00:00:02 02:00:00:00:00:0b 88cc" }]
"#;

/// A folder of a test's own, with what a scenario names.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let dir = std::env::temp_dir().join(format!("lockstep-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let other = BOX.split("[[reload]]").next().unwrap();
        fs::write(dir.join("other.toml"), format!("# other\n{other}")).unwrap();
        Folder(dir)
    }

    /// A capture of a ping, whole, and one of which only the front is there.
    fn capture(&self) -> PathBuf {
        let path = self.0.join("lan.pcapng");
        let ping = fixtures::icmp_echo(fixtures::ALICE, fixtures::DUT_LAN).build();
        let mut writer = crate::capture::PcapngWriter::new(Vec::new(), &["lan"], None).unwrap();
        for (time, orig_len) in [(500, None), (1_500, Some(1_000))] {
            let frame = crate::capture::Frame {
                interface: 0,
                time,
                direction: None,
                orig_len,
                segments: &[&ping],
                comments: &[],
            };
            writer.write(&frame).unwrap();
        }
        fs::write(&path, writer.finish().unwrap()).unwrap();
        path
    }

    fn request(&self) -> Request {
        let overrides = Overrides {
            seed: Some(u64::MAX),
            faults: vec!["tx:3".parse().unwrap()],
            asked: vec!["event:made,what=icmp_error".parse().unwrap()],
            ..Overrides::default()
        };
        let captures = vec![CaptureArg { port: Some("lan".to_owned()), path: self.capture() }];
        let (file, dir) = ("box.toml".to_owned(), self.0.clone());
        Request { file, scenario: BOX.to_owned(), dir, captures, overrides }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tried(request: &Request) -> Verdict<()> {
    let plan = request.plan().unwrap().plan;
    trial(&plan, Trying::default(), &mut HeapFabric::new(), ()).unwrap()
}

fn bundle(test: &str) -> Bundle {
    let (case, left_out) = Case::of(&Folder::new(test).request()).unwrap();
    let verdict = tried(&case.request("bundle"));
    Bundle::of(case, &verdict, "heap", Some(Nanos::from_secs(9)), left_out)
}

fn parse(text: &str) -> Result<Bundle, BundleError> {
    Bundle::parse(text, Path::new("x.lockstep"))
}

#[test]
fn a_bundle_reads_as_it_was_written() {
    let mut bundle = bundle("round-trip");
    bundle.breaches.push(Said { oracle: "x".to_owned(), why: "a \"b\"\n\u{7f}é".to_owned() });
    assert_eq!(parse(&bundle.text()).unwrap(), bundle);
    let digest = bundle.digest.take();
    assert!(digest.is_some());
    let name = toml::Value::String("it's '''so'''\r".to_owned());
    bundle.case.tables.insert("name".to_owned(), name);
    assert_eq!(parse(&bundle.text()).unwrap(), bundle);
}

#[test]
fn a_bundle_has_all_that_decides_the_run() {
    let text = bundle("whole").text();
    let digest = parse(&text).unwrap().digest.unwrap();
    insta::assert_snapshot!(text.replace(&digest, "(digest)"), @r##"
    # A run of Lockstep, whole. `lockstep repro FILE` has it again, `lockstep shrink FILE` makes it smaller,
    # `lockstep export FILE` makes a test, a capture or a script of it.
    format = 1
    lockstep = "0.1.0"
    backend = "heap"
    digest = "(digest)"
    patience = "9s"
    left-out = 1
    faults = ["tx:3"]
    fail-on = ["event:made,what=icmp_error"]
    scenario = '''
    name = "box"
    seed = "18446744073709551615"
    until = "20ms"

    [[port]]
    name = "lan"
    mac = "02:00:00:00:00:01"
    addresses = ["198.51.100.1/24"]

    [[port]]
    name = "wan"
    mac = "02:00:00:00:00:02"
    addresses = ["192.0.2.1/24"]

    [[reload]]
    at = "3ms"
    file = "other.toml"
    text = """
    until = "20ms"
    snapped = "drop"
    seed = "18446744073709551615"

    [[port]]
    name = "lan"
    mac = "02:00:00:00:00:01"
    addresses = ["198.51.100.1/24"]

    [[port]]
    name = "wan"
    mac = "02:00:00:00:00:02"
    addresses = ["192.0.2.1/24"]
    """

    [[input]]
    port = "wan"
    frames = [
      # eth 02:00:00:00:00:0b > 02:00:00:00:00:02 type 0x88cc len 14
      { at = "2ms", hex = "02000000000202000000000b88cc" },
    ]

    [[input]]
    port = "lan"
    frames = [
      # icmp 198.51.100.7 > 198.51.100.1 echo request id 1 seq 1 ttl 64 len 56
      { at = "0s", hex = "02000000000102000000000a0800450000540001000040012639c6336407c6336401080000eb00010001000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637" },
    ]
    '''
    "##);
}

#[test]
fn the_run_in_a_bundle_is_the_run_that_it_was_made_of() {
    let folder = Folder::new("same-run");
    let mut request = folder.request();
    // Frames that are dropped for being snapped are what a bundle cannot hold.
    request.overrides.snapped = Some(crate::plan::Snapped::Pad);
    let (case, left_out) = Case::of(&request).unwrap();
    assert_eq!(left_out, 0);
    let (was, is) = (tried(&request), tried(&case.request("bundle")));
    let digest = |verdict: &Verdict<()>| verdict.outcome().unwrap().digests.trace;
    assert_eq!(digest(&was), digest(&is));
    drop(folder);
    let again = parse(&Bundle::of(case, &is, "heap", None, 0).text()).unwrap();
    assert_eq!(digest(&tried(&again.case.request("again"))), digest(&was));
}

#[test]
fn a_port_that_polls_a_capture_has_no_bundle() {
    let folder = Folder::new("polls");
    let path = folder.capture();
    let scenario = format!("[[port]]\nname = \"p\"\nkind = \"pcap\"\nrx = {path:?}\n");
    let error = Case::of(&Request { scenario, ..Request::default() }).unwrap_err();
    assert!(error.to_string().starts_with("port p is of kind \"pcap\" and polls"), "{error}");
}

#[test]
fn what_is_no_bundle_is_refused_with_its_reason() {
    let text = bundle("refused").text();
    for (text, why) in [
        (text.replace("format = 1", "format = 2"), "is a bundle of format 2, and Lockstep"),
        (text.replace("format = 1", ""), "is no bundle: it does not say its `format`"),
        (text.replace("format = 1", "format = 1\nsched = 3"), "unknown field `sched`"),
        (text.replace("tx:3", "tx:0"), "the first one has number 1"),
        (text.replace("patience = \"9s\"", "patience = \"9\""), "\"9\" has no unit"),
        (text.replace("name = \"lan\"", ""), "the key `name` is missing"),
        ("[[port]".to_owned(), "x.lockstep: is no bundle: TOML parse error"),
    ] {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let error = Bundle::read(Path::new("/nowhere/x.lockstep")).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}

/// What comes of a bundle if this is wrong now, and the run has come to its end or panicked.
fn again(bundle: &Bundle, wrong: &[(&'static str, &str)], panicked: bool) -> Again {
    let mut verdict = tried(&bundle.case.request("bundle"));
    verdict.breaches = wrong.iter().map(|(oracle, why)| Breach::new(oracle, *why)).collect();
    if panicked {
        verdict.ran = None;
    }
    Again::new(bundle, &verdict, "heap")
}

#[test]
fn a_panic_is_a_failure_without_a_digest() {
    let mut bundle = bundle("panic");
    bundle.digest = None;
    bundle.breaches = vec![Said { oracle: "panic".to_owned(), why: "at the disco".to_owned() }];
    let bundle = parse(&bundle.text()).unwrap();
    assert_eq!(bundle.digest, None);
    let same = again(&bundle, &[("panic", "at the disco")], true);
    assert!(same.is_same() && same.exit_code() == exit::FOUND);
    assert!(same.to_string().contains("trace none: it panicked\n"), "{same}");
    let other = again(&bundle, &[("panic", "elsewhere")], true);
    assert_eq!(other.exit_code(), exit::OTHERWISE);
    let ended = again(&bundle, &[("rest", "given up")], false);
    assert_eq!(ended.exit_code(), exit::OTHERWISE);
    assert!(ended.to_string().contains("DIFFERENT: something else is wrong"), "{ended}");
    let gone = again(&bundle, &[], false);
    assert!(gone.is_gone() && gone.exit_code() == exit::OK);
    assert!(gone.to_string().contains("trace none: it panicked then, "), "{gone}");
}
