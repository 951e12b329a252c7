use super::*;
use crate::time::Nanos;

fn good() -> Config {
    let port = |name: &str, last: u8, address: &str| PortConfig {
        name: name.into(),
        mac: Mac([2, 0, 0, 0, 0, last]),
        mtu: 1500,
        addresses: vec![address.parse().unwrap()],
        rx_queues: 1,
        tx_queues: 1,
        vlans: vec![],
    };
    let on = |port| PortQueues { port, rx: vec![QueueId(0)], tx: vec![QueueId(0)] };
    let queues = vec![on(PortId(0)), on(PortId(1))];
    Config {
        ports: vec![port("lan", 1, "198.51.100.1/24"), port("wan", 2, "192.0.2.1/24")],
        lcores: vec![
            LcoreConfig { id: LcoreId(0), role: Role::Master, queues: vec![] },
            LcoreConfig { id: LcoreId(1), role: Role::Worker, queues },
        ],
        ..Config::default()
    }
}

fn vlan(name: &str, vid: u16) -> VlanConfig {
    let vid = VlanId::try_new(vid).unwrap();
    VlanConfig { name: name.into(), vid, mac: None, mtu: None, addresses: vec![] }
}

fn route(to: &str, via: Option<&str>, dev: u16) -> RouteConfig {
    let via = via.map(|via| via.parse().unwrap());
    RouteConfig { to: to.parse().unwrap(), via, dev: PortId(dev), mtu: None }
}

