//! When no order is under way and no message waits, the master and all workers know the same devices,
//! addresses, routes and switches.
//!
//! Static neighbours, Qschs with their classifiers, and sampling are not among these: they are told
//! asynchronously and have no undo (docs/control.md).
//!
//! What they list is compared, not how they keep it: the master alone gives numbers to devices.
//!
//! Invariant: lcores are compared with the first. Not here: whether anything is under way (`engine.rs`
//! asks the lcores and the rings), and how a change is made everywhere (`dataplane`, `change.rs`).

use super::Breach;
use dataplane::config::Policy;
use dataplane::device::Devices;
use dataplane::route::Routes;
use dataplane::{Buf, Lcore, LcoreId};
use std::fmt::Debug;

/// The name of the oracle.
const NAME: &str = "tables";

/// What an lcore knows that all others should.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    lcore: LcoreId,
    devices: &'a Devices,
    routes: &'a Routes,
    policy: &'a Policy,
}

impl<'a> Known<'a> {
    /// What `core` knows.
    pub fn of<B: Buf>(core: &'a Lcore<B>) -> Known<'a> {
        let (devices, routes, policy) = (core.devices(), core.routes(), core.policy());
        Known { lcore: core.id(), devices, routes, policy }
    }
}

/// Where the lcores do not know the same.
pub(crate) fn check<'a>(mut all: impl Iterator<Item = Known<'a>>) -> Vec<Breach> {
    let Some(first) = all.next() else { return Vec::new() };
    all.filter_map(|other| {
        let (one, two) = (first.lcore, other.lcore);
        let devices = first_difference((one, first.devices.iter()), (two, other.devices.iter()));
        let routes = first_difference((one, first.routes.list()), (two, other.routes.list()));
        let why = if let Some(differ) = devices {
            format!("devices: {differ}")
        } else if let Some(differ) = routes {
            format!("routes: {differ}")
        } else if first.policy != other.policy {
            format!("switches: lcore {one} {:?}, lcore {two} {:?}", first.policy, other.policy)
        } else {
            return None;
        };
        Some(Breach::new(NAME, format!("lcores {one} and {two} differ in {why}")))
    })
    .collect()
}

/// The first place at which two tables differ.
fn first_difference<T: Debug + PartialEq>(
    (one, a): (LcoreId, impl Iterator<Item = T>),
    (two, b): (LcoreId, impl Iterator<Item = T>),
) -> Option<String> {
    let (mut a, mut b) = (a, b);
    let told = |what: Option<T>| what.map_or("nothing".to_owned(), |what| format!("{what:?}"));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (x, y) if x == y => {}
            (x, y) => {
                return Some(format!("lcore {one} has {}, lcore {two} has {}", told(x), told(y)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::dut;
    use dataplane::PortId;
    use std::net::Ipv4Addr;

    #[test]
    fn an_address_a_route_and_a_switch_that_one_lcore_lacks_are_told() {
        let config = dut(2).config;
        let devices = Devices::new(&config);
        let routes = Routes::new(&config, &devices);
        let policy = Policy::default();
        let known = |lcore, devices, routes, policy| Known { lcore, devices, routes, policy };
        let right = known(LcoreId(0), &devices, &routes, &policy);
        assert_eq!(check([right, Known { lcore: LcoreId(2), ..right }].into_iter()), []);

        let mut other_devices = devices.clone();
        other_devices.set_mtu(PortId(1), 1400);
        let mut other_routes = routes.clone();
        let net = devices.get(PortId(0)).addresses[0];
        other_routes.disconnect(net.trunc(), PortId(0)).unwrap();
        let other_policy = Policy { forwarding: false, ..Policy::default() };
        for (other, what) in [
            (known(LcoreId(2), &other_devices, &routes, &policy), "mtu: 1400"),
            (known(LcoreId(2), &devices, &other_routes, &policy), "lcore 0 has Listed"),
            (known(LcoreId(2), &devices, &routes, &other_policy), "forwarding: false"),
        ] {
            let broken = check([right, other].into_iter());
            assert_eq!(broken.len(), 1);
            let told = broken[0].to_string();
            assert!(told.starts_with("tables: lcores 0 and 2 differ in "), "{told}");
            assert!(told.contains(what), "{told}");
        }
        assert_eq!(devices.owner(Ipv4Addr::UNSPECIFIED), None);
    }
}
