mod iftraf;
mod messages;
mod orders;

use super::*;
use crate::config::{LcoreConfig, NeighConfig, PortConfig, PortQueues, VlanConfig};
use crate::control::{NeighOrder, Order};
use crate::drop::DropReason;
use crate::event::Event;
use crate::heap::{HeapBuf, HeapWorld};
use crate::time::Nanos;
use crate::types::{DeviceName, Mac, QueueId};
use crate::world::Parcel;
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, DUT_WAN, Host, arp_reply, icmp_echo, udp};
use proptest::prelude::*;

const LAN: PortId = PortId(0);
const WAN: PortId = PortId(1);
const Q0: QueueId = QueueId(0);

fn name(name: &str) -> DeviceName {
    DeviceName::try_new(name).unwrap()
}

/// A router between ALICE's LAN and BOB's WAN, with `workers` workers.
fn router(workers: u8) -> Config {
    let port = |name: &str, host: Host| PortConfig {
        name: name.into(),
        mac: Mac(host.mac),
        mtu: 1500,
        addresses: vec![format!("{}/24", host.ip).parse().unwrap()],
        rx_queues: u16::from(workers),
        tx_queues: u16::from(workers),
        vlans: vec![],
    };
    let worker = |id: u8| {
        let queue = vec![QueueId(u16::from(id - 1))];
        let on = |port| PortQueues { port, rx: queue.clone(), tx: queue.clone() };
        LcoreConfig { id: LcoreId(id), role: Role::Worker, queues: vec![on(LAN), on(WAN)] }
    };
    let master = LcoreConfig { id: LcoreId(0), role: Role::Master, queues: vec![] };
    Config {
        ports: vec![port("lan", DUT_LAN), port("wan", DUT_WAN)],
        lcores: std::iter::once(master).chain((1..=workers).map(worker)).collect(),
        ..Config::default()
    }
}

/// The lcores of a configuration, stepped by hand.
struct Box {
    world: HeapWorld,
    lcores: Vec<Lcore<HeapBuf>>,
}

impl Box {
    fn new(config: &Config) -> Box {
        let lcore = |l: &LcoreConfig| Lcore::new(config, l.id).unwrap();
        Box { world: HeapWorld::new(config), lcores: config.lcores.iter().map(lcore).collect() }
    }

    /// Runs one whole tick of each lcore at `ms`.
    fn tick(&mut self, ms: u64) {
        (0..self.lcores.len()).for_each(|lcore| self.tick_of(lcore, ms));
    }

    /// Runs one whole tick of one lcore at `ms`.
    fn tick_of(&mut self, lcore: usize, ms: u64) {
        let lcore = &mut self.lcores[lcore];
        self.world.set(Instant::EPOCH + Nanos::from_millis(ms), lcore.id());
        let tick = lcore.position().tick;
        while lcore.position().tick == tick {
            lcore.step(&mut self.world);
        }
    }

    /// Steps lcore 1 until it has run a job of this kind.
    fn step_through(&mut self, kind: JobKind) {
        while self.lcores[1].step(&mut self.world).kind != kind {}
    }

    /// Whether the next run of a job of this lcore finds work of the lcore's own.
    fn wants(&self, lcore: usize, kind: JobKind) -> bool {
        let mut wants = false;
        self.lcores[lcore].wants(|k, from| wants |= k == kind && from == Instant::EPOCH);
        wants
    }

    fn receive(&mut self, port: PortId, frame: &fixtures::Frame) {
        self.world.receive(port, Q0, &frame.build()).unwrap();
    }

    fn drops(&self, lcore: usize) -> Vec<(DropReason, u64)> {
        self.lcores[lcore].counters().drops.iter().collect()
    }

    fn held(&self) -> u64 {
        self.lcores.iter().map(Lcore::held).sum()
    }
}

#[test]
fn a_packet_to_an_unknown_next_hop_waits_for_the_arp_reply() {
    let mut dut = Box::new(&router(1));
    dut.receive(LAN, &udp(ALICE, BOB));
    dut.tick(0);
    assert_eq!(dut.world.sent.len(), 1, "the ARP request");
    assert_eq!(dut.held(), 1);
    dut.receive(WAN, &arp_reply(BOB, DUT_WAN));
    dut.tick(3);
    let sent = &dut.world.sent[1];
    assert_eq!((sent.port, dut.held()), (WAN, 0));
    let expected = udp(ALICE, BOB).ttl(63).src_mac(DUT_WAN.mac).dst_mac(BOB.mac).build();
    assert_eq!(sent.frame, expected);
    assert_eq!(dut.world.in_use(), 0);
}

