//! Orders through the jobs that take them: what the master and its workers know afterwards.

use super::*;
use crate::control::{Answered, Data, LinkSetting, Refused, Reload, Show};
use crate::msg::Code;
use crate::route::Listed;
use crate::types::VlanId;
use crate::world::{Parcel, Ring};
use std::net::Ipv4Addr;

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn address(dev: &str, net: &str, valid: Option<u64>) -> Order {
    let valid = valid.map(Nanos::from_secs);
    Order::AddressAdd { dev: name(dev), net: net.parse().unwrap(), valid }
}

fn route(to: &str, via: &str) -> Order {
    Order::RouteAdd { to: to.parse().unwrap(), via: Some(ip(via)), dev: None, mtu: None }
}

fn vlan(port: &str, vid: u16) -> Order {
    let vid = VlanId::try_new(vid).unwrap();
    Order::VlanAdd { port: name(port), vid, name: name(&format!("{port}.{vid}")) }
}

impl Box {
    /// Gives an order at `ms`, and lets four ticks pass. What came of it.
    fn told(&mut self, ms: u64, order: Order) -> Answered {
        self.lcores[0].order(order);
        (ms..ms + 4).for_each(|ms| self.tick(ms));
        self.lcores[0].answered().expect("an order is answered")
    }

    fn refused(&mut self, ms: u64, order: Order) -> Option<Refused> {
        self.told(ms, order).outcome.refused
    }

    /// What every lcore knows alike.
    fn same(&self) -> (Vec<String>, Vec<Listed>) {
        let known = |lcore: &Lcore<HeapBuf>| {
            let devices = lcore.devices().iter().map(|d| format!("{d:?}"));
            (devices.collect::<Vec<_>>(), lcore.routes().list().collect::<Vec<_>>())
        };
        let master = known(&self.lcores[0]);
        for lcore in &self.lcores[1..] {
            assert_eq!(known(lcore), master, "lcore {}", lcore.id());
        }
        master
    }
}

#[test]
fn an_order_is_done_when_every_worker_has_done_it() {
    let mut dut = Box::new(&router(3));
    assert_eq!(dut.refused(0, route("10.0.0.0/8", "192.0.2.9")), None);
    let (_, routes) = dut.same();
    assert!(routes.iter().any(|route| route.via == Some(ip("192.0.2.9"))));
    assert_eq!(dut.refused(10, route("10.0.0.0/8", "192.0.2.9")), Some(Refused::RouteThere));
    dut.same();
    let counters = dut.lcores[0].counters();
    assert_eq!((counters.orders, counters.orders_refused), (2, 1));
}

#[test]
fn an_order_waits_for_the_one_before() {
    let mut dut = Box::new(&router(2));
    for order in
        [vlan("lan", 7), address("lan.7", "10.0.7.1/24", None), route("10.8.0.0/16", "10.0.7.9")]
    {
        dut.lcores[0].order(order);
    }
    (0..8).for_each(|ms| dut.tick(ms));
    let answers: Vec<_> = std::iter::from_fn(|| dut.lcores[0].answered()).collect();
    assert_eq!(answers.iter().map(|a| a.outcome.refused).collect::<Vec<_>>(), [None; 3]);
    assert_eq!(answers.iter().map(|a| a.outcome.order).collect::<Vec<_>>(), [1, 2, 3]);
    dut.same();
}

#[test]
fn a_worker_that_cannot_has_all_of_them_take_it_back() {
    let mut dut = Box::new(&router(3));
    // Worker 2 is another one than the master thinks: it has the address already.
    let net = "203.0.113.1/24".parse().unwrap();
    dut.lcores[2].devices.add_address(WAN, net, usize::MAX);
    let wan = dut.lcores[2].devices.get(WAN).clone();
    dut.lcores[2].tables.routes.connect(net, &wan, usize::MAX);
    let answer = dut.told(0, address("wan", "203.0.113.1/24", None));
    assert_eq!(answer.outcome.refused, Some(Refused::AddressThere));
    assert_eq!(answer.outcome.at, Some(LcoreId(2)));
    for lcore in [0, 1, 3] {
        assert_eq!(dut.lcores[lcore].devices().owner(ip("203.0.113.1")), None, "{lcore}");
    }
    assert!(dut.lcores[2].devices().owner(ip("203.0.113.1")).is_some(), "what it had, it keeps");
}

