use super::*;
use crate::engine::tests::plans::{dut, ms, random, us};
use dataplane::config::NeighConfig;
use dataplane::{Event, Mac, PortId};
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, DUT_WAN, GW, icmp_echo, udp};

fn checked(plan: &Plan, only: &[&str]) -> Checked {
    let only = only.iter().map(|name| (*name).to_owned()).collect();
    let asked = Asked { only, interrupted: None };
    let fabric = &mut HeapFabric::new();
    check(plan, &asked, fabric, Some(&mut HeapFabric::new()), &mut |_| {}).unwrap()
}

/// Two workers, whose neighbours are known, three flows, and a ping that comes in fragments.
fn router() -> Plan {
    let mut plan = dut(2);
    for (dev, host) in [(0, ALICE), (1, BOB), (1, GW)] {
        let (dev, address, mac) = (PortId(dev), host.ip, Mac(host.mac));
        plan.config.neighbours.push(NeighConfig { dev, address, mac });
    }
    let ports = |n| 5000 + u16::try_from(n).unwrap();
    let len = |n| 10 * usize::try_from(n).unwrap();
    plan.frames(DUT_LAN, (0..8).map(|n| (us(100 + n), udp(ALICE, BOB).len(len(n)))));
    plan.frames(DUT_LAN, (0..8).map(|n| (us(100 + n), udp(ALICE, CAROL).ports(5, ports(n)))));
    let ping = icmp_echo(ALICE, DUT_LAN).len(3000).fragments(1480);
    plan.frames(DUT_LAN, ping.into_iter().map(|fragment| (ms(3), fragment)));
    plan.frames(DUT_WAN, [(ms(2), udp(BOB, ALICE))]);
    plan
}

