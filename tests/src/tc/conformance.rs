//! What a tbf lets pass: never more than it may in any window; and what Linux's lets pass.

use dataplane::heap::HeapBuf;
use dataplane::packet::Meta;
use dataplane::tc::{Key, Kind, Queue, Tbf, TokenBucket, TokenRate};
use dataplane::{Buf, Event, Instant, Nanos, PacketId};
use fixtures::{ALICE, BOB, Frame, udp};
use insta::assert_snapshot;
use proptest::prelude::*;
use sim::plan::{Backend, Costs, Pace, Plan};
use sim::run::simulate;
use sim::trace::{Observer, Outside, Record, What};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use tests::{WAN, dut_with_workers};

/// When packets came, and when a Qsch let them go or they were dropped.
#[derive(Default)]
struct Watch {
    came: BTreeMap<PacketId, Instant>,
    sent: Vec<(PacketId, Instant, u32)>,
    dropped: u64,
}

impl Observer for Watch {
    fn event(&mut self, record: &Record) {
        match record.what {
            What::Outside(Outside::Arrive { packet, .. }) => {
                self.came.insert(packet, record.at);
            }
            What::Lcore(Event::QschSent { packet, len, .. }) => {
                self.sent.push((packet, record.at, len));
            }
            What::Lcore(Event::Dropped { .. }) => self.dropped += 1,
            _ => {}
        }
    }
}

fn watch(plan: &Plan) -> Watch {
    let (outcome, watch) = simulate(plan, Backend::Heap, Pace::Skip, Watch::default()).unwrap();
    assert_eq!(outcome.broken, []);
    watch
}

/// A box that shapes what it forwards to BOB, at the speed of a real core.
fn shaped(workers: u8, tbf: Tbf, frames: &[(Instant, Frame)]) -> Plan {
    let net = dut_with_workers(workers).knows(WAN, BOB).qsch(WAN, "root", "", Kind::Tbf(tbf));
    let mut net = net.with(|plan| plan.costs = Costs::default());
    for (at, frame) in frames {
        net.at(at.saturating_since(Instant::EPOCH)).lan(frame);
    }
    net.plan
}

/// A frame of `len` bytes in all.
fn frame(len: usize) -> Frame {
    udp(ALICE, BOB).len(len - 42)
}