#[test]
fn a_worker_that_is_late_does_nothing_and_the_others_take_it_back() {
    let mut dut = Box::new(&router(2));
    dut.lcores[0].order(route("10.0.0.0/8", "192.0.2.9"));
    let all = |dut: &mut Box, ms, lcores: &[usize]| {
        for lcore in lcores {
            let lcore = &mut dut.lcores[*lcore];
            dut.world.set(Instant::EPOCH + Nanos::from_millis(ms), lcore.id());
            let tick = lcore.position().tick;
            while lcore.position().tick == tick {
                lcore.step(&mut dut.world);
            }
        }
    };
    // Worker 2 is busy for 5 ms; the master waits for 2.
    (0..5).for_each(|ms| all(&mut dut, ms, &[0, 1]));
    (5..9).for_each(|ms| all(&mut dut, ms, &[0, 1, 2]));
    let outcome = dut.lcores[0].answered().unwrap().outcome;
    assert_eq!(outcome.refused, Some(Refused::Message(Code::TimedOut)));
    assert_eq!(outcome.at, Some(LcoreId(2)));
    let (_, routes) = dut.same();
    assert!(routes.iter().all(|route| route.via.is_none()));
    assert_eq!(dut.refused(20, route("10.0.0.0/8", "192.0.2.9")), None, "the next one is not hurt");
    dut.same();
}

#[test]
fn a_full_ring_refuses_an_order_before_any_worker_hears_of_it() {
    let mut config = router(2);
    config.limits.msg_ring = 1;
    let mut dut = Box::new(&config);
    dut.world.set(Instant::EPOCH, LcoreId(0));
    let (to, call) = (crate::control::Target::Lcore(LcoreId(2)), crate::msg::Call::Async);
    dut.lcores[0].order(Order::Hello(crate::control::Hello { to, call, timeout: None, count: 1 }));
    dut.lcores[0].order(route("10.0.0.0/8", "192.0.2.9"));
    (0..4).for_each(|ms| dut.tick(ms));
    let greeted = dut.lcores[0].answered().unwrap().outcome;
    assert_eq!((greeted.order, greeted.refused), (1, None));
    let outcome = dut.lcores[0].answered().unwrap().outcome;
    assert_eq!(outcome.refused, Some(Refused::Message(Code::Full)));
    assert_eq!(outcome.at, Some(LcoreId(2)));
    assert_eq!(dut.lcores[1].counters().msg_handled, 0);
    let (_, routes) = dut.same();
    assert!(routes.iter().all(|route| route.via.is_none()));
}

// Defect B07.
#[test]
fn a_vlan_device_goes_with_its_neighbours_and_what_waits_for_them() {
    let mut dut = Box::new(&router(1));
    dut.told(0, vlan("wan", 100));
    dut.told(10, address("wan.100", "10.0.100.1/24", None));
    let host = Host { mac: [2, 0, 0, 0, 0, 0x77], ip: ip("10.0.100.9") };
    dut.receive(LAN, &udp(ALICE, host));
    dut.tick(20);
    assert_eq!(dut.held(), 1, "it waits for the neighbour");
    assert_eq!(dut.refused(21, Order::VlanDel(name("wan.100"))), None);
    assert_eq!((dut.held(), dut.lcores[1].neighbours().len()), (0, 0));
    assert_eq!(dut.drops(1), [(DropReason::NeighDeleted, 1)]);
    assert_eq!(dut.lcores[1].timers(), 0);
    assert_eq!(dut.world.in_use(), 0);
    dut.same();
}