#[test]
fn every_relation_holds_for_a_router_or_says_why_it_is_silent() {
    insta::assert_snapshot!(checked(&router(), &[]), @r"
    no-skip     same
    fabric      same
    poison      same, 2 times
    headroom    same, 2 times
    segments    same, 2 times
    doubled     same
    spelled     says nothing here: no capture is read
    split       same
    epoch       same
    wraps       same
    rx-bursts   same, 3 times
    tx-bursts   same, 3 times
    workers     same, 3 times
    pcap-port   says nothing here: an input is no capture
    fragments   same
    ");
}

#[test]
fn plans_of_which_everything_is_random_are_the_same_in_other_ways() {
    for seed in 0..20 {
        let only = ["no-skip", "poison", "headroom", "segments", "split"];
        let checked = checked(&random(seed), &only);
        assert!(checked.is_clean(), "seed {seed}:\n{checked}");
        assert_eq!(checked.came.len(), only.len());
    }
}

#[test]
fn only_what_was_asked_for_is_tried_and_a_run_that_is_wrong_is_said_to_be() {
    let came = checked(&router(), &["workers"]).came;
    assert_eq!(came, [("workers", Came::Same(3))]);
    let silent = checked(&dut(1), &["epoch"]).came;
    assert_eq!(silent, [("epoch", Came::Silent("nothing comes".to_owned()))]);
    let broken = vec![Breach::new("order", "packet 7 leaves behind packet 8")];
    let checked = Checked { broken, came: Vec::new(), interrupted: true };
    assert!(!checked.is_clean());
    insta::assert_snapshot!(checked, @r"
    the run is wrong as it is: order: packet 7 leaves behind packet 8

    interrupted: this is what was compared before
    ");
}

#[test]
fn where_frames_in_segments_find_no_buffer_nothing_is_said() {
    let mut plan = dut(1);
    plan.config.limits.pool = 64;
    plan.frames(DUT_LAN, (0..8).map(|n| (us(100 + n), udp(ALICE, BOB).len(1400))));
    let came = checked(&plan, &["segments"]).came;
    let [(_, Came::Silent(why))] = &came[..] else { panic!("{came:?}") };
    assert_eq!(
        why,
        "segments of 192, 61 bytes, in plain memory: it takes more buffers: rx_no_buffer"
    );
    plan.config.limits.pool = 8 * 24;
    assert_eq!(checked(&plan, &["segments"]).came, [("segments", Came::Same(2))]);
}

#[test]
fn a_poll_takes_no_more_frames_than_it_may() {
    let mut plan = dut(1);
    plan.frames(DUT_LAN, (0..10).map(|_| (us(100), udp(ALICE, BOB))));
    assert_eq!(heard_bursts(&plan), [10]);
    plan.config.limits.rx_burst = 4;
    assert_eq!(heard_bursts(&plan), [4, 4, 2]);
}

/// How many frames each poll took that took any.
fn heard_bursts(plan: &Plan) -> Vec<u32> {
    use crate::trace::{Observer, Record, What};
    #[derive(Default)]
    struct Polls(Vec<(String, u32)>);
    impl Observer for Polls {
        fn event(&mut self, Record { at, run, what, .. }: &Record) {
            let What::Lcore(Event::Rx { port, queue, .. }) = what else { return };
            let poll = format!("{at} {run:?} {port:?} {queue:?}");
            match self.0.last_mut() {
                Some((last, n)) if *last == poll => *n += 1,
                _ => self.0.push((poll, 1)),
            }
        }
    }
    let trying = Trying::default();
    let verdict = trial(plan, trying, &mut HeapFabric::new(), Polls::default()).unwrap();
    let (_, polls) = verdict.ran.unwrap();
    polls.0.into_iter().map(|(_, n)| n).collect()
}

/// What is said of two plans in which something must stay the same.
fn differs(stays: Stays, before: &Plan, now: &Plan) -> String {
    let ran = |plan: &Plan| {
        let trying = Trying::default();
        let verdict = trial(plan, trying, &mut HeapFabric::new(), Heard::default()).unwrap();
        assert_eq!(verdict.breaches, []);
        verdict.ran.unwrap()
    };
    let (before, now) = (ran(before), ran(now));
    match heard::compare(stays, [(&before.0, &before.1), (&now.0, &now.1)]) {
        Ok(None) => "same".to_owned(),
        Ok(Some(differs)) => differs,
        Err(why) => format!("silent: {why}"),
    }
}

#[test]
fn the_first_frame_that_differs_is_told_with_both_sides() {
    let before = router();
    let swapped = |plan: &mut Plan, a: usize, b: usize| {
        let crate::plan::Source::Frames(frames) = &mut plan.inputs[0].source else { panic!() };
        let moved = std::mem::take(&mut frames[a].1);
        let other = std::mem::replace(&mut frames[b].1, moved);
        frames[a].1 = other;
    };
    let mut now = before.clone();
    swapped(&mut now, 2, 5);
    let told = [
        differs(Stays::Everything, &before, &now),
        differs(Stays::Later(Nanos::new(5)), &before, &before),
        differs(Stays::Forwarded, &before, &now),
        differs(Stays::Delivered, &before, &now),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    frame 6 that leaves is another
      before: 0.000102280 s  wan  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 20
      now:    0.000102280 s  wan  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 50
    frame 1 that leaves is another
      before: 0.000100270 s  wan  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 0
      now:    0.000100270 s  wan  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 0
    packet 3 of a flow is another
      before: 0.000102280 s  wan  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 20
      now:    0.000102280 s  wan  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 50
    same
    ");
    let mut fewer = before.clone();
    fewer.inputs.pop();
    let told = [
        differs(Stays::Forwarded, &before, &fewer),
        differs(Stays::Delivered, &before, &fewer),
        differs(Stays::Delivered, &fewer, &before),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    packet 1 of a flow is another
      before: 0.002000210 s  lan  udp 192.0.2.9:4000 > 198.51.100.7:53 ttl 63 len 32
      now:    nothing
    a frame leaves in one of the runs only
      before: 0.002000210 s  lan  udp 192.0.2.9:4000 > 198.51.100.7:53 ttl 63 len 32
      now:    nothing
    a frame leaves in one of the runs only
      before: nothing
      now:    0.002000210 s  lan  udp 192.0.2.9:4000 > 198.51.100.7:53 ttl 63 len 32
    ");
}

#[test]
fn what_no_frame_shows_is_told_by_its_lcore_and_what_timing_decides_is_not_compared() {
    let before = router();
    let mut now = before.clone();
    now.costs = crate::plan::Costs::default();
    now.config.policy.neigh_reachable = Nanos::from_secs(61);
    assert_eq!(differs(Stays::Everything, &before, &now), "same");
    now.until = Some(Nanos::from_secs(1));
    let told = differs(Stays::Everything, &before, &now);
    assert!(
        told.starts_with("the same frames left, but what happened before is another: "),
        "{told}"
    );
    let mut full = before.clone();
    full.config.limits.tx_descriptors = 1;
    full.ports[1] = crate::plan::PortPlan::Ring(crate::plan::WirePlan {
        rate: Some(10_000_000),
        ..crate::plan::WirePlan::default()
    });
    let told = differs(Stays::Forwarded, &before, &full);
    assert!(told.starts_with("silent: "), "{told}");
}
