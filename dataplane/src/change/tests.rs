use super::*;
use crate::config::{Config, PortConfig, VlanConfig};
use crate::route::Listed;
use proptest::prelude::*;

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// The tables of one lcore.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tables {
    devices: Devices,
    routes: Routes,
    policy: Policy,
}

/// Ports lan and wan, and on lan the VLAN device 100 with a smaller MTU.
fn tables() -> Tables {
    let port = |name: &str, address: &str, vlans| PortConfig {
        name: name.into(),
        mac: Mac([2, 0, 0, 0, 0, 1]),
        mtu: 1500,
        addresses: vec![net(address)],
        rx_queues: 1,
        tx_queues: 1,
        vlans,
    };
    let vlan = VlanConfig {
        name: "lan.100".into(),
        vid: VlanId::try_new(100).unwrap(),
        mac: None,
        mtu: Some(1400),
        addresses: vec![net("10.0.100.1/24")],
    };
    let ports =
        vec![port("lan", "198.51.100.1/24", vec![vlan]), port("wan", "192.0.2.1/24", vec![])];
    let config = Config { ports, ..Config::default() };
    let devices = Devices::new(&config);
    Tables { routes: Routes::new(&config, &devices), devices, policy: Policy::default() }
}

const LAN: PortId = PortId(0);
const WAN: PortId = PortId(1);
const VLAN: PortId = PortId(2);

impl Tables {
    /// Makes a change; what undoes it, the last step first.
    fn make(&mut self, change: &Change) -> Result<Vec<Edit>, Refused> {
        let edits = change.edits(&self.devices, &self.routes)?;
        let neighbours = |e: &Edit| matches!(e, Edit::FlushNeighbours(_) | Edit::SetNeighbour(_));
        let edits = edits.into_iter().filter(|edit| !neighbours(edit));
        let undo = edits.map(|e| make(e, &mut self.devices, &mut self.routes, &mut self.policy));
        let mut undo: Vec<Edit> = undo.collect();
        undo.reverse();
        Ok(undo)
    }

    fn undo(&mut self, undo: Vec<Edit>) {
        for edit in undo {
            make(edit, &mut self.devices, &mut self.routes, &mut self.policy);
        }
    }

    fn refused(&mut self, change: Change) -> Refused {
        let before = self.clone();
        let why = self.make(&change).unwrap_err();
        assert_eq!(*self, before, "what is refused changes nothing");
        why
    }
}

fn route(to: &str, via: Option<&str>, dev: PortId, mtu: Option<u16>) -> RouteConfig {
    RouteConfig { to: net(to), via: via.map(ip), dev, mtu }
}

// Defect B28.
#[test]
fn a_route_goes_by_its_whole_prefix_and_not_by_its_network() {
    let mut t = tables();
    for to in ["10.0.0.0/8", "10.0.0.0/24"] {
        t.make(&Change::AddRoute(route(to, Some("192.0.2.9"), WAN, None))).unwrap();
    }
    // DPVS takes away 10.0.0.0/24 here (defect B28).
    t.make(&Change::RemoveRoute(net("10.0.0.0/8"), WAN)).unwrap();
    assert_eq!(t.routes.output(ip("10.0.0.7")).map(|hop| hop.dev()), Some(WAN));
    assert_eq!(t.routes.output(ip("10.9.0.7")), None);
    assert_eq!(t.refused(Change::RemoveRoute(net("10.0.0.0/8"), WAN)), Refused::RouteAbsent);
}

// Defect B31.
#[test]
fn a_connected_route_stays_until_the_last_address_of_its_subnet_goes() {
    let mut t = tables();
    t.make(&Change::AddAddress(LAN, net("198.51.100.2/24"))).unwrap();
    t.make(&Change::RemoveAddress(LAN, ip("198.51.100.1"))).unwrap();
    assert!(t.routes.output(ip("198.51.100.7")).is_some(), "defect B31");
    assert_eq!(
        t.refused(Change::RemoveRoute(net("198.51.100.0/24"), LAN)),
        Refused::RouteConnected
    );
    t.make(&Change::RemoveAddress(LAN, ip("198.51.100.2"))).unwrap();
    assert_eq!(t.routes.output(ip("198.51.100.7")), None);
    assert!(!t.devices.is_broadcast(ip("198.51.100.255")));
}

// Defect B27.
#[test]
fn a_removed_vlan_device_leaves_nothing_behind() {
    let mut t = tables();
    t.make(&Change::AddRoute(route("10.7.0.0/16", Some("10.0.100.9"), VLAN, None))).unwrap();
    t.make(&Change::RemoveVlan(VLAN)).unwrap();
    assert_eq!(t.devices.find(VLAN), None);
    assert_eq!(t.devices.owner(ip("10.0.100.1")), None);
    assert_eq!(t.routes.list().filter(|route| route.dev == VLAN).count(), 0);
    assert_eq!(t.refused(Change::RemoveVlan(VLAN)), Refused::NoDevice);
    assert_eq!(t.refused(Change::RemoveVlan(LAN)), Refused::NotVlan);
}