// B06
#[test]
fn as_many_packets_wait_as_may_and_the_next_one_is_dropped() {
    let mut config = router(1);
    config.limits.neigh_queue = 4;
    let mut dut = Box::new(&config);
    for _ in 0..4 {
        dut.receive(LAN, &udp(ALICE, BOB));
    }
    dut.tick(0);
    assert_eq!((dut.held(), dut.drops(1)), (4, vec![]), "at the limit");
    dut.receive(LAN, &udp(ALICE, BOB));
    dut.tick(1);
    assert_eq!((dut.held(), dut.drops(1)), (4, vec![(DropReason::NeighQueueFull, 1)]));
}

#[test]
fn the_neighbour_table_takes_as_many_as_it_may() {
    let mut config = router(1);
    config.limits.neigh_entries = 2;
    let mut dut = Box::new(&config);
    for last in [10, 11] {
        dut.receive(LAN, &udp(ALICE, BOB.with_ip([192, 0, 2, last])));
    }
    dut.tick(0);
    assert_eq!((dut.held(), dut.drops(1)), (2, vec![]), "at the limit");
    dut.receive(LAN, &udp(ALICE, BOB.with_ip([192, 0, 2, 12])));
    dut.tick(1);
    assert_eq!((dut.held(), dut.drops(1)), (2, vec![(DropReason::NeighTableFull, 1)]));
}

#[test]
fn the_33rd_frame_pushes_the_first_32_out() {
    let mut config = router(1);
    let bob = NeighConfig { dev: WAN, address: BOB.ip, mac: Mac(BOB.mac) };
    config.neighbours = vec![bob];
    let mut dut = Box::new(&config);
    for _ in 0..32 {
        dut.receive(LAN, &udp(ALICE, BOB));
    }
    dut.world.set(Instant::EPOCH, LcoreId(1));
    dut.step_through(JobKind::RecvFwd);
    assert_eq!((dut.world.sent.len(), dut.held()), (0, 32), "at the limit they wait for xmit");
    dut.step_through(JobKind::Xmit);
    assert_eq!((dut.world.sent.len(), dut.held()), (32, 0), "job xmit");
    for _ in 0..32 {
        dut.receive(LAN, &udp(ALICE, BOB));
    }
    dut.receive(WAN, &udp(ALICE, BOB).dst_mac(DUT_WAN.mac));
    dut.tick(1);
    dut.world.set(Instant::EPOCH, LcoreId(1));
    dut.step_through(JobKind::RecvFwd);
    assert_eq!((dut.world.sent.len(), dut.held()), (64, 1), "one over, before xmit ran");
}

// B21
#[test]
fn what_the_port_refuses_is_dropped_by_name_and_bytes_are_those_that_left() {
    let mut config = router(1);
    config.neighbours = vec![NeighConfig { dev: WAN, address: BOB.ip, mac: Mac(BOB.mac) }];
    let mut dut = Box::new(&config);
    dut.world.tx_room = Some(2);
    for _ in 0..5 {
        dut.receive(LAN, &udp(ALICE, BOB).len(32));
    }
    dut.tick(0);
    let counters = dut.lcores[1].counters();
    assert_eq!((counters.opackets, counters.obytes), (2, 2 * (14 + 20 + 8 + 32)));
    assert_eq!(dut.drops(1), [(DropReason::TxRefused, 3)]);
    assert_eq!(dut.world.in_use(), 0);
}

// f5504c6a
#[test]
fn an_arp_reply_reaches_every_worker_once() {
    let mut dut = Box::new(&router(3));
    dut.receive(LAN, &udp(ALICE, BOB));
    dut.tick(0);
    dut.receive(WAN, &arp_reply(BOB, DUT_WAN));
    dut.tick(1);
    dut.tick(2);
    for worker in 1..=3 {
        let known = dut.lcores[worker].neighbours().iter().collect::<Vec<_>>();
        assert_eq!(known.len(), 1, "worker {worker}");
        assert_eq!(known[0].3, Mac(BOB.mac));
        assert_eq!(dut.drops(worker), []);
    }
    assert_eq!(dut.world.in_use(), 0);
}

#[test]
fn a_full_arp_ring_loses_the_copy_by_name() {
    let mut config = router(2);
    config.limits.arp_ring = 1;
    config.policy.arp_unsolicited_creates = true;
    let mut dut = Box::new(&config);
    dut.receive(WAN, &arp_reply(BOB, DUT_WAN));
    dut.receive(WAN, &arp_reply(ALICE, DUT_WAN));
    dut.tick(0);
    assert_eq!(dut.drops(1), [(DropReason::ArpRingFull, 1)]);
    assert_eq!(dut.lcores[2].counters().ring_packets, 1);
    assert_eq!(dut.world.in_use(), 0);
}