/// Every window between two departures: never more than `rate × window + burst`.
fn conforms(sent: &[(PacketId, Instant, u32)], rate: TokenRate) {
    for (from, (_, start, _)) in sent.iter().enumerate() {
        let mut bytes = 0_u128;
        for (_, end, len) in &sent[from..] {
            bytes += u128::from(*len);
            let window = u128::from((*end - *start).get());
            let allowed = u128::from(rate.bits) * window + u128::from(rate.burst) * 8_000_000_000;
            assert!(bytes * 8_000_000_000 <= allowed, "{bytes} bytes within {window} ns");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_window_of_any_length_has_more_than_rate_times_window_plus_burst(
        workers in 1_u8..4,
        bits in 100_000_u64..50_000_000,
        burst in 60_u64..6_000,
        peaks in prop::option::of(1_u64..4),
        arrivals in prop::collection::vec((0_u64..400_000, 60_usize..1514, 0_u16..64), 1..80),
    ) {
        let rate = TokenRate { bits, burst };
        let peak = peaks.map(|times| TokenRate { bits: bits * times, burst: 1514 });
        let mut now = Instant::EPOCH;
        let frames = arrivals.into_iter().map(|(gap, len, port)| {
            now += Nanos::new(gap);
            (now, frame(len).ports(4000 + port, 53))
        });
        let frames: Vec<_> = frames.collect();
        let watch = watch(&shaped(workers, Tbf { rate, peak, limit: 20_000 }, &frames));
        prop_assert_eq!(watch.sent.len() as u64 + watch.dropped, frames.len() as u64);
        conforms(&watch.sent, rate);
        if let Some(peak) = peak {
            conforms(&watch.sent, peak);
        }
    }
}

#[test]
fn what_passes_and_how_long_it_waits_by_rate_burst_and_load() {
    let mut table = String::from("   rate  burst  load   sent  dropped  mean us   max us\n");
    for bits in [1_000_000, 10_000_000] {
        for burst in [1_000, 8_000] {
            for load in [50, 100, 110, 200] {
                // 240 frames of 1000 bytes, at so many per cent of the rate.
                let gap = 8_000 * 1_000_000_000 / bits * 100 / load;
                let frames: Vec<_> =
                    (0..240).map(|n| (Instant::from_nanos(n * gap), frame(1000))).collect();
                let rate = TokenRate { bits, burst };
                let limit = Tbf::limit_of(rate, None, Nanos::from_millis(20));
                let watch = watch(&shaped(1, Tbf { rate, peak: None, limit }, &frames));
                conforms(&watch.sent, rate);
                let waits =
                    watch.sent.iter().map(|(id, at, _)| (*at - watch.came[id]).get() / 1000);
                let waits: Vec<u64> = waits.collect();
                let (sent, dropped) = (waits.len() as u64, watch.dropped);
                let mean = waits.iter().sum::<u64>() / sent;
                let max = waits.iter().max().unwrap();
                let rate = bits / 1_000_000;
                let _ = writeln!(
                    table,
                    "{rate:>6}M {burst:>6} {load:>4}% {sent:>6} {dropped:>8} {mean:>8} {max:>8}"
                );
            }
        }
    }
    assert_snapshot!(table, @"
    rate  burst  load   sent  dropped  mean us   max us
      1M   1000   50%    240        0        0        0
      1M   1000  100%    240        0        4       10
      1M   1000  110%    221       19    18729    23282
      1M   1000  200%    123      117    19516    20008
      1M   8000   50%    240        0        0        0
      1M   8000  100%    240        0        0        0
      1M   8000  110%    235        5    34113    80000
      1M   8000  200%    137      103    65080    80000
     10M   1000   50%    240        0        0        0
     10M   1000  100%    240        0        4        8
     10M   1000  110%    240        0     8694    17390
     10M   1000  200%    146       94    16768    20403
     10M   8000   50%    240        0        0        0
     10M   8000  100%    240        0        0        0
     10M   8000  110%    240        0     4000    11782
     10M   8000  200%    160       80    18527    26400
    ");
}

/// A packet of a capture: its length, its type of service, when it came, and when Linux's own model
/// lets it go; nothing if that drops it.
struct Captured {
    len: usize,
    tos: u8,
    came: Instant,
    model: Option<Instant>,
}

/// A run of Linux's tbf.
struct Run {
    name: String,
    tbf: Tbf,
    /// The inner qdisc, if it is not the tbf's own.
    child: Option<Kind>,
    packets: Vec<Captured>,
}

/// The runs that Linux made, where they are: see `captures.rs`.
fn runs() -> Vec<Run> {
    let named = std::env::var_os("LOCKSTEP_CAPTURES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| crate::cli::repository().join("../shared/captures"));
    let folder = folder.join("linux/08-tbf");
    let Ok(summary) = std::fs::read_to_string(folder.join("summary.tsv")) else {
        println!("skipped: there are no captures of Linux's tbf (set LOCKSTEP_CAPTURES)");
        return Vec::new();
    };
    let run = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| cells[at].parse::<u64>().ok();
        let token = |bytes: Option<u64>, burst: Option<u64>| {
            Some(TokenRate { bits: bytes? * 8, burst: burst? })
        };
        let child = match cells[8].split_once(' ') {
            Some(("pfifo", limit)) => Some(Kind::Pfifo { limit: limit.parse().unwrap() }),
            Some(("bfifo", limit)) => Some(Kind::Bfifo { limit: limit.parse().unwrap() }),
            Some((_, limit)) => Some(Kind::PfifoFast { limit: limit.parse().unwrap() }),
            None => None,
        };
        let rate = token(number(3), number(4)).unwrap();
        let tbf = Tbf { rate, peak: token(number(6), number(7)), limit: number(5).unwrap() };
        let packets = std::fs::read_to_string(folder.join(cells[0]).join("packets.tsv")).unwrap();
        let packets = packets.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let at = |at: usize| cells[at].parse().ok().map(Instant::from_nanos);
            let tos = u8::from_str_radix(cells[2].trim_start_matches("0x"), 16).unwrap();
            let (len, came) = (cells[1].parse().unwrap(), at(3).unwrap());
            Captured { len, tos, came, model: at(5) }
        });
        Run { name: cells[0].to_owned(), tbf, child, packets: packets.collect() }
    };
    summary.lines().skip(1).map(run).collect()
}

/// When each packet leaves that comes at its time to a tbf that never sleeps.
fn departures(run: &Run) -> Vec<Option<Instant>> {
    let own = Kind::Tbf(run.tbf);
    let kind = run.child.unwrap_or(own);
    let (mut queue, mut bucket) = (Queue::<HeapBuf>::default(), TokenBucket::default());
    let mut left = vec![None; run.packets.len()];
    let mut clock = Instant::EPOCH;
    let ends = run.packets.iter().map(|packet| packet.came).chain([Instant::MAX]);
    for (index, until) in ends.enumerate() {
        while let Some(head) = queue.peek() {
            match bucket.draw(&run.tbf, head.len(), clock) {
                Ok(()) => {
                    let id = queue.pop().unwrap().meta().id;
                    left[usize::try_from(id.0).unwrap()] = Some(clock);
                }
                Err(ready) if ready <= until => clock = ready,
                Err(_) => break,
            }
        }
        let Some(packet) = run.packets.get(index) else { break };
        clock = clock.max(until);
        let fits = packet.len as u64 <= run.tbf.max_frame();
        if fits && kind.admits(&queue, packet.len).is_ok() {
            let id = PacketId(index as u64);
            let mut buf = HeapBuf::new(Meta { id, ..Meta::default() });
            buf.append(packet.len).unwrap().fill(0);
            queue.push(&kind, &Key::of(&udp(ALICE, BOB).tos(packet.tos).build(), WAN), buf);
        }
    }
    left
}

#[test]
fn each_departure_is_that_of_linux_to_the_nanosecond() {
    for run in runs() {
        let left = departures(&run);
        let model: Vec<_> = run.packets.iter().map(|packet| packet.model).collect();
        let differ = left.iter().zip(&model).filter(|(ours, theirs)| ours != theirs).count();
        assert_eq!(left, model, "{}: {differ} of {} differ", run.name, left.len());
        println!("{}: {} packets, none differs", run.name, left.len());
    }
}

#[test]
fn the_whole_box_lets_go_what_linux_lets_go_within_two_microseconds() {
    for run in runs() {
        if run.child.is_some() {
            println!("{}: skipped, a tbf has no inner Qsch here", run.name);
            continue;
        }
        let frames = run.packets.iter().map(|p| (p.came, frame(p.len.max(42)).tos(p.tos)));
        let frames: Vec<_> = frames.collect();
        let watch = watch(&shaped(1, run.tbf, &frames));
        let sent: BTreeMap<_, _> = watch.sent.iter().map(|(id, at, _)| (*id, *at)).collect();
        for (id, packet) in (1..).map(PacketId).zip(&run.packets) {
            match (sent.get(&id), packet.model) {
                (Some(at), Some(model)) => {
                    let late = at.saturating_since(model).get();
                    assert!(*at >= model && late <= 2_000, "{} {id:?}: {late} ns", run.name);
                }
                (ours, theirs) => assert_eq!(ours.copied(), theirs, "{} {id:?}", run.name),
            }
        }
        let order: Vec<_> = watch.sent.iter().map(|(id, ..)| *id).collect();
        assert!(order.is_sorted(), "{}: out of order", run.name);
        println!("{}: {} of {} passed", run.name, sent.len(), run.packets.len());
    }
}
