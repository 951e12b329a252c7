//! What a run leaves, byte for byte.

use super::*;
use crate::capture::CaptureReader;
use crate::engine::tests::plans::{dut, ms, random};
use crate::plan::{Backend, Pace};
use crate::run::{RunOptions, execute};
use dataplane::Nanos;
use fixtures::{ALICE, BOB, DUT_LAN, DUT_WAN, arp_reply, icmp_echo, raw, udp};
use insta::assert_snapshot;
use std::fs;
use std::path::PathBuf;

/// A folder of its own for each test, gone in the end.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub fn new(name: &str) -> TempDir {
        let name = format!("lockstep-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn options(out: &Path, backend: Backend, pace: Pace) -> RunOptions<'static> {
    let name = "test".to_owned();
    RunOptions { pace, backend, out: Some(out.to_owned()), name, ..RunOptions::default() }
}

fn leave(plan: &Plan, out: &Path) -> Outcome {
    execute(plan, &options(out, Backend::Heap, Pace::Skip)).unwrap().outcome
}

/// A ping, a packet that waits for its neighbour, one that nobody understands, and one too many.
fn plan() -> Plan {
    let mut plan = dut(1);
    plan.config.limits.rx_descriptors = 3;
    let noise = || raw(ALICE, DUT_LAN, 0x88b5, &[0; 46]);
    plan.frames(
        DUT_LAN,
        [
            (ms(0), icmp_echo(ALICE, DUT_LAN)),
            (ms(1), udp(ALICE, BOB)),
            (ms(3), noise()),
            (ms(3), udp(ALICE, BOB)),
            (ms(3), udp(ALICE, BOB).ttl(1)),
            (ms(3), noise()),
        ],
    );
    plan.frames(DUT_WAN, [(ms(2), arp_reply(BOB, DUT_WAN))]);
    plan.until = Some(Nanos::from_millis(4));
    plan
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

#[test]
fn the_report_tells_the_run() {
    let temp = TempDir::new("report");
    let dir = temp.join("out");
    leave(&plan(), &dir);
    let report = read(&dir, "report.txt");
    // The digest has a test of its own: it changes whenever anything in the dataplane does.
    let report: Vec<&str> = report.lines().filter(|line| !line.starts_with("trace ")).collect();
    assert_snapshot!(report.join("\n"), @"
    test: 0.004000000 s of virtual time, as long as it was told
      the scenario's own frames to lan: 6
      the scenario's own frames to wan: 1

    port         in         bytes    refused        out         bytes
    lan           5           380          1          1            60
    wan           1            42          0          3           208

    what became of 10 packets
               7  came in, 3 made here (ARP requests 2, ICMP errors 1)
               4  left
               1  consumed               by ARP 1
               1  rx_missed              The receive queue was full: its lcore fell behind (`imissed`).
               1  ethertype_unknown      Nobody handles this EtherType, and the port has no KNI.
               1  ttl_exceeded           The time to live ran out.
               2  held                   still waiting when the run ended

    lcore role            ticks    busy         polls         in        out    dropped
        0 master          36364   0.0 %             0          0          0          0
        1 worker          39831   0.0 %         79662          6          4          2

    lcore job                          runs  with work      items           busy
        0 cfgfile_reload              36364          0          0             0s
        0 timer_manage                36364          0          0             0s
        0 kni_master_proc             36364          0          0             0s
        0 msg_master_job              36364          0          0             0s
        0 sockopt_job                 36364          0          0             0s
        0 neigh_sync                  36363          0          0             0s
        0 iftraf_ring_proc            36363          0          0             0s
        1 qsch_sched                  39831          0          0             0s
        1 recv_fwd                    39831          4          6         1100ns
        1 xmit                        39830          4          4          200ns
        1 timer_manage                39830          0          0             0s
        1 msg_slave_job               39830          0          0             0s
        1 neigh_sync                    398          0          0             0s
        1 ipv4_frag                     398          0          0             0s

    neighbours known in the end
      lan      198.51.100.7    -                  send       lcore 1
      wan      192.0.2.9       02:00:00:00:00:0b  reachable  lcore 1

    in 7 + made 3 = out 4 + consumed 1 + dropped 3 + held 2
    ");
}

#[test]
fn neighbours_are_in_columns_however_long_a_device_is_called() {
    let mut plan = plan();
    plan.config.ports[1].name = "uplink-to-the-world".to_owned();
    let temp = TempDir::new("columns");
    let dir = temp.join("out");
    leave(&plan, &dir);
    let report = read(&dir, "report.txt");
    let (_, known) = report.split_once("neighbours known in the end\n").unwrap();
    assert_snapshot!(known.lines().take(2).collect::<Vec<_>>().join("\n"), @"
    lan                 198.51.100.7    -                  send       lcore 1
    uplink-to-the-world 192.0.2.9       02:00:00:00:00:0b  reachable  lcore 1
    ");
}

#[test]
fn idle_ticks_are_one_line() {
    let temp = TempDir::new("ticks");
    let dir = temp.join("out");
    leave(&plan(), &dir);
    assert_snapshot!(read(&dir, "ticks.txt"), @"
    lcore 0 master: cfgfile_reload, timer_manage, kni_master_proc, msg_master_job, sockopt_job, neigh_sync, iftraf_ring_proc
      ticks 1-36364 idle
    lcore 1 worker: qsch_sched, recv_fwd, xmit, timer_manage, msg_slave_job; neigh_sync/100, ipv4_frag/100
      tick 1: recv_fwd 1 @10, xmit 1 @210
      ticks 2-9959 idle
      tick 9960: recv_fwd 1 @1000060, xmit 1 @1000260
      ticks 9961-19917 idle
      tick 19918: recv_fwd 1 @2000050, xmit 1 @2000250
      ticks 19919-29875 idle
      tick 29876: recv_fwd 3 @3000000, xmit 1 @3000500
      ticks 29877-39831 idle
    ");
}

#[test]
fn each_frame_has_a_comment_that_says_its_fate() {
    let temp = TempDir::new("fates");
    let dir = temp.join("out");
    leave(&plan(), &dir);
    let mut reader = CaptureReader::open(&dir.join("out.pcapng")).unwrap();
    let mut lines = String::new();
    while let Some(record) = reader.next_record().unwrap() {
        let comment = record.comments().next().unwrap();
        lines += &format!("{} {} {comment}\n", record.time, record.interface);
    }
    let names = reader.interfaces().iter().map(|interface| interface.name.clone().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["lan in", "lan out", "wan in", "wan out"]);
    assert_snapshot!(lines, @"
    0 0 pkt=1 lcore=1 tick=1 job=recv_fwd fate=waits
    210 1 pkt=2 lcore=1 tick=1 job=xmit
    1000000 0 pkt=3 lcore=1 tick=9960 job=recv_fwd fate=waits
    1000260 3 pkt=4 lcore=1 tick=9960 job=xmit
    2000000 2 pkt=5 lcore=1 tick=19918 job=recv_fwd fate=consumed:arp
    2000250 3 pkt=3 lcore=1 tick=19918 job=xmit
    3000000 0 pkt=6 lcore=1 tick=29876 job=recv_fwd fate=dropped:ethertype_unknown
    3000000 0 pkt=7 lcore=1 tick=29876 job=recv_fwd fate=forwarded
    3000000 0 pkt=8 lcore=1 tick=29876 job=recv_fwd fate=dropped:ttl_exceeded
    3000000 0 pkt=9 fate=dropped:rx_missed
    3000500 3 pkt=7 lcore=1 tick=29876 job=xmit
    ");
}

#[test]
fn each_event_is_a_line() {
    let temp = TempDir::new("events");
    let dir = temp.join("out");
    leave(&plan(), &dir);
    let events = read(&dir, "events.jsonl");
    for (line, n) in events.lines().zip(1..) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["n"], n);
    }
    let some: Vec<&str> = events.lines().take(3).chain(events.lines().skip(24).take(1)).collect();
    assert_snapshot!(some.join("\n"), @r#"
    {"n":1,"t":0,"event":"arrive","pkt":1,"port":"lan","queue":0,"len":98}
    {"n":2,"t":10,"lcore":1,"tick":1,"job":"recv_fwd","event":"rx","pkt":1,"port":"lan","queue":0,"len":98}
    {"n":3,"t":10,"lcore":1,"tick":1,"job":"recv_fwd","event":"answered","pkt":1,"as":"echo_reply"}
    {"n":25,"t":3000000,"event":"dropped","pkt":9,"reason":"rx_missed","port":"lan","queue":0,"len":60}
    "#);
}

#[test]
fn neither_pace_nor_fabric_changes_a_byte() {
    let temp = TempDir::new("bytes");
    for seed in 0..20 {
        let plan = random(seed);
        let runs = [
            ("heap", Backend::Heap, Pace::Skip),
            ("again", Backend::Heap, Pace::Skip),
            ("step", Backend::Heap, Pace::Step),
            ("dpdk", Backend::Dpdk, Pace::Skip),
        ];
        for (name, backend, pace) in runs {
            let summary = execute(&plan, &options(&temp.join(name), backend, pace)).unwrap();
            assert_eq!(summary.outcome.broken, []);
        }
        for name in NAMES.into_iter().filter(|name| *name != "scenario.toml") {
            let bytes = |run: &str| fs::read(temp.join(run).join(name)).unwrap();
            assert!(bytes("heap") == bytes("again"), "seed {seed}: {name}");
            assert!(bytes("heap") == bytes("step"), "seed {seed}: {name} with each tick stepped");
            if name != "manifest.json" {
                assert!(bytes("heap") == bytes("dpdk"), "seed {seed}: {name} through DPDK");
            }
        }
        let [heap, dpdk] = ["heap", "dpdk"].map(|run| {
            let manifest = read(&temp.join(run), "manifest.json");
            serde_json::from_str::<Manifest>(&manifest).unwrap()
        });
        assert!(dpdk.backend.starts_with("DPDK "), "{}", dpdk.backend);
        assert_eq!(Manifest { backend: dpdk.backend.clone(), ..heap }, dpdk);
    }
}

#[test]
fn frames_are_in_order_of_time_and_none_is_missing() {
    let temp = TempDir::new("order");
    let dir = temp.join("out");
    for seed in 0..30 {
        let outcome = leave(&random(seed), &dir);
        let mut reader = CaptureReader::open(&dir.join("out.pcapng")).unwrap();
        let (mut last, mut ways) = (0, [0, 0]);
        while let Some(record) = reader.next_record().unwrap() {
            assert!(record.time >= last, "seed {seed}");
            assert!(record.comments().next().unwrap().starts_with("pkt="));
            last = record.time;
            ways[usize::try_from(record.interface % 2).unwrap()] += 1;
        }
        assert_eq!(ways, [outcome.ledger.came, outcome.ledger.out], "seed {seed}");
    }
}

#[test]
fn a_second_run_takes_the_place_of_the_first_and_leaves_other_files_alone() {
    let temp = TempDir::new("second");
    let dir = temp.join("out");
    leave(&plan(), &dir);
    fs::write(dir.join("notes.txt"), "mine").unwrap();
    fs::write(dir.join("scenario.toml"), "of the first run").unwrap();
    leave(&dut(1), &dir);
    assert_eq!(read(&dir, "events.jsonl"), "");
    assert_eq!(read(&dir, "notes.txt"), "mine");
    assert!(!dir.join("scenario.toml").exists());
    assert!(!temp.join("out.partial").exists());
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let temp = TempDir::new("foreign");
    let dir = temp.join("out");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("thesis.tex"), "years of work").unwrap();
    let error = execute(&plan(), &options(&dir, Backend::Heap, Pace::Skip)).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("no run of lockstep made it"), "{error}");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
    // Others have manifests, too.
    for theirs in ["{\"manifest_version\": 3}", "no JSON"] {
        fs::write(dir.join("manifest.json"), theirs).unwrap();
        let error = execute(&plan(), &options(&dir, Backend::Heap, Pace::Skip)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{theirs}");
    }

    let file = dir.join("thesis.tex");
    let error = execute(&plan(), &options(&file, Backend::Heap, Pace::Skip)).unwrap_err();
    assert_eq!(error.exit_code(), 3);
}

#[test]
fn two_runs_at_once_do_not_leave_their_files_in_one_folder() {
    let temp = TempDir::new("busy");
    let dir = temp.join("out");
    for there in [false, true] {
        assert_eq!(dir.exists(), there);
        let folder = Folder::create(&dir).unwrap();
        let error = execute(&plan(), &options(&dir, Backend::Heap, Pace::Skip)).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("another run is writing"), "{error}");
        drop(folder);
        execute(&plan(), &options(&dir, Backend::Heap, Pace::Skip)).unwrap();
        assert!(!temp.join("out.partial").exists());
    }
}

#[test]
fn a_run_that_fails_leaves_nothing() {
    let temp = TempDir::new("fails");
    let mut plan = plan();
    plan.config.limits.pool = 0;
    let error = execute(&plan, &options(&temp.join("a/b"), Backend::Heap, Pace::Skip)).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(fs::read_dir(temp.join("a")).unwrap().count(), 0);
}

#[test]
fn an_interrupted_run_leaves_whole_files() {
    let temp = TempDir::new("interrupted");
    let dir = temp.join("out");
    let flag = std::sync::atomic::AtomicBool::new(true);
    let mut options = options(&dir, Backend::Heap, Pace::Skip);
    options.interrupted = Some(&flag);
    let summary = execute(&plan(), &options).unwrap();
    assert_eq!(summary.exit_code(), 130);
    assert!(read(&dir, "report.txt").contains("when it was interrupted"));
    let manifest: Manifest = serde_json::from_str(&read(&dir, "manifest.json")).unwrap();
    assert_eq!(manifest.ended, "interrupted");
}
