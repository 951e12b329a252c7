//! What lcores tell each other, as sequence charts: those of docs/messages.md, and what they must
//! show.

use crate::cli::repository;
use dataplane::config::Policy;
use dataplane::control::{Hello, Target};
use dataplane::job::JobKind;
use dataplane::msg::{Call, Priority};
use dataplane::{Counters, DropReason, LcoreId, PortId};
use fixtures::{ALICE, BOB, DUT_LAN, udp};
use insta::assert_snapshot;
use sim::plan::Costs;
use sim::plan::{Backend, Pace};
use sim::run::simulate;
use sim::scenario::{Overrides, Scenario};
use sim::trace::{JsonLines, Observer, Record};
use std::env;
use std::fmt::Write as _;
use std::fs;
use tests::{Dut, LAN, Told, WAN, dut_with_workers, ms, tell, us};

/// The kernel's port when one device has a kernel side.
const KERNEL: PortId = PortId(2);

fn hello(to: Target, call: Call) -> Hello {
    Hello { to, call, timeout: None, count: 1 }
}

fn one(id: u8) -> Target {
    Target::Lcore(LcoreId(id))
}

/// A master and workers whose jobs take as long as a real core's.
fn box_of(workers: u8) -> Dut {
    let mut net = dut_with_workers(workers).with(|plan| plan.costs = Costs::default());
    net.at(ms(1));
    net
}

fn greeted(workers: u8, hello: Hello) -> Dut {
    let mut net = box_of(workers);
    net.hello(hello);
    net
}

/// Worker 1 works on 30 packets for 100 us each, and is greeted meanwhile.
fn busy_worker() -> Dut {
    let mut net = box_of(2).knows(WAN, BOB).with(|plan| {
        plan.costs.0[JobKind::RecvFwd.index()].per_item = 100_000;
    });
    for _ in 0..30 {
        net.lan(&udp(ALICE, BOB));
    }
    net.at(ms(1) + us(10)).hello(hello(one(1), Call::Sync));
    net
}

/// The master serves a client for 3 ms right after it has greeted.
fn busy_master() -> Dut {
    let slow = |plan: &mut sim::plan::Plan| {
        plan.costs.0[JobKind::Sockopt.index()].per_item = 3_000_000;
    };
    greeted(1, hello(one(1), Call::Sync)).with(slow)
}

fn full_for_all() -> Dut {
    let mut net = box_of(3).with(|plan| plan.config.limits.msg_ring = 1);
    net.hello(hello(one(2), Call::Async));
    net.hello(hello(Target::Workers, Call::Sync));
    net
}

/// The kernel sends four frames, and there is no lcore for it but the master.
fn by_the_master() -> Dut {
    let mut net = dut_with_workers(3).kni(LAN, false).with(|plan| plan.costs = Costs::default());
    for port in 1..=4 {
        net.at(ms(1)).bytes(KERNEL, udp(DUT_LAN, ALICE).ports(port, 53).build());
    }
    net
}

/// The charts of docs/messages.md.
fn scenes() -> Vec<(&'static str, Dut)> {
    let three = Hello { count: 3, ..hello(one(1), Call::Async) };
    let dpvs = |plan: &mut sim::plan::Plan| plan.config.policy = Policy::dpvs();
    vec![
        ("unicast", greeted(2, hello(one(1), Call::Async))),
        ("sync", greeted(2, hello(one(2), Call::Sync))),
        ("continuation", greeted(2, Hello { call: Call::Sync, ..three })),
        ("multicast", greeted(3, hello(Target::Workers, Call::Sync))),
        ("master-xmit", by_the_master()),
        ("timeout", busy_worker()),
        ("timeout-dpvs", busy_worker().with(dpvs)),
        ("late-reply", busy_master()),
        ("full-ring", greeted(2, three).with(|plan| plan.config.limits.msg_ring = 2)),
        ("full-multicast", full_for_all()),
        ("full-multicast-dpvs", full_for_all().with(dpvs)),
        (
            "lost-reply",
            greeted(2, hello(Target::Workers, Call::Sync))
                .with(|plan| plan.config.limits.msg_ring = 1),
        ),
        (
            "priority",
            greeted(1, hello(one(1), Call::Sync))
                .with(|plan| plan.config.policy.msg_priority_level = Priority::Norm),
        ),
    ]
}

