//! When peers look at their wires, and what they lose.

use super::*;
use crate::engine::tests::plans::{dut, ms};
use crate::plan::{HostPlan, PingPlan, Times, WirePlan};
use dataplane::Mac;
use fixtures::{ALICE, DUT_LAN};

/// ALICE on the LAN, whose wire is 10 µs long, pings the box at 1 ms.
pub(crate) fn pinging(name: &str, loss: u32) -> Plan {
    let mut plan = dut(1);
    plan.ports[0] =
        PortPlan::Ring(WirePlan { delay: Nanos::from_micros(10), ..WirePlan::default() });
    let times = Times { at: ms(1), count: 3, every: Nanos::from_millis(10) };
    let ping = PingPlan { to: DUT_LAN.ip, times, size: 8 };
    plan.peers.push(PeerPlan {
        name: name.to_owned(),
        port: PortId(0),
        mac: Mac(ALICE.mac),
        address: format!("{}/24", ALICE.ip).parse().unwrap(),
        vlan: None,
        loss,
        kind: PeerKind::Host(HostPlan { mtu: 1500, pings: vec![ping], ..HostPlan::default() }),
    });
    plan
}

/// What the peers do at the time at which they do something next.
fn step(peers: &mut Peers) -> (u64, Vec<Vec<u8>>) {
    let (at, mut sent) = (peers.next(), Vec::new());
    peers.happen(at, &mut |one| match one {
        Sent::Frame(_, frame) => sent.push(frame),
        Sent::Lost(fault) => panic!("{fault}"),
    });
    (at.as_nanos(), sent)
}

#[test]
fn a_frame_is_looked_at_at_the_first_whole_microsecond_after_it_came() {
    for (left, looked) in
        [(5_000, 16_000), (5_001, 16_000), (5_999, 16_000), (6_000, 17_000), (0, 11_000)]
    {
        let mut peers = Peers::new(&pinging("alice", 0));
        peers.hear(Instant::from_nanos(left), PortId(0), &[0; 60], &mut |_| ());
        assert_eq!(peers.next().as_nanos(), looked, "{left}");
        assert!(!peers.is_quiet());
        let (at, sent) = step(&mut peers);
        assert_eq!((at, sent.len()), (looked, 0));
        assert_eq!(peers.next(), ms(1), "it pings at its time, whatever came");
    }
}

#[test]
fn what_leaves_by_another_port_is_not_heard() {
    let mut peers = Peers::new(&pinging("alice", 0));
    peers.hear(Instant::EPOCH, PortId(1), &[0; 60], &mut |_| ());
    assert_eq!(peers.next(), ms(1));
}

#[test]
fn a_host_asks_for_its_neighbour_at_its_time_and_again_a_second_later() {
    let mut peers = Peers::new(&pinging("alice", 0));
    let (at, sent) = step(&mut peers);
    assert_eq!((at, sent.len()), (1_000_000, 1));
    assert_eq!(sent[0][12..14], [0x08, 0x06], "an ARP request");
    let mut asked = vec![at];
    while !peers.is_quiet() {
        let (at, sent) = step(&mut peers);
        assert_eq!(at % STEP.get(), 0, "a whole microsecond");
        asked.extend(sent.iter().map(|_| at));
    }
    // What waits is given up after 3 s; the pings of 11 and 21 ms wait in the same queue.
    assert_eq!(asked, [1_000_000, 1_001_000_000, 2_001_000_000, 3_001_000_000]);
    let (outcomes, broken) = peers.finish();
    assert_eq!((outcomes[0].sent, broken), (4, vec![]));
}

#[test]
fn what_is_lost_depends_on_seed_and_name_alone() {
    let lost = |name: &str, seed: u64| {
        let mut plan = pinging(name, MILLION / 2);
        plan.config.seed = seed;
        let mut peers = Peers::new(&plan);
        let lost = (0..64u64).fold(0u64, |lost, n| {
            let mut told = Vec::new();
            let tell = &mut |fault: Fault| told.push(fault.to_string());
            peers.hear(Instant::from_nanos(n), PortId(0), &[0; 60], tell);
            let this = format!("deaf:{name}:{}", n + 1);
            assert!(told.is_empty() || told == [this], "{told:?}");
            lost << 1 | told.len() as u64
        });
        assert!((16..=48).contains(&lost.count_ones()), "{lost:064b}");
        lost
    };
    assert_eq!(lost("alice", 1), lost("alice", 1));
    assert_ne!(lost("alice", 1), lost("alice", 2));
    assert_ne!(lost("alice", 1), lost("bob", 1));
}

#[test]
fn all_or_nothing_is_lost_at_the_ends() {
    for (loss, comes) in [(0, 100), (MILLION, 0)] {
        let mut peers = Peers::new(&pinging("alice", loss));
        (0..100).for_each(|n| peers.hear(Instant::from_nanos(n), PortId(0), &[0; 60], &mut |_| ()));
        assert_eq!(peers.peers[0].coming.len(), comes);
    }
}

#[test]
fn what_faults_name_is_lost_and_nothing_else() {
    let mut plan = pinging("alice", 0);
    let faults = ["deaf:alice:2-3", "deaf:alice:5", "mute:alice:1", "deaf:bob:1"];
    plan.faults = faults.map(|word| word.parse().unwrap()).to_vec();
    let mut peers = Peers::new(&plan);
    let mut told = Vec::new();
    (0..6).for_each(|n| {
        let tell = &mut |fault: Fault| told.push(fault.to_string());
        peers.hear(Instant::from_nanos(n), PortId(0), &[0; 60], tell);
    });
    assert_eq!(told, ["deaf:alice:2", "deaf:alice:3", "deaf:alice:5"]);
    assert_eq!(peers.peers[0].coming.len(), 3);
    let mut sent = Vec::new();
    while sent.len() < 2 {
        let at = peers.next();
        peers.happen(at, &mut |one| {
            sent.push(match one {
                Sent::Frame(PortId(port), _) => format!("to port {port}"),
                Sent::Lost(fault) => fault.to_string(),
            });
        });
    }
    assert_eq!(sent, ["mute:alice:1", "to port 0"]);
    let (outcomes, _) = peers.finish();
    assert_eq!((outcomes[0].lost_from, outcomes[0].lost_to, outcomes[0].to()), (1, 3, 6));
}