#[test]
fn a_vlan_device_goes_with_the_fragments_that_came_from_it() {
    let mut dut = Box::new(&router(1));
    dut.told(0, vlan("wan", 100));
    dut.told(10, address("wan.100", "10.0.100.1/24", None));
    let host = Host { mac: [2, 0, 0, 0, 0, 0x77], ip: ip("10.0.100.9") };
    let ours = Host { ip: ip("10.0.100.1"), ..DUT_WAN };
    dut.receive(WAN, &udp(host, ours).mf().vlan(100));
    dut.tick(20);
    assert_eq!(dut.held(), 1, "it waits for the rest of the datagram");
    dut.told(21, Order::VlanDel(name("wan.100")));
    assert_eq!((dut.held(), dut.drops(1)), (0, vec![(DropReason::DeviceGone, 1)]));
    dut.tick(60_000);
    assert_eq!(dut.world.in_use(), 0);
}

// Defect B27.
#[test]
#[cfg_attr(miri, ignore = "minutes there")]
fn a_thousand_vlan_devices_come_and_go_and_leave_nothing() {
    let mut dut = Box::new(&router(2));
    let before = dut.same();
    for n in 0..1000 {
        for order in [
            vlan("lan", 9),
            address("lan.9", "10.0.9.1/24", Some(60)),
            route("10.7.0.0/16", "10.0.9.9"),
            Order::VlanDel(name("lan.9")),
        ] {
            assert_eq!(dut.refused(n * 16, order), None);
        }
    }
    assert_eq!(dut.same(), before);
    let timers: usize = dut.lcores.iter().map(Lcore::timers).sum();
    assert_eq!((timers, dut.world.in_use()), (0, 0));
}

// Defects B34, B36.
#[test]
fn an_address_with_a_lifetime_goes_by_itself_and_the_master_goes_on() {
    let mut dut = Box::new(&router(2));
    assert_eq!(dut.refused(0, address("lan", "198.51.100.2/24", Some(5))), None);
    let shown = dut.told(1000, Order::Show(Show::Addresses(Some(name("lan")))));
    let Data::Addresses(list) = shown.data else { panic!("{shown:?}") };
    assert_eq!(list.iter().map(|a| a.left.is_some()).collect::<Vec<_>>(), [false, true]);
    assert!(list.iter().all(|a| a.missing.is_empty()));
    // DPVS's master spins for ever here (defect B34).
    (4_990..5_010).for_each(|ms| dut.tick(ms));
    assert_eq!(dut.lcores[0].answered().map(|a| a.outcome.refused), Some(None));
    assert_eq!(dut.lcores[1].devices().owner(ip("198.51.100.2")), None);
    dut.same();
    assert_eq!(dut.refused(6_000, address("lan", "198.51.100.2/24", None)), None, "for ever now");
    dut.tick(60_000);
    assert!(dut.lcores[1].devices().owner(ip("198.51.100.2")).is_some(), "defect B36");
}

#[test]
fn a_lifetime_is_from_a_second_to_49_days() {
    let day = 86_400;
    for (valid, refused) in [(0, true), (1, false), (49 * day, false), (49 * day + 1, true)] {
        let mut dut = Box::new(&router(1));
        let why = dut.refused(0, address("lan", "198.51.100.2/24", Some(valid)));
        assert_eq!(why, refused.then_some(Refused::LifetimeRange), "{valid}");
    }
}

#[test]
fn an_address_that_is_deleted_first_does_not_expire_later() {
    let mut dut = Box::new(&router(1));
    dut.told(0, address("lan", "198.51.100.2/24", Some(5)));
    let delete = Order::AddressDel { dev: name("lan"), address: ip("198.51.100.2") };
    assert_eq!(dut.refused(10, delete), None);
    assert_eq!(dut.lcores[0].timers(), 0);
}