fn scene(name: &str) -> Told {
    let scene = scenes().into_iter().find(|(other, _)| *other == name);
    tell(&scene.unwrap_or_else(|| panic!("no scene {name}")).1.plan)
}

/// What an lcore counted.
fn counters(told: &Told, lcore: u8) -> &Counters {
    &told.outcome.lcores.iter().find(|l| l.id.0 == lcore).unwrap().counters
}

#[test]
fn the_charts_in_the_documentation_are_those_of_real_runs() {
    assert!(charts_of("docs/messages.md", scenes()).contains(sim::chart::LEGEND));
}

/// Compares the charts of a page with those of its scenes, or writes them. Returns the page.
pub fn charts_of(page: &str, scenes: Vec<(&'static str, Dut)>) -> String {
    let path = repository().join(page);
    let kept = fs::read_to_string(&path).unwrap();
    let mut charts = scenes.into_iter();
    let mut text = String::new();
    let mut rest = kept.as_str();
    while let Some((before, behind)) = rest.split_once("<!-- chart: ") {
        let (name, behind) = behind.split_once(" -->\n```text\n").unwrap();
        let (_, behind) = behind.split_once("```\n").unwrap();
        let (expected, net) = charts.next().unwrap_or_else(|| panic!("{name} is no scene"));
        assert_eq!(name, expected, "charts come in the order of the scenes");
        let chart = tell(&net.plan).chart;
        let _ = write!(text, "{before}<!-- chart: {name} -->\n```text\n{chart}```\n");
        rest = behind;
    }
    text.push_str(rest);
    assert_eq!(charts.next().map(|(name, _)| name), None, "a scene without a chart");
    if env::var_os("DOCS").is_some_and(|how| how == "write") {
        fs::write(&path, &text).unwrap();
    } else {
        assert!(kept == text, "{page} is old: run `DOCS=write cargo test -p tests charts`");
    }
    text
}

#[test]
fn a_chart_is_as_wide_as_a_page_whoever_takes_part() {
    for workers in 1..=16 {
        let net = greeted(workers, hello(Target::Workers, Call::Sync));
        let chart = tell(&net.plan).chart;
        let widest = chart.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 100, "{workers} workers: {widest}\n{chart}");
        assert!(chart.contains('◆'), "{chart}");
    }
}

/// Whoever writes down what happens to messages, as it is in events.jsonl.
struct Lines(JsonLines, Vec<u8>);

impl Observer for Lines {
    fn event(&mut self, record: &Record) {
        if record.what.name().starts_with("msg_") {
            self.0.line(record, &mut self.1);
        }
    }
}