// Defect B26.
#[test]
fn a_vlan_device_has_the_mtu_and_the_mac_of_its_port_and_a_number_of_its_own() {
    let mut t = tables();
    t.make(&Change::SetMtu(WAN, 9000)).unwrap();
    let new = |id, port, vid, name: &str| NewVlan {
        id: PortId(id),
        port,
        vid: VlanId::try_new(vid).unwrap(),
        name: DeviceName::try_new(name).unwrap(),
    };
    // DPVS: 1500, whatever the port has (defect B26).
    t.make(&Change::AddVlan(new(3, WAN, 7, "wan.7"))).unwrap();
    assert_eq!(t.devices.get(PortId(3)).mtu, 9000);
    assert_eq!(t.refused(Change::AddVlan(new(4, WAN, 7, "w"))), Refused::VlanThere);
    assert_eq!(t.refused(Change::AddVlan(new(4, WAN, 8, "lan"))), Refused::NameTaken);
    assert_eq!(t.refused(Change::AddVlan(new(4, VLAN, 8, "w"))), Refused::NotPort);
    assert_eq!(t.refused(Change::AddVlan(new(3, WAN, 8, "w"))), Refused::NoDeviceId);
    t.make(&Change::RemoveVlan(PortId(3))).unwrap();
    assert_eq!(t.devices.next_id(), Some(PortId(4)), "3 is not given again");
}

// Defect B33.
#[test]
fn another_mtu_is_that_of_the_routes_too_as_far_as_they_may() {
    let mut t = tables();
    t.make(&Change::AddRoute(route("10.0.0.0/8", Some("192.0.2.9"), WAN, Some(1300)))).unwrap();
    let mtu = |t: &Tables, to| t.routes.output(ip(to)).map(|hop| hop.mtu());
    t.make(&Change::SetMtu(WAN, 1200)).unwrap();
    assert_eq!((mtu(&t, "10.1.1.1"), mtu(&t, "192.0.2.7")), (Some(1200), Some(1200)));
    t.make(&Change::SetMtu(WAN, 9000)).unwrap();
    assert_eq!((mtu(&t, "10.1.1.1"), mtu(&t, "192.0.2.7")), (Some(1300), Some(9000)));
    assert_eq!(t.refused(Change::SetMtu(VLAN, 1501)), Refused::MtuOverPort);
    assert_eq!(t.refused(Change::SetMtu(LAN, 1399)), Refused::MtuUnderVlan);
    for mtu in [67, 9001] {
        assert_eq!(t.refused(Change::SetMtu(WAN, mtu)), Refused::MtuRange);
    }
    for mtu in [68, 9000] {
        t.make(&Change::SetMtu(WAN, mtu)).unwrap();
    }
}

// Defect B13.
#[test]
fn each_refusal_says_what_is_wrong_and_has_a_name_of_its_own() {
    let mut t = tables();
    let cases = [
        (Change::AddAddress(PortId(9), net("10.1.1.1/24")), Refused::NoDevice),
        (Change::AddAddress(WAN, net("198.51.100.1/24")), Refused::AddressThere),
        (Change::AddAddress(WAN, net("10.1.1.255/24")), Refused::AddressBad),
        (Change::AddAddress(WAN, net("224.0.0.1/4")), Refused::AddressBad),
        (Change::RemoveAddress(WAN, ip("10.1.1.1")), Refused::AddressAbsent),
        (
            Change::AddRoute(route("10.0.0.0/8", Some("10.9.9.9"), WAN, None)),
            Refused::GatewayOffLink,
        ),
        (Change::AddRoute(route("10.0.0.0/8", Some("192.0.2.1"), WAN, None)), Refused::GatewayOurs),
        (Change::AddRoute(route("192.0.2.0/24", None, WAN, None)), Refused::RouteThere),
        (Change::AddRoute(route("10.0.0.0/8", None, WAN, Some(67))), Refused::MtuRange),
        (Change::SetForward(LAN, true), Refused::NoKernel),
    ];
    for (change, why) in cases {
        assert_eq!(t.refused(change), why);
    }
    let mut names: Vec<_> = Refused::ALL.iter().map(|why| why.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Refused::ALL.len());
}