// Defect B38.
#[test]
fn neighbours_are_merged_over_the_workers() {
    let mut dut = Box::new(&router(2));
    let mac = Some(Mac(BOB.mac));
    let add = Order::Neigh(NeighOrder { dev: name("wan"), address: BOB.ip, mac });
    assert_eq!(dut.refused(0, add), None);
    (4..120).for_each(|ms| dut.tick(ms));
    dut.receive(LAN, &udp(ALICE, CAROL));
    let shown = dut.told(130, Order::Show(Show::Neighbours(None)));
    let Data::Neighbours(list) = shown.data else { panic!("{shown:?}") };
    let list = list.iter().map(|n| (n.address, n.lcore.0, n.is_static, n.waiting));
    let list: Vec<_> = list.collect();
    assert!(list.contains(&(BOB.ip, 1, true, 0)) && list.contains(&(BOB.ip, 2, true, 0)));
    assert_eq!(shown.outcome.entries, Some(list.len() as u64));
}

// Defect B13.
#[test]
fn what_a_client_asks_for_wrongly_is_refused_by_name() {
    let mut dut = Box::new(&router(1));
    let mac = Some(Mac::BROADCAST);
    let cases = [
        (Order::Neigh(NeighOrder { dev: name("wan"), address: BOB.ip, mac }), Refused::MacBad),
        (
            Order::Neigh(NeighOrder { dev: name("x"), address: BOB.ip, mac: None }),
            Refused::NoDevice,
        ),
        (
            Order::Neigh(NeighOrder {
                dev: name("wan"),
                address: DUT_WAN.ip,
                mac: Some(Mac(BOB.mac)),
            }),
            Refused::NeighOurs,
        ),
        (Order::Show(Show::Routes(Some(name("x")))), Refused::NoDevice),
        (Order::Show(Show::Stats(Some(LcoreId(9)))), Refused::NoLcore),
        (
            Order::RouteAdd { to: "10.0.0.0/8".parse().unwrap(), via: None, dev: None, mtu: None },
            Refused::RouteNowhere,
        ),
        (route("10.0.0.0/8", "10.9.9.9"), Refused::GatewayOffLink),
        (Order::VlanDel(name("lan")), Refused::NotVlan),
        (Order::Link { dev: name("lan"), set: LinkSetting::Forward2Kni(true) }, Refused::NoKernel),
    ];
    for (at, (order, why)) in (0..).zip(cases) {
        assert_eq!(dut.refused(at * 10, order), Some(why));
    }
    dut.same();
}

#[test]
fn one_of_several_routes_to_a_prefix_has_to_be_named() {
    let mut dut = Box::new(&router(1));
    let to: ipnet::Ipv4Net = "10.0.0.0/8".parse().unwrap();
    let del = |dev: Option<&str>| Order::RouteDel { to, via: None, dev: dev.map(name) };
    dut.told(0, route("10.0.0.0/8", "192.0.2.9"));
    dut.told(10, route("10.0.0.0/8", "198.51.100.9"));
    assert_eq!(dut.refused(20, del(None)), Some(Refused::RouteAmbiguous));
    assert_eq!(dut.refused(30, del(Some("wan"))), None);
    assert_eq!(dut.refused(40, del(None)), None);
    assert_eq!(dut.refused(50, del(None)), Some(Refused::RouteAbsent));
}

fn reload(config: &Config) -> Order {
    let config = Ok(config.clone());
    Order::Reload(std::boxed::Box::new(Reload { file: "box2.toml".into(), config }))
}