#[test]
fn each_thing_that_happens_to_a_message_has_a_line_in_the_trace() {
    let net = greeted(1, hello(one(1), Call::Sync));
    let lines = Lines(JsonLines::new(&["lan".to_owned(), "wan".to_owned()]), Vec::new());
    let (_, lines) = simulate(&net.plan, Backend::Heap, Pace::Skip, lines).unwrap();
    let lines = String::from_utf8(lines.1).unwrap().replace(",\"event\"", "\n    ,\"event\"");
    assert_snapshot!(lines, @r#"
    {"n":2,"t":1000070,"lcore":0,"tick":9092,"job":"sockopt_job"
        ,"event":"msg_sent","type":"HELLO","seq":1,"from":0,"to":1,"mode":"unicast","call":"sync","deadline":3000070}
    {"n":3,"t":1000150,"lcore":1,"tick":9962,"job":"msg_slave_job"
        ,"event":"msg_delivered","type":"HELLO","seq":1,"from":0,"to":1}
    {"n":4,"t":1000150,"lcore":1,"tick":9962,"job":"msg_slave_job"
        ,"event":"msg_handled","type":"HELLO","seq":1,"from":0,"to":1,"result":"ok"}
    {"n":5,"t":1000150,"lcore":1,"tick":9962,"job":"msg_slave_job"
        ,"event":"msg_replied","type":"HELLO","seq":1,"from":1,"to":0,"result":"ok"}
    {"n":6,"t":1002170,"lcore":0,"tick":9093,"job":"msg_master_job"
        ,"event":"msg_answered","type":"HELLO","seq":1,"from":1,"to":0,"result":"ok"}
    {"n":7,"t":1002170,"lcore":0,"tick":9093,"job":"msg_master_job"
        ,"event":"msg_done","type":"HELLO","seq":1,"from":0,"result":"ok"}
    "#);
}

#[test]
fn the_report_tells_what_lcores_told_each_other() {
    let path = repository().join("fixtures/scenarios/messages.toml");
    let plan = Scenario::load(&path, &Overrides::default()).unwrap().plan;
    let report = sim::report::text("messages", &plan, &tell(&plan).outcome);
    let (_, section) = report.split_once("messages between lcores\n").unwrap();
    let (section, _) = section.split_once("\ntrace ").unwrap();
    assert_snapshot!(section, @"
      requests: sent 7, carried out 6, taken too late 1
      replies: sent 5, calls timed out 1

           ms  lcore 0       lcore 1       lcore 2       lcore 3
               master        worker        worker        worker
     1.000070  ├─ HELLO #1 ─▶┃             │             │  tick 9092: async
     1.002860  │             ●             │             │  tick 198: #1 waited 2.79 us
            ⋮  ┊             ┊             ┊             ┊  (997.24 us)
     2.000100  ├─ HELLO #2 ──┼────────────▶┃             │  tick 18165: sync, within 2 ms
     2.000580  ┃◀────────────┼─── ok #2 ───●             │  tick 394: #2 waited 480 ns
     2.002200  ◆             │             │             │  tick 18166: #2 waited 1.62 us: ok
               ├─ HELLO #3 ──┼────────────▶┃             │  sync, within 2 ms
     2.005870  ┃◀────────────┼─── ok #3 ───●             │  tick 395: #3 waited 3.67 us
     2.005920  ◆             │             │             │  tick 18198: #3 waited 50 ns: ok
            ⋮  ┊             ┊             ┊             ┊  (994.17 us)
     3.000090  ├─ HELLO #4 ─▶┃────────────▶┃────────────▶┃  tick 27234: sync to all, within 2 ms
     3.003390  ┃◀────────────╂─────────────╂─── ok #4 ───●  tick 591: #4 waited 3.3 us
     3.003400  +             ┃             ┃             │  tick 27246: #4 answered by 3
     3.003590  ┃◀── ok #4 ───●             ┃             │  tick 591: #4 waited 3.5 us
     3.003710  +             │             ┃             │  tick 27247: #4 answered by 1
     3.003790  ┃◀────────────┼─── ok #4 ───●             │  tick 591: #4 waited 3.7 us
     3.004020  ◆             │             │             │  tick 27248: #4 answered by 2: ok
            ⋮  ┊             ┊             ┊             ┊  (996.04 us)
     4.000060  ├─ HELLO #5 ──┼─────────────┼────────────▶┃  tick 36301: sync, within 1 us
     4.001310  │             │             │             ×  tick 787: #5 waited 1.25 us, 250 ns too
               │             │             │             │  late: dropped
     4.002160  ◇             │             │             │  tick 36302: #5 not answered by 3: timed out

    ┃ a message waits in the ring of this lcore         ↻ to itself
    ● takes a request and carries it out (○ cannot)   + takes an answer, others are missing
    ◆ the conversation is over: ok (◇ not ok)         × dropped, or not sent

    orders to the control plane: 4, 1 refused
      0.001000000  hello 1 async: done after 70ns
      0.002000000  hello 2 sync count 2: done after 5920ns
      0.003000000  hello workers sync: done after 4020ns
      0.004000000  hello 3 sync timeout 1us: refused, MSG_DROP: it did not answer in time (policy.msg_timeout) after 2160ns
    ");
}

#[test]
fn a_report_has_the_beginning_of_a_long_chart_and_says_so() {
    for (count, whole) in [(20, true), (21, false), (700, false)] {
        let net = greeted(1, Hello { count, ..hello(one(1), Call::Async) });
        let report = sim::report::text("long", &net.plan, &tell(&net.plan).outcome);
        let said = "These are the first 40 rows; all of it is in events.jsonl.";
        assert_eq!(!report.contains(said), whole, "{count}");
        assert_eq!(report.matches("HELLO #").count().max(20), 20.max(count as usize).min(40));
    }
}

// B78
#[test]
fn a_request_that_was_given_up_is_not_carried_out_behind_the_callers_back() {
    let (ours, dpvs) = (scene("timeout"), scene("timeout-dpvs"));
    for told in [&ours, &dpvs] {
        assert_eq!(counters(told, 0).msg_timeouts, 1);
        assert_eq!(counters(told, 1).msg_requests_in, 1);
    }
    assert_eq!((counters(&ours, 1).msg_handled, counters(&ours, 1).msg_expired), (0, 1));
    assert_eq!((counters(&dpvs, 1).msg_handled, counters(&dpvs, 1).msg_expired), (1, 0));
    assert_eq!(counters(&dpvs, 0).msg_replies_late, 1);
}

// B80
#[test]
fn a_multicast_that_does_not_fit_goes_to_nobody() {
    let (ours, dpvs) = (scene("full-multicast"), scene("full-multicast-dpvs"));
    assert_eq!((counters(&ours, 0).msg_requests_out, counters(&ours, 1).msg_handled), (1, 0));
    assert_eq!((counters(&dpvs, 0).msg_requests_out, counters(&dpvs, 1).msg_handled), (2, 1));
    assert_eq!(counters(&ours, 3).msg_requests_in + counters(&dpvs, 3).msg_requests_in, 0);
}

// B77
#[test]
fn a_multicast_whose_reply_got_lost_is_over_at_its_deadline_and_so_is_the_run() {
    for call in [Call::Sync, Call::Async] {
        let net = greeted(2, hello(Target::Workers, call));
        let told = tell(&net.with(|plan| plan.config.limits.msg_ring = 1).plan);
        assert_eq!(counters(&told, 2).msg_replies_lost, 1, "{call:?}");
        assert_eq!(counters(&told, 0).msg_timeouts, 1, "{call:?}");
        let end = told.outcome.end.as_nanos();
        assert!((3_000_000..3_001_000).contains(&end), "{call:?}: {end}");
    }
}

#[test]
fn a_long_wait_for_an_answer_is_skipped_like_any_idle_time() {
    let mut net = busy_worker();
    net.plan.commands.clear();
    let timeout = Some(ms(50));
    net.at(ms(1) + us(10)).hello(Hello { timeout, ..hello(one(1), Call::Sync) });
    let told = tell(&net.plan);
    assert_eq!((counters(&told, 0).msg_timeouts, counters(&told, 1).msg_handled), (0, 1));
    assert!(told.outcome.steps < 200, "{} steps", told.outcome.steps);
}

// B21
#[test]
fn what_the_kernel_sends_leaves_by_the_workers_when_the_master_serves_it() {
    let net = by_the_master();
    let frames: Vec<_> = (1..=4).map(|p| udp(DUT_LAN, ALICE).ports(p, 53).build()).collect();
    let mut left = tests::frames_out(&net.plan, LAN);
    left.sort();
    assert_eq!(left, frames);
    let told = tell(&net.plan);
    let sent = [1, 2, 3].map(|worker| counters(&told, worker).opackets);
    assert_eq!((sent, counters(&told, 0).opackets), ([2, 1, 1], 0));
}

#[test]
fn a_frame_in_a_message_that_nobody_has_taken_yet_is_held() {
    let mut net = by_the_master().with(|plan| {
        plan.costs.0[JobKind::QschSched.index()].idle = 1_500_000;
    });
    assert_eq!(
        net.run_until(ms(1) + us(2)).lines().last(),
        Some("in 4 + made 0 = out 0 + consumed 0 + dropped 0 + held 4")
    );
}

// B76
#[test]
fn a_frame_of_the_masters_is_dropped_by_name_when_no_worker_may_be_told() {
    for (level, dropped) in [(Priority::High, 0), (Priority::Ign, 4)] {
        let net = by_the_master().with(|plan| plan.config.policy.msg_priority_level = level);
        let told = tell(&net.plan);
        assert_eq!(told.outcome.ledger.dropped[DropReason::MsgRefused], dropped, "{level:?}");
    }
}