// B08
#[test]
fn the_master_tells_every_worker_and_says_whose_ring_was_full() {
    let mut config = router(2);
    config.limits.neigh_ring = 2;
    config.policy.neigh_sync_skip = 3;
    let mut dut = Box::new(&config);
    for last in 11..=13 {
        let address = std::net::Ipv4Addr::new(192, 0, 2, last);
        let mac = Some(Mac(BOB.mac));
        dut.lcores[0].order(Order::Neigh(NeighOrder { dev: name("wan"), address, mac }));
    }
    assert!(dut.wants(0, JobKind::NeighSync));
    for ms in 0..3 {
        assert_eq!(dut.lcores[1].counters().neigh_changes, 0, "before tick 3");
        dut.tick(ms);
    }
    assert!(!dut.wants(0, JobKind::NeighSync));
    assert_eq!(dut.lcores[0].counters().neigh_sync_failed, 2, "one change, two workers");
    for worker in 1..=2 {
        assert_eq!(dut.lcores[worker].counters().neigh_changes, 2);
        assert!(dut.lcores[worker].neighbours().iter().all(|n| n.4), "all are static");
    }
}

fn static_bob() -> Order {
    Order::Neigh(NeighOrder { dev: name("wan"), address: BOB.ip, mac: Some(Mac(BOB.mac)) })
}

// B08
#[test]
fn the_full_ring_of_one_worker_keeps_nothing_from_the_others() {
    let mut config = router(3);
    config.limits.neigh_ring = 1;
    config.policy.neigh_sync_skip = 1;
    let mut dut = Box::new(&config);
    dut.lcores[0].order(static_bob());
    dut.tick_of(0, 0);
    // Lcore 1, the first to be told, has not run since: its ring is full.
    dut.tick_of(2, 1);
    dut.tick_of(3, 1);
    dut.lcores[0].order(static_bob());
    dut.tick_of(0, 2);
    dut.tick(3);
    let changes = [1, 2, 3].map(|worker| dut.lcores[worker].counters().neigh_changes);
    assert_eq!(changes, [1, 2, 2]);
    assert_eq!(dut.lcores[0].counters().neigh_sync_failed, 1);
}

// B09
#[test]
fn the_master_keeps_no_neighbour_and_asks_for_none() {
    let mut config = router(1);
    config.neighbours = vec![NeighConfig { dev: LAN, address: ALICE.ip, mac: Mac(ALICE.mac) }];
    let mut dut = Box::new(&config);
    dut.lcores[0].order(static_bob());
    (0..200).for_each(|ms| dut.tick(ms));
    assert_eq!(dut.lcores[1].neighbours().iter().count(), 2, "the worker knows both");
    assert_eq!((dut.lcores[0].neighbours().iter().count(), dut.lcores[0].held()), (0, 0));
    assert_eq!(dut.lcores[0].counters().arp_requests_out, 0);
}

#[test]
fn an_absent_neighbour_is_asked_three_times_and_the_sender_told() {
    let mut config = router(1);
    config.neighbours = vec![NeighConfig { dev: LAN, address: ALICE.ip, mac: Mac(ALICE.mac) }];
    let mut dut = Box::new(&config);
    dut.receive(LAN, &udp(ALICE, BOB));
    // What a timer makes leaves with job xmit of the next tick.
    for ms in [0, 999, 1000, 1001, 1999, 2000, 2001, 2999, 3000, 3001] {
        dut.tick(ms);
    }
    let sent: Vec<(u64, PortId)> =
        dut.world.sent.iter().map(|s| (s.at.as_nanos() / 1_000_000, s.port)).collect();
    assert_eq!(sent, [(0, WAN), (1001, WAN), (2001, WAN), (3001, LAN)]);
    let error = &dut.world.sent[3].frame;
    assert_eq!(&error[34..36], [3, 1], "host unreachable");
    assert_eq!(dut.drops(1), [(DropReason::NeighUnreachable, 1)]);
    assert_eq!(dut.world.in_use(), 0);
}

#[test]
fn one_tick_of_timers_at_a_gate_when_catching_up_is_off() {
    for (catch_up, first) in [(true, 2), (false, 1)] {
        let mut config = router(1);
        config.policy.timer_catch_up = catch_up;
        let mut dut = Box::new(&config);
        dut.receive(LAN, &udp(ALICE, BOB));
        dut.tick(0);
        dut.receive(LAN, &udp(ALICE, BOB.with_ip([192, 0, 2, 10])));
        dut.tick(5);
        dut.tick(1500);
        assert_eq!(dut.lcores[1].counters().timers, first);
        dut.tick(1501);
        assert_eq!(dut.lcores[1].counters().timers, 2);
    }
}

