//! Any addresses and routes that come and go, against a list that is looked through.

use crate::config::RouteConfig;
use crate::device::Device;
use crate::rig::{NONE, Rig, finds_what_is_planted, planted};
use crate::route::{Hop, Listed, Routed, Routes};
use crate::types::PortId;
use ipnet::Ipv4Net;
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use std::net::Ipv4Addr;

#[derive(Clone, Debug)]
enum Act {
    /// An address comes; a new route of its is this one of those to its network.
    Connect(Ipv4Net, PortId, usize),
    /// Number so much of our addresses goes.
    Disconnect(usize),
    Add(RouteConfig, usize),
    Remove(Ipv4Net, PortId),
    SetMtu(PortId, u16),
}

#[derive(Clone, Copy, Debug)]
struct Row {
    to: Ipv4Net,
    dev: PortId,
    via: Option<Ipv4Addr>,
    asked: Option<u16>,
    connected: bool,
}

#[derive(Clone, Debug)]
struct Model {
    addresses: Vec<(Ipv4Net, PortId)>,
    /// Those to one network in the order in which they count.
    rows: Vec<Row>,
    mtus: [u16; 2],
}

impl Model {
    fn insert(&mut self, row: Row, place: usize) {
        let same = self.rows.iter().enumerate().filter(|(_, other)| other.to == row.to);
        let at = same.map(|(at, _)| at).nth(place).unwrap_or(self.rows.len());
        self.rows.insert(at, row);
    }

    fn row(&self, to: Ipv4Net, dev: PortId, connected: bool) -> Option<usize> {
        let key = (to, dev, connected);
        self.rows.iter().position(|row| (row.to, row.dev, row.connected) == key)
    }

    fn mtu(&self, row: &Row) -> u16 {
        let device = self.mtus[row.dev.index()];
        row.asked.map_or(device, |asked| asked.min(device))
    }

    /// The first of those with the longest prefix.
    fn output(&self, dst: Ipv4Addr) -> Option<Hop> {
        let all = self.rows.iter().filter(|row| row.to.contains(&dst));
        let row = all.rev().max_by_key(|row| row.to.prefix_len())?;
        Some(Hop::new(row.dev, row.via, self.mtu(row)))
    }

    fn input(&self, dst: Ipv4Addr, port: PortId, weak_host: bool) -> Option<Routed> {
        let ours =
            |(net, dev): &(Ipv4Net, PortId)| net.addr() == dst && (weak_host || *dev == port);
        match self.addresses.iter().any(ours) {
            true => Some(Routed::Local),
            false => self.output(dst).map(Routed::Forward),
        }
    }

    /// Either end of each network, and what is next to it.
    fn destinations(&self) -> Vec<Ipv4Addr> {
        let ends = self.rows.iter().flat_map(|row| {
            let (first, last) = (row.to.network().to_bits(), row.to.broadcast().to_bits());
            [first, last, first.wrapping_sub(1), last.wrapping_add(1)]
        });
        let ours = self.addresses.iter().map(|(net, _)| net.addr());
        ends.map(Ipv4Addr::from_bits).chain(ours).collect()
    }
}

fn devs() -> impl Strategy<Value = PortId> {
    (0..2_u16).prop_map(PortId)
}

fn nets() -> impl Strategy<Value = Ipv4Net> {
    fixtures::prefix().prop_map(|(address, length)| Ipv4Net::new(address, length).unwrap())
}