/// Changes of a small world, so that they meet each other.
fn changes() -> impl Strategy<Value = Change> {
    let dev = (0..5u16).prop_map(PortId);
    let nets = ["10.1.0.1/16", "10.1.0.2/16", "10.1.1.1/24", "192.0.2.7/24", "10.9.9.9/32"];
    let net_of = proptest::sample::select(nets.to_vec()).prop_map(net);
    let prefixes = ["10.0.0.0/8", "10.0.0.0/24", "10.1.0.0/16", "0.0.0.0/0", "192.0.2.0/24"];
    let to = proptest::sample::select(prefixes.to_vec()).prop_map(net);
    let via = proptest::sample::select(vec![None, Some("192.0.2.9"), Some("198.51.100.9")]);
    let vlan = (3..6u16, 0..3u16, 7..9u16).prop_map(|(id, port, vid)| NewVlan {
        id: PortId(id),
        port: PortId(port),
        vid: VlanId::try_new(vid).unwrap(),
        name: DeviceName::try_new(&format!("v{port}.{vid}")).unwrap(),
    });
    let mtu = proptest::sample::select(vec![None, Some(1000), Some(9000)]);
    let route = (to.clone(), via, dev.clone(), mtu);
    let route =
        route.prop_map(|(to, via, dev, mtu)| RouteConfig { to, via: via.map(ip), dev, mtu });
    prop_oneof![
        (dev.clone(), net_of.clone()).prop_map(|(dev, net)| Change::AddAddress(dev, net)),
        (dev.clone(), net_of).prop_map(|(dev, net)| Change::RemoveAddress(dev, net.addr())),
        dev.clone().prop_map(Change::FlushAddresses),
        route.prop_map(Change::AddRoute),
        (to, dev.clone()).prop_map(|(to, dev)| Change::RemoveRoute(to, dev)),
        proptest::option::of(dev.clone()).prop_map(Change::FlushRoutes),
        vlan.prop_map(Change::AddVlan),
        dev.clone().prop_map(Change::RemoveVlan),
        (dev, 1300..1600u16).prop_map(|(dev, mtu)| Change::SetMtu(dev, mtu)),
    ]
}

/// The routes as a naive list: what `ip route` would show.
#[derive(Default)]
struct Model {
    routes: Vec<(Ipv4Net, PortId, Option<Ipv4Addr>)>,
}

impl Model {
    /// Follows a change that was made.
    fn follow(&mut self, change: &Change) {
        match change {
            Change::AddRoute(r) => self.routes.push((r.to, r.dev, r.via)),
            Change::RemoveRoute(to, dev) => {
                self.routes.retain(|(net, on, _)| (net, on) != (to, dev));
            }
            Change::FlushRoutes(dev) => {
                self.routes.retain(|(_, on, _)| dev.is_some_and(|dev| dev != *on));
            }
            Change::RemoveVlan(dev) => self.routes.retain(|(_, on, _)| on != dev),
            _ => {}
        }
    }

    /// The devices of the longest prefix that has `dst`: of several routes to it, the order is the
    /// table's own.
    fn output(&self, dst: Ipv4Addr, devices: &Devices) -> Vec<PortId> {
        let nets = devices.iter().flat_map(|d| d.addresses.iter().map(|n| (n.trunc(), d.id)));
        let connected = nets.filter(|(net, _)| net.prefix_len() < 32);
        let all = self.routes.iter().map(|(to, dev, _)| (*to, *dev)).chain(connected);
        let all: Vec<_> = all.filter(|(to, _)| to.contains(&dst)).collect();
        let longest = all.iter().map(|(to, _)| to.prefix_len()).max();
        all.iter().filter(|(to, _)| Some(to.prefix_len()) == longest).map(|(_, dev)| *dev).collect()
    }
}

proptest! {
    #[test]
    fn whatever_is_changed_can_be_undone_and_the_table_finds_what_a_list_finds(
        script in proptest::collection::vec(changes(), 1..60)
    ) {
        let mut t = tables();
        let mut model = Model::default();
        for change in &script {
            let before = t.clone();
            let Ok(undo) = t.make(change) else {
                prop_assert_eq!(&t, &before, "what is refused changes nothing");
                continue;
            };
            let after = t.clone();
            t.undo(undo);
            let lists = |t: &Tables| (
                t.devices.iter().cloned().collect::<Vec<_>>(),
                t.routes.list().collect::<Vec<Listed>>(),
            );
            prop_assert_eq!(lists(&t), lists(&before));
            prop_assert_eq!(&t.routes, &before.routes);
            t = after;
            model.follow(change);
            for dst in ["10.0.0.7", "10.1.0.7", "10.1.1.7", "192.0.2.77", "203.0.113.1", "10.0.1.1"] {
                let found = t.routes.output(ip(dst));
                let expected = model.output(ip(dst), &t.devices);
                prop_assert_eq!(found.is_some(), !expected.is_empty(), "{}", dst);
                prop_assert!(found.is_none_or(|hop| expected.contains(&hop.dev())), "{}", dst);
            }
        }
    }
}