// Defect B20.
#[test]
fn a_reload_changes_what_the_files_disagree_about_and_nothing_else() {
    let old = router(2);
    let mut dut = Box::new(&old);
    dut.told(0, route("203.0.113.0/24", "192.0.2.9"));
    let mut new = old.clone();
    new.policy.timer_interval = Nanos::from_millis(50);
    new.ports[0].mtu = 1400;
    new.ports[0].addresses.push("10.5.0.1/16".parse().unwrap());
    new.routes.push(crate::config::RouteConfig {
        to: "10.0.0.0/8".parse().unwrap(),
        via: Some(ip("10.5.0.9")),
        dev: LAN,
        mtu: None,
    });
    new.neighbours.push(NeighConfig { dev: WAN, address: BOB.ip, mac: Mac(BOB.mac) });
    assert_eq!(dut.refused(10, reload(&new)), None);
    dut.same();
    for lcore in &dut.lcores {
        assert_eq!(lcore.policy(), &new.policy, "defect B20");
        assert_eq!(lcore.devices().get(LAN).mtu, 1400);
        assert!(lcore.routes().output(ip("203.0.113.7")).is_some(), "an order's stays");
        assert!(lcore.routes().output(ip("10.0.0.7")).is_some());
    }
    assert_eq!(dut.lcores[1].neighbours().len(), 1);
    assert_eq!(dut.refused(20, reload(&old)), None);
    assert_eq!(dut.lcores[1].neighbours().len(), 0);
    assert_eq!(dut.lcores[1].routes().output(ip("10.0.0.7")), None);
    assert_eq!(dut.lcores[2].policy(), &old.policy);
    dut.same();
}

// Defect B84.
#[test]
fn what_a_reload_cannot_change_is_named_and_nothing_is_changed() {
    let old = router(2);
    let mut dut = Box::new(&old);
    let before = dut.same();
    let mut new = old.clone();
    new.policy.forwarding = false;
    new.limits.neigh_queue = 7;
    new.ports[1].rx_queues = 3;
    let answer = dut.told(0, reload(&new));
    assert_eq!(answer.outcome.refused, Some(Refused::ReloadBroken), "nobody owns the third queue");
    new.ports[1].rx_queues = 2;
    new.ports[1].mac = Mac([2, 0, 0, 0, 9, 9]);
    let answer = dut.told(10, reload(&new));
    assert_eq!(answer.outcome.refused, Some(Refused::ReloadFixed));
    assert_eq!(answer.data, Data::Text("the MAC of wan, the limits".into()));
    let broken = Reload { file: "x".into(), config: Err("x:3: what is this".into()) };
    let answer = dut.told(20, Order::Reload(std::boxed::Box::new(broken)));
    assert_eq!(answer.data, Data::Text("x:3: what is this".into()), "defect B84");
    assert_eq!(dut.same(), before);
    assert_eq!(dut.lcores[1].policy(), &old.policy);
}

#[test]
fn a_reload_that_one_worker_cannot_follow_is_taken_back_by_all() {
    let mut old = router(2);
    old.limits.neigh_entries = 1;
    let mut dut = Box::new(&old);
    // Worker 2 knows somebody, and has no room for another.
    let mac = Some(Mac(CAROL.mac));
    let change = crate::world::NeighChange { port: LAN, address: CAROL.ip, mac };
    dut.world.set(Instant::EPOCH, LcoreId(0));
    dut.world.send(LcoreId(2), Ring::Neigh, Parcel::Neigh(change)).unwrap();
    (0..100).for_each(|ms| dut.tick(ms));
    assert_eq!(dut.lcores[2].neighbours().len(), 1);
    let mut new = old.clone();
    new.policy.forwarding = false;
    new.neighbours.push(NeighConfig { dev: WAN, address: BOB.ip, mac: Mac(BOB.mac) });
    let outcome = dut.told(200, reload(&new)).outcome;
    assert_eq!((outcome.refused, outcome.at), (Some(Refused::NeighTableFull), Some(LcoreId(2))));
    for lcore in &dut.lcores {
        assert!(lcore.policy().forwarding);
    }
    assert_eq!(dut.lcores[1].neighbours().len(), 0);
    dut.same();
}