impl ReferenceStateMachine for Model {
    type State = Model;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model { addresses: vec![], rows: vec![], mtus: [1500; 2] }).boxed()
    }

    fn transitions(state: &Model) -> BoxedStrategy<Act> {
        let place = || prop_oneof![2 => Just(usize::MAX), 1 => 0..3_usize];
        // Mostly a network that is there already.
        let there: Vec<Ipv4Net> = state.rows.iter().map(|row| row.to).collect();
        let known = move || match there.is_empty() {
            true => nets().boxed(),
            false => prop_oneof![3 => prop::sample::select(there.clone()), 1 => nets()].boxed(),
        };
        let via = prop::option::of((1..4_u8).prop_map(|last| Ipv4Addr::new(192, 0, 2, last)));
        let route = (known(), via, devs(), prop::option::of(600..2000_u16))
            .prop_map(|(to, via, dev, mtu)| RouteConfig { to: to.trunc(), via, dev, mtu });
        let address = (known(), 0..3_u32).prop_map(|(net, more)| {
            let address = net.addr().to_bits().saturating_add(more);
            Ipv4Net::new(Ipv4Addr::from_bits(address), net.prefix_len()).unwrap()
        });
        let addresses = state.addresses.len().max(1);
        prop_oneof![
            3 => (address, devs(), place()).prop_map(|(net, dev, at)| Act::Connect(net, dev, at)),
            2 => (0..addresses).prop_map(Act::Disconnect),
            4 => (route, place()).prop_map(|(route, at)| Act::Add(route, at)),
            2 => (known(), devs()).prop_map(|(to, dev)| Act::Remove(to, dev)),
            1 => (devs(), 600..2000_u16).prop_map(|(dev, mtu)| Act::SetMtu(dev, mtu)),
        ]
        .boxed()
    }

    /// No address is ours twice, and none goes that is not there: `change.rs` looks.
    fn preconditions(state: &Model, act: &Act) -> bool {
        match act {
            Act::Connect(net, ..) => {
                state.addresses.iter().all(|(other, _)| other.addr() != net.addr())
            }
            Act::Disconnect(at) => *at < state.addresses.len(),
            Act::Add(..) | Act::Remove(..) | Act::SetMtu(..) => true,
        }
    }

    fn apply(mut state: Model, act: &Act) -> Model {
        match *act {
            Act::Connect(net, dev, place) => {
                state.addresses.push((net, dev));
                let to = net.trunc();
                if net.prefix_len() < 32 && state.row(to, dev, true).is_none() {
                    let row = Row { to, dev, via: None, asked: None, connected: true };
                    state.insert(row, place);
                }
            }
            Act::Disconnect(at) => {
                let (net, dev) = state.addresses.remove(at);
                let same =
                    |(other, on): &(Ipv4Net, PortId)| (other.trunc(), *on) == (net.trunc(), dev);
                if !state.addresses.iter().any(same)
                    && let Some(at) = state.row(net.trunc(), dev, true)
                {
                    state.rows.remove(at);
                }
            }
            Act::Add(RouteConfig { to, via, dev, mtu: asked }, place) => {
                if state.row(to, dev, false).is_none() {
                    state.insert(Row { to, dev, via, asked, connected: false }, place);
                }
            }
            Act::Remove(to, dev) => {
                if let Some(at) = state.row(to.trunc(), dev, false) {
                    state.rows.remove(at);
                }
            }
            Act::SetMtu(dev, mtu) => state.mtus[dev.index()] = mtu,
        }
        state
    }
}

/// The routes, the two devices, and our addresses; with the defect of this number in it.
struct Table<const PLANTED: usize> {
    routes: Routes,
    devices: [Device; 2],
    addresses: Vec<(Ipv4Net, PortId)>,
}

impl<const PLANTED: usize> StateMachineTest for Table<PLANTED> {
    type SystemUnderTest = Table<PLANTED>;
    type Reference = Model;

    fn init_test(_: &Model) -> Table<PLANTED> {
        let rig = Rig::new(|config| {
            config.planted = planted(PLANTED);
            config.ports.iter_mut().for_each(|port| port.addresses.clear());
        });
        let devices = [0, 1].map(|id| rig.devices.get(PortId(id)).clone());
        let routes = Routes::new(&rig.config, &rig.devices);
        Table { routes, devices, addresses: vec![] }
    }

    fn apply(mut table: Table<PLANTED>, _: &Model, act: Act) -> Table<PLANTED> {
        let Table { routes, devices, addresses } = &mut table;
        match act {
            Act::Connect(net, dev, place) => {
                addresses.push((net, dev));
                routes.connect(net, &devices[dev.index()], place);
            }
            Act::Disconnect(at) => {
                let (net, dev) = addresses.remove(at);
                routes.disconnect(net, dev);
            }
            Act::Add(route, place) => {
                let is_new = routes.exactly(route.to).all(|other| other.dev != route.dev);
                let mtu = devices[route.dev.index()].mtu;
                assert_eq!(routes.add(route, mtu, place), is_new);
            }
            Act::Remove(to, dev) => {
                let was = routes.exactly(to).find(|route| route.dev == dev);
                assert_eq!(routes.remove(to, dev).map(|(route, _)| route), was);
            }
            Act::SetMtu(dev, mtu) => {
                devices[dev.index()].mtu = mtu;
                routes.set_mtu(dev, mtu);
            }
        }
        table
    }

    fn check_invariants(table: &Table<PLANTED>, model: &Model) {
        let mut rows = model.rows.clone();
        rows.sort_by_key(|row| (row.to.prefix_len(), row.to.network()));
        let listed = rows.iter().map(|row| {
            let Row { to, dev, via, connected, .. } = *row;
            Listed { to, dev, via, mtu: model.mtu(row), connected }
        });
        assert_eq!(table.routes.list().collect::<Vec<_>>(), listed.collect::<Vec<_>>());
        for dst in model.destinations() {
            assert_eq!(table.routes.output(dst), model.output(dst), "{dst}");
            for (port, weak_host) in [(0, true), (0, false), (1, false)] {
                let port = PortId(port);
                let found = table.routes.input(dst, port, weak_host);
                assert_eq!(found, model.input(dst, port, weak_host), "{dst} on {port:?}");
            }
        }
    }
}

prop_state_machine! {
    #[test]
    fn the_table_finds_what_a_list_finds(sequential 1..60 => Table<NONE>);
}

finds_what_is_planted!(Table: ShortestPrefix, ConnectedGone, RouteMtuKept);