#[test]
fn an_empty_pool_is_counted_and_nothing_is_lost_silently() {
    let mut config = router(1);
    config.limits.pool = 64;
    let mut dut = Box::new(&config);
    for _ in 0..64 {
        dut.receive(LAN, &udp(ALICE, BOB));
    }
    assert_eq!(dut.world.receive(LAN, Q0, &udp(ALICE, BOB).build()), None);
    dut.tick(0);
    assert_eq!(dut.lcores[1].counters().no_buffer, 1, "the ARP request");
    assert_eq!(dut.held(), 32);
}

#[test]
fn a_run_of_ipv4_frag_gives_up_a_burst_of_datagrams_and_no_more() {
    let mut config = router(1);
    config.policy.ipv4_frag_skip = 1;
    let mut dut = Box::new(&config);
    for id in 0..33 {
        dut.receive(LAN, &icmp_echo(ALICE, DUT_LAN).len(100).id(id).fragment(8, 8));
    }
    // Received in two bursts, both at once.
    (0..2).for_each(|_| dut.tick(0));
    assert!(!dut.wants(1, JobKind::Ipv4Frag), "not yet");
    for (ms, held) in [(29_999, 33), (30_000, 1), (30_000, 0)] {
        dut.tick(ms);
        assert_eq!(dut.held(), held, "at {ms} ms");
    }
    assert_eq!(dut.drops(1), [(DropReason::ReassemblyTimeout, 33)]);
    assert_eq!(dut.world.in_use(), 0);
}

proptest! {
    // B97
    /// Whatever arrives: every packet has exactly one end, and no buffer is lost.
    #[test]
    fn packets_are_conserved(
        frames in prop::collection::vec((0u16..2, fixtures::any_frame(), 0u64..2000), 1..60),
        dpvs: bool,
        workers in 1u8..4,
    ) {
        let mut config = router(workers);
        if dpvs {
            config.policy = crate::config::Policy::dpvs();
        }
        config.policy.reassembly_timeout = Nanos::from_secs(5);
        config.policy.ipv4_frag_skip = 1;
        let mut dut = Box::new(&config);
        let mut ms = 0;
        for (port, frame, gap) in &frames {
            dut.world.receive(PortId(*port), Q0, frame);
            ms += gap;
            dut.tick(ms);
        }
        (1..=10).for_each(|s| dut.tick(ms + s * 1000));
        let total = |of: fn(&Counters) -> u64| -> u64 {
            dut.lcores.iter().map(|l| of(l.counters())).sum()
        };
        let came = total(|c| c.ipackets) + total(|c| c.made);
        let went = total(|c| c.opackets) + total(|c| c.consumed) + total(|c| c.drops.total());
        prop_assert_eq!(came, went + dut.held());
        prop_assert_eq!(dut.held(), 0, "after ten seconds nothing waits any more");
        prop_assert_eq!(dut.world.in_use(), 0);
    }

    /// Skipping idle ticks changes what stepping them changes.
    #[test]
    fn idle_ticks_in_closed_form_are_idle_ticks(
        // At five jobs a tick, these steps end in tick 3, before any target.
        from in 0usize..12,
        ticks in 3u64..400,
        slots in 0usize..8,
    ) {
        let mut stepped = Box::new(&router(1));
        let mut skipped = Box::new(&router(1));
        for lcore in 0..2 {
            for _ in 0..from {
                stepped.lcores[lcore].step(&mut stepped.world);
                skipped.lcores[lcore].step(&mut skipped.world);
            }
            let target = Position { tick: 1 + ticks, slot: 0 };
            let world = &mut stepped.world;
            while stepped.lcores[lcore].position() < target {
                stepped.lcores[lcore].step(world);
            }
            let jobs = stepped.lcores[lcore].schedule().clone();
            let in_tick = (0..slots).take_while(|s| jobs.job_at(1 + ticks, *s).is_some()).count();
            let slot = if jobs.job_at(1 + ticks, in_tick).is_some() { in_tick } else { 0 };
            (0..slot).for_each(|_| { stepped.lcores[lcore].step(world); });
            skipped.lcores[lcore].skip_to(Position { tick: 1 + ticks, slot });
            prop_assert_eq!(stepped.lcores[lcore].position(), skipped.lcores[lcore].position());
            prop_assert_eq!(stepped.lcores[lcore].counters(), skipped.lcores[lcore].counters());
        }
    }
}