/// What `check` says after `change`.
fn refused(change: impl FnOnce(&mut Config)) -> String {
    let mut config = good();
    change(&mut config);
    match config.check() {
        Ok(()) => "ok".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_right_passes() {
    assert_eq!(refused(|_| {}), "ok");
    assert_eq!(
        refused(|c| c.ports[0].vlans = vec![vlan("lan.1", 1), vlan("lan.4094", 4094)]),
        "ok"
    );
    assert_eq!(refused(|c| c.routes = vec![route("0.0.0.0/0", Some("192.0.2.254"), 1)]), "ok");
}

// B15
#[test]
fn devices_that_cannot_be() {
    let said = [
        refused(|c| c.ports.clear()),
        refused(|c| c.ports[1].name = "lan".into()),
        refused(|c| c.ports[0].vlans = vec![vlan("wan", 7)]),
        refused(|c| c.ports[0].vlans = vec![vlan("a", 7), vlan("b", 7)]),
        refused(|c| c.ports[0].mac = Mac([3, 0, 0, 0, 0, 1])),
        refused(|c| c.ports[0].mac = Mac::ZERO),
        refused(|c| c.ports[1].addresses = c.ports[0].addresses.clone()),
        refused(|c| c.ports[0].addresses = vec!["10.0.0.0/24".parse().unwrap()]),
        refused(|c| c.ports[0].addresses = vec!["10.0.0.255/24".parse().unwrap()]),
        refused(|c| c.ports[0].addresses = vec!["224.0.0.1/32".parse().unwrap()]),
    ];
    insta::assert_snapshot!(said.join("\n"), @r"
    there is no port: a dataplane needs at least one
    two devices are named lan
    two devices are named wan
    port lan has VLAN 7 twice
    device lan: 03:00:00:00:00:01 is no unicast address
    device lan: 00:00:00:00:00:00 is no unicast address
    address 198.51.100.1 is on lan and on wan
    device lan: 10.0.0.0 is no address for a host
    device lan: 10.0.0.255 is no address for a host
    device lan: 224.0.0.1 is no address for a host
    ");
}

// B11, B18, B19
#[test]
fn lcores_and_queues_that_cannot_be() {
    let said = [
        refused(|c| c.lcores[1].role = Role::Idle),
        refused(|c| drop(c.lcores.remove(1))),
        refused(|c| drop(c.lcores.remove(0))),
        refused(|c| c.lcores.push(c.lcores[1].clone())),
        refused(|c| c.lcores[1].id = LcoreId(64)),
        refused(|c| c.lcores[1].queues.clear()),
        refused(|c| c.ports[0].rx_queues = 2),
        refused(|c| c.lcores[1].queues[0].rx.push(QueueId(1))),
        refused(|c| c.lcores[1].queues[0].rx.push(QueueId(0))),
        refused(|c| {
            let worker = LcoreConfig { id: LcoreId(2), ..c.lcores[1].clone() };
            c.lcores.push(worker);
        }),
        refused(|c| {
            c.ports[1].tx_queues = 0;
            c.lcores[1].queues[1].tx.clear();
        }),
        refused(|c| c.lcores[1].queues[1].port = PortId(2)),
        refused(|c| c.icmp_redirect_core = Some(LcoreId(0))),
        refused(|c| c.icmp_redirect_core = Some(LcoreId(2))),
    ];
    insta::assert_snapshot!(said.join("\n"), @r"
    lcore 1 is no worker, so it cannot own queues
    no lcore is a worker: nobody would receive a packet
    0 lcores are the master: exactly one must be
    lcore 1 is there twice
    the number of an lcore is 64, and must be from 0 to 63
    lcore 1 is a worker without ports: it would have nothing to do
    port lan: rx queue 1 belongs to no lcore
    port lan: rx queue 1 does not exist: the port has 1
    port lan: rx queue 0 belongs to lcores 1 and 1
    port lan: rx queue 0 belongs to lcores 1 and 2
    lcore 1 has no tx queue on port wan: what it forwards there would be lost
    lcore 1 names device 2, and there are only 2
    lcore 0 is to take the echoes of all workers, and is no worker
    lcore 2 is to take the echoes of all workers, and is no worker
    ");
}

/// Lcore 5 with a role and queues on the LAN port, which has `queues` of each kind.
fn lcore_5(c: &mut Config, role: Role, rx: &[u16], tx: &[u16]) {
    let list = |queues: &[u16]| queues.iter().copied().map(QueueId).collect();
    let queues = vec![PortQueues { port: PortId(0), rx: list(rx), tx: list(tx) }];
    c.lcores.push(LcoreConfig { id: LcoreId(5), role, queues });
}

/// A kernel side of `device`, which is a port of its own.
fn kernel(c: &mut Config, device: u16) {
    let port = PortId(u16::try_from(c.ports.len()).unwrap());
    let name = format!("kernel-{}", port.0);
    c.ports.push(PortConfig { name, addresses: vec![], ..c.ports[0].clone() });
    c.kni.push(KniConfig { device: PortId(device), port, forward: false });
}

// B19
#[test]
fn isolated_lcores_that_cannot_be() {
    assert_eq!(refused(|c| lcore_5(c, Role::IsolRx, &[0], &[])), "ok");
    let said = [
        refused(|c| lcore_5(c, Role::IsolRx, &[], &[])),
        refused(|c| lcore_5(c, Role::IsolRx, &[0], &[0])),
        refused(|c| lcore_5(c, Role::IsolRx, &[1], &[])),
        refused(|c| lcore_5(c, Role::IsolRx, &[0, 0], &[])),
        refused(|c| {
            lcore_5(c, Role::IsolRx, &[0], &[]);
            c.lcores[1].queues[0].rx.clear();
        }),
        refused(|c| {
            lcore_5(c, Role::IsolRx, &[1], &[]);
            let on =
                |port, tx| PortQueues { port: PortId(port), rx: vec![], tx: vec![QueueId(tx)] };
            let queues = vec![PortQueues { rx: vec![QueueId(1)], ..on(0, 1) }, on(1, 1)];
            c.lcores.push(LcoreConfig { id: LcoreId(6), role: Role::Kni, queues });
            (c.ports[0].rx_queues, c.ports[0].tx_queues, c.ports[1].tx_queues) = (2, 2, 2);
        }),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    lcore 5 polls no receive queue for a worker: it would have nothing to do
    lcore 5 only receives, so it cannot own a tx queue
    port lan: rx queue 1 does not exist: the port has 1
    port lan: rx queue 0 is polled by lcores 5 and 5
    port lan: rx queue 0 belongs to no lcore
    port lan: rx queue 1 is polled by lcore 5, but its owner is no worker
    ");
}

#[test]
fn kernel_sides_that_cannot_be() {
    assert_eq!(refused(|c| kernel(c, 0)), "ok");
    let said = [
        refused(|c| {
            kernel(c, 0);
            kernel(c, 0);
        }),
        refused(|c| {
            kernel(c, 0);
            kernel(c, 2);
        }),
        refused(|c| {
            kernel(c, 0);
            c.kni.push(KniConfig { device: PortId(1), ..c.kni[0] });
        }),
        refused(|c| kernel(c, 9)),
        refused(|c| {
            kernel(c, 0);
            c.kni[0].port = PortId(9);
        }),
        refused(|c| {
            kernel(c, 0);
            c.ports[2].rx_queues = 2;
        }),
        refused(|c| {
            kernel(c, 0);
            c.ports[2].addresses = vec!["10.0.0.1/8".parse().unwrap()];
        }),
        refused(|c| {
            kernel(c, 0);
            let rx = vec![QueueId(0)];
            c.lcores[1].queues.push(PortQueues { port: PortId(2), rx, tx: vec![] });
        }),
        // Who carries packets from the kernel has to send them somewhere.
        refused(|c| {
            kernel(c, 0);
            lcore_5(c, Role::Kni, &[], &[]);
        }),
        refused(|c| {
            lcore_5(c, Role::Kni, &[], &[]);
            c.lcores.push(LcoreConfig { id: LcoreId(6), ..c.lcores[2].clone() });
        }),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    the kernel side of lan: it has one already
    the kernel side of kernel-2: it is the kernel side of another device itself
    the kernel side of wan: port kernel-2 is that of another device
    the kernel side of a device names device 9, and there are only 3
    the kernel side of a device names device 9, and there are only 3
    the kernel side of lan: port kernel-2 needs one rx and one tx queue
    the kernel side of lan: port kernel-2 has addresses or VLANs; those are the device's
    port kernel-2: rx queue 0 is the kernel's, and lcore 1 lists it
    lcore 5 has no tx queue on port lan: what it forwards there would be lost
    2 lcores have the role kni: at most one may
    ");
}

// B11
#[test]
fn routes_and_neighbours_that_cannot_be() {
    let mac = Mac([2, 0, 0, 0, 0, 9]);
    let neighbour =
        |dev, mac| NeighConfig { dev: PortId(dev), address: [192, 0, 2, 9].into(), mac };
    let said = [
        refused(|c| c.routes = vec![route("10.0.0.0/8", Some("203.0.113.1"), 1)]),
        refused(|c| c.routes = vec![route("10.0.0.0/8", None, 2)]),
        refused(|c| c.routes = vec![route("10.0.0.0/8", None, 1), route("10.9.0.0/8", None, 1)]),
        refused(|c| c.routes = vec![RouteConfig { mtu: Some(67), ..route("10.0.0.0/8", None, 1) }]),
        refused(|c| c.neighbours = vec![neighbour(2, mac)]),
        refused(|c| c.neighbours = vec![neighbour(1, Mac::BROADCAST)]),
        refused(|c| {
            kernel(c, 0);
            c.routes = vec![route("10.0.0.0/8", None, 2)];
        }),
        refused(|c| {
            kernel(c, 0);
            c.neighbours = vec![neighbour(2, mac)];
        }),
    ];
    insta::assert_snapshot!(said.join("\n"), @r"
    route to 10.0.0.0/8: gateway 203.0.113.1 is on no subnet of wan
    route to 10.0.0.0/8 names device 2, and there are only 2
    the route to 10.9.0.0/8 on wan is there twice
    MTU of the route to 10.0.0.0/8 is 67, and must be from 68 to 9000
    neighbour 192.0.2.9 names device 2, and there are only 2
    neighbour 192.0.2.9: ff:ff:ff:ff:ff:ff is no unicast address
    route to 10.0.0.0/8 is on kernel-2, which is the kernel side of a device: nothing is sent there
    neighbour 192.0.2.9 is on kernel-2, which is the kernel side of a device: nothing is sent there
    ");
}

/// Sets a limit.
type Set = fn(&mut Config, u32);

/// Each range, with how to set what it bounds.
fn ranges() -> Vec<(&'static str, Set, u64, u64)> {
    let wide = |(min, max): (u32, u32)| (u64::from(min), u64::from(max));
    let row = |name, set: Set, range| {
        let (min, max) = wide(range);
        (name, set, min, max)
    };
    vec![
        row("neigh_queue", |c, n| c.limits.neigh_queue = n, Limits::NEIGH_QUEUE),
        row("neigh_entries", |c, n| c.limits.neigh_entries = n, Limits::NEIGH_ENTRIES),
        row("reasm_datagrams", |c, n| c.limits.reasm_datagrams = n, Limits::REASM_DATAGRAMS),
        row("reasm_fragments", |c, n| c.limits.reasm_fragments = n, Limits::REASM_FRAGMENTS),
        row("reasm_bytes", |c, n| c.limits.reasm_bytes = n, Limits::REASM_BYTES),
        row("arp_ring", |c, n| c.limits.arp_ring = n, Limits::RING),
        row("neigh_ring", |c, n| c.limits.neigh_ring = n, Limits::RING),
        row("msg_ring", |c, n| c.limits.msg_ring = n, Limits::MSG_RING),
        row("msg_open", |c, n| c.limits.msg_open = n, Limits::MSG_OPEN),
        row("isol_ring", |c, n| c.limits.isol_ring = n, Limits::ISOL_RING),
        row("kni_ring", |c, n| c.limits.kni_ring = n, Limits::RING),
        row("icmp_redirect_ring", |c, n| c.limits.icmp_redirect_ring = n, Limits::RING),
        row("iftraf_ring", |c, n| c.limits.iftraf_ring = n, Limits::RING),
        row("iftraf_flows", |c, n| c.limits.iftraf_flows = n, Limits::IFTRAF_ENTRIES),
        row("iftraf_hosts", |c, n| c.limits.iftraf_hosts = n, Limits::IFTRAF_ENTRIES),
        row("iftraf.every", |c, n| c.iftraf.every = n, (1, 1_048_576)),
        row("rx_burst", |c, n| c.limits.rx_burst = n, Limits::RX_BURST),
        row("tx_burst", |c, n| c.limits.tx_burst = n, Limits::TX_BURST),
        row("pool", |c, n| c.limits.pool = n, Limits::POOL),
        row("rx_descriptors", |c, n| c.limits.rx_descriptors = n, Limits::DESCRIPTORS),
        row("tx_descriptors", |c, n| c.limits.tx_descriptors = n, Limits::DESCRIPTORS),
        row("mtu", |c, n| c.ports[0].mtu = u16::try_from(n).unwrap(), (68, 9000)),
    ]
}

#[test]
fn each_limit_takes_its_ends_and_nothing_beyond() {
    for (name, set, min, max) in ranges() {
        let at = |n: u64| refused(|c| set(c, u32::try_from(n).unwrap()));
        assert_eq!(at(min), "ok", "{name} at {min}");
        assert_eq!(at(max), "ok", "{name} at {max}");
        for beyond in [min - 1, max + 1] {
            let said = at(beyond);
            assert!(said.contains(&format!("must be from {min} to {max}")), "{name}: {said}");
        }
    }
}

#[test]
fn each_policy_number_takes_its_ends_and_nothing_beyond() {
    type SetNs = fn(&mut Policy, u64);
    let rows: [(&str, SetNs, u64, u64); 6] = [
        ("msg_timeout", |p, n| p.msg_timeout = Nanos::new(n), 1_000, 60_000_000_000),
        (
            "reassembly_timeout",
            |p, n| p.reassembly_timeout = Nanos::new(n),
            1_000_000,
            255_000_000_000,
        ),
        (
            "reassembly_fragments",
            |p, n| p.reassembly_fragments = u32::try_from(n).unwrap(),
            2,
            8190,
        ),
        ("timer_interval", |p, n| p.timer_interval = Nanos::new(n), 1_000, 10_000_000_000),
        (
            "neigh_reachable",
            |p, n| p.neigh_reachable = Nanos::new(n),
            1_000_000_000,
            3_600_000_000_000,
        ),
        ("neigh_sync_skip", |p, n| p.neigh_sync_skip = u32::try_from(n).unwrap(), 1, 1_000_000),
    ];
    for (name, set, min, max) in rows {
        assert_eq!(refused(|c| set(&mut c.policy, min)), "ok", "{name} at {min}");
        assert_eq!(refused(|c| set(&mut c.policy, max)), "ok", "{name} at {max}");
        assert_ne!(refused(|c| set(&mut c.policy, min - 1)), "ok", "{name} below {min}");
    }
    for policy in [Policy::default(), Policy::dpvs()] {
        assert_eq!(refused(|c| c.policy = policy), "ok");
    }
    assert_ne!(refused(|c| c.policy.default_ttl = 0), "ok");
    let none = Some(RateLimit { per_second: 0, burst: 1 });
    assert_ne!(refused(|c| c.policy.icmp_rate_limit = none), "ok");
}