#[test]
fn an_echo_request_for_any_of_our_addresses_is_answered_in_place() {
    let mut config = router(1);
    config.neighbours = vec![NeighConfig { dev: LAN, address: ALICE.ip, mac: Mac(ALICE.mac) }];
    let mut dut = Box::new(&config);
    dut.receive(LAN, &icmp_echo(ALICE, DUT_WAN).tos(0x20));
    dut.tick(0);
    let expected = fixtures::icmp_echo_reply(DUT_WAN, ALICE).tos(0x20).id(0);
    let expected = expected.src_mac(DUT_LAN.mac).dst_mac(ALICE.mac).build();
    assert_eq!(dut.world.sent[0].frame, expected);
    assert_eq!(dut.lcores[1].counters().made, 0);
}

#[test]
#[cfg_attr(miri, ignore = "minutes there")]
fn jitter_comes_from_the_seed_and_each_lcore_has_its_own() {
    let expired_at = |seed: u64| -> Vec<Instant> {
        let mut config = router(2);
        config.policy = crate::config::Policy::dpvs();
        config.seed = seed;
        let mut dut = Box::new(&config);
        dut.receive(LAN, &udp(ALICE, BOB));
        dut.world.receive(LAN, QueueId(1), &udp(ALICE, BOB).build()).unwrap();
        (0..6000).for_each(|ms| dut.tick(ms));
        let gone = |e: &(Instant, LcoreId, Event)| match e.2 {
            Event::Neigh(moved) if moved.to.is_none() => Some(e.0),
            _ => None,
        };
        dut.world.events.iter().filter_map(gone).collect()
    };
    let first = expired_at(1);
    assert_eq!(first, expired_at(1));
    assert_ne!(first, expired_at(2));
    assert_ne!(first[0], first[1], "two lcores");
    // Spec 3.2: 3 s in send, 2 s in none, up to 200 ms more each.
    let (low, high) = (Nanos::from_millis(5000), Nanos::from_millis(5402));
    assert!(first.iter().all(|at| (low..=high).contains(&at.saturating_since(Instant::EPOCH))));
}

// B49
#[test]
fn a_frame_without_headroom_cannot_be_tagged_and_is_dropped_by_name() {
    for (headroom, dropped) in [(4, vec![]), (3, vec![(DropReason::NoHeadroom, 1)])] {
        let mut config = router(1);
        let vid = crate::types::VlanId::try_new(7).unwrap();
        let addresses = vec!["203.0.113.1/24".parse().unwrap()];
        let vlan = VlanConfig { name: "wan.7".into(), vid, mac: None, mtu: None, addresses };
        config.ports[1].vlans = vec![vlan];
        config.neighbours =
            vec![NeighConfig { dev: PortId(2), address: CAROL.ip, mac: Mac(CAROL.mac) }];
        let mut dut = Box::new(&config);
        let frame = udp(ALICE, CAROL).build();
        dut.world.receive_with_headroom(LAN, Q0, &frame, headroom).unwrap();
        dut.tick(0);
        assert_eq!(dut.drops(1), dropped, "{headroom} bytes of headroom");
        assert_eq!(dut.world.in_use(), 0);
    }
}

// B52
#[test]
fn what_is_no_ping_in_the_ring_of_the_echoes_is_dropped_and_only_that() {
    let mut config = router(2);
    config.icmp_redirect_core = Some(LcoreId(1));
    config.neighbours = vec![NeighConfig { dev: LAN, address: ALICE.ip, mac: Mac(ALICE.mac) }];
    let mut dut = Box::new(&config);
    let ping = icmp_echo(ALICE, DUT_LAN).build();
    let frames: Vec<&[u8]> = (0..BURST)
        .map(|n| match n {
            3 => &ping[..13],
            9 => &ping[..14],
            20 => &ping[..33],
            _ => &ping[..],
        })
        .collect();
    dut.world.set(Instant::EPOCH, LcoreId(1));
    for frame in frames {
        let mut buf = dut.world.alloc().unwrap();
        buf.append(frame.len()).unwrap().copy_from_slice(frame);
        dut.world.send(LcoreId(1), Ring::IcmpRedirect, Parcel::Frame(buf)).unwrap();
    }
    dut.step_through(JobKind::IcmpRedirect);
    assert_eq!(dut.drops(1), [(DropReason::EthTruncated, 1), (DropReason::IpTruncated, 2)]);
    assert_eq!(dut.lcores[1].counters().ring_packets, BURST as u64);
    dut.step_through(JobKind::Xmit);
    assert_eq!((dut.world.sent.len(), dut.world.in_use()), (BURST - 3, 0));
}
