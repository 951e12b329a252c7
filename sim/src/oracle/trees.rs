//! What traffic control is told, it does: each packet that passes a device with a tree of Qschs is
//! taken by one of that tree, on its way in and on its way out; and what waits in a Qsch is no more than
//! its limit, in packets or in bytes.
//!
//! That a packet passed by is seen when it leaves: by then it must have been through the ingress trees of
//! the port and of the VLAN device that it came by, and through the egress trees of those that it
//! leaves by. Which Qsch of a tree took it, the classifiers say.
//!
//! Invariant: from the first order on that changes traffic control nothing is said of passing, and a
//! Qsch has the largest of the limits that it was ever told. Not here: rates (`shaping.rs`).

use super::Findings;
use super::frame::UNTAGGED;
use super::identity::{Birth, Life};
use crate::trace::Run;
use dataplane::config::Config;
use dataplane::control::Order;
use dataplane::tc::{Handle, Hook, Kind, QschConfig, TcChange};
use dataplane::{Instant, PacketId, PortId};
use std::collections::BTreeMap;

/// The name of the oracle.
pub(super) const NAME: &str = "trees";

/// Trees that a packet went through, as bits: those of a port, and those of a VLAN device.
const IN: [u8; 2] = [1, 2];
const OUT: [u8; 2] = [4, 8];

/// A Qsch: its tree, and what it may hold.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    hook: Option<Hook>,
    packets: Option<u32>,
    bytes: Option<u64>,
}

/// All Qschs, and the devices with trees.
#[derive(Debug)]
pub(super) struct Trees {
    qschs: BTreeMap<(PortId, Handle), Told>,
    /// The trees of the start: device and hook.
    tops: Vec<(PortId, Hook)>,
    /// Port, VLAN and device.
    vlans: Vec<(PortId, u16, PortId)>,
    ports: usize,
    /// Whether trees are those of the start.
    as_begun: bool,
}

impl Trees {
    /// The trees of a configuration.
    pub fn new(config: &Config) -> Trees {
        let mut trees = Trees {
            qschs: BTreeMap::new(),
            tops: Vec::new(),
            vlans: Vec::new(),
            ports: config.ports.len(),
            as_begun: true,
        };
        for (port, id) in config.ports.iter().zip((0..).map(PortId)) {
            for vlan in &port.vlans {
                let dev = trees.ports + trees.vlans.len();
                let dev = PortId(u16::try_from(dev).unwrap_or(u16::MAX));
                trees.vlans.push((id, vlan.vid.get(), dev));
            }
        }
        for qsch in &config.qschs {
            trees.allow(qsch);
            let top = [Hook::Egress, Hook::Ingress].into_iter().find(|h| h.top() == qsch.handle);
            let parent = trees.qschs.get(&(qsch.dev, qsch.parent)).and_then(|told| told.hook);
            if let Some(told) = trees.qschs.get_mut(&(qsch.dev, qsch.handle)) {
                told.hook = top.or(parent);
            }
            trees.tops.extend(top.map(|hook| (qsch.dev, hook)));
        }
        trees
    }

    fn allow(&mut self, qsch: &QschConfig) {
        let told = self.qschs.entry((qsch.dev, qsch.handle)).or_default();
        match qsch.kind {
            Kind::Pfifo { limit } | Kind::PfifoFast { limit } => {
                told.packets = told.packets.max(Some(limit));
            }
            Kind::Bfifo { limit } => told.bytes = told.bytes.max(Some(limit)),
            Kind::Tbf(tbf) => told.bytes = told.bytes.max(Some(tbf.limit)),
        }
    }

    /// The control plane was told something.
    pub fn told(&mut self, order: &Order) {
        match order {
            Order::Tc(change) => {
                self.as_begun = false;
                if let TcChange::Qsch(_, qsch) = change {
                    self.allow(qsch);
                }
            }
            Order::Reload(reload) => {
                self.as_begun = false;
                let config = reload.config.as_ref();
                config.iter().flat_map(|config| &config.qschs).for_each(|qsch| self.allow(qsch));
            }
            _ => {}
        }
    }

    /// A Qsch took a packet: so many wait in it now, of so many bytes.
    pub fn queued(
        &self,
        (at, run): (Instant, Run),
        (packet, life): (PacketId, Option<&mut Life>),
        (dev, handle): (PortId, Handle),
        (qlen, bytes): (u32, u64),
        found: &mut Findings,
    ) {
        let Some(told) = self.qschs.get(&(dev, handle)) else { return };
        if let (Some(life), Some(hook)) = (life, told.hook) {
            let bits = if hook == Hook::Ingress { IN } else { OUT };
            life.trees |= bits[usize::from(dev.index() >= self.ports)];
        }
        // One that has limits of both kinds was another one before.
        let over = match (told.packets, told.bytes) {
            (Some(limit), None) if qlen > limit => format!("{qlen} packets, of {limit} that may"),
            (None, Some(limit)) if bytes > limit => format!("{bytes} bytes, of {limit} that may"),
            _ => return,
        };
        found.say(NAME, || {
            format!(
                "with packet {} wait {over} in Qsch {handle} of device {}, at {at} s ({run})",
                packet.0, dev.0
            )
        });
    }

    /// Whether any packet has to go through anything.
    pub fn are_there(&self) -> bool {
        self.as_begun && !self.tops.is_empty()
    }

    /// A packet leaves by a port, in a VLAN.
    ///
    /// # Errors
    /// What is wrong: a sentence without its beginning.
    pub fn leaves(&self, life: &Life, port: PortId, vid: u16) -> Result<(), String> {
        if !self.are_there() {
            return Ok(());
        }
        let has = |dev, hook| self.tops.contains(&(dev, hook));
        let vlan = |port, vid| {
            let found = self.vlans.iter().find(|(p, v, _)| (*p, *v) == (port, vid));
            found.map(|(.., dev)| *dev).filter(|_| vid != UNTAGGED)
        };
        let came = match life.birth {
            Birth::Wire(port, _) => Some(port),
            Birth::Unnamed | Birth::Made(_) => None,
        };
        let came_by = came.and_then(|port| vlan(port, life.came.vid));
        let passes = [
            (Some(port), Hook::Egress, OUT[0]),
            (vlan(port, vid), Hook::Egress, OUT[1]),
            (came, Hook::Ingress, IN[0]),
            (came_by, Hook::Ingress, IN[1]),
        ];
        let passed = |(dev, hook, bit): &(Option<PortId>, Hook, u8)| {
            life.trees & bit != 0 || dev.is_none_or(|dev| !has(dev, *hook))
        };
        let missed = passes.into_iter().find(|pass| !passed(pass));
        match missed {
            Some((Some(dev), hook, _)) => {
                let hook = hook.name();
                Err(format!("leaves, and went not through the {hook} tree of device {}", dev.0))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::dut;
    use dataplane::config::VlanConfig;
    use dataplane::job::JobKind;
    use dataplane::{LcoreId, QueueId, VlanId};

    const WAN: PortId = PortId(1);
    const VLAN: PortId = PortId(2);

    /// A port with a VLAN device: a tree for what leaves by the port, one for what comes by the device.
    fn trees() -> Trees {
        let mut config = dut(1).config;
        config.ports[1].vlans.push(VlanConfig {
            name: "wan.7".into(),
            vid: VlanId::try_new(7).unwrap(),
            mac: None,
            mtu: None,
            addresses: vec![],
        });
        let qsch = |dev, handle, kind| QschConfig { dev, handle, parent: Handle::NONE, kind };
        config.qschs = vec![
            qsch(WAN, Handle::ROOT, Kind::Pfifo { limit: 2 }),
            qsch(VLAN, Handle::INGRESS, Kind::Bfifo { limit: 100 }),
        ];
        Trees::new(&config)
    }

    fn queued(trees: &Trees, dev: PortId, handle: Handle, holds: (u32, u64)) -> (Life, String) {
        let mut found = Findings::default();
        let mut life = Life::of(PacketId(4), Birth::Wire(WAN, QueueId(0)));
        life.entry = Some((WAN, QueueId(0)));
        life.came.vid = 7;
        let run = Run { lcore: LcoreId(1), tick: 3, job: JobKind::RecvFwd };
        let packet = (PacketId(4), Some(&mut life));
        trees.queued((Instant::EPOCH, run), packet, (dev, handle), holds, &mut found);
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        (life, list.join("\n"))
    }

    #[test]
    fn what_waits_keeps_to_the_limit_and_one_over_is_told() {
        let mut trees = trees();
        assert_eq!(queued(&trees, WAN, Handle::ROOT, (2, 9000)).1, "");
        assert_eq!(queued(&trees, VLAN, Handle::INGRESS, (9, 100)).1, "");
        let over = queued(&trees, WAN, Handle::ROOT, (3, 1)).1;
        insta::assert_snapshot!(over, @"trees: with packet 4 wait 3 packets, of 2 that may in Qsch root of device 1, at 0.000000000 s (lcore 1, tick 3, recv_fwd)");
        let over = queued(&trees, VLAN, Handle::INGRESS, (1, 101)).1;
        insta::assert_snapshot!(over, @"trees: with packet 4 wait 101 bytes, of 100 that may in Qsch ingress of device 2, at 0.000000000 s (lcore 1, tick 3, recv_fwd)");
        let kind = Kind::Pfifo { limit: 3 };
        let more = QschConfig { dev: WAN, handle: Handle::ROOT, parent: Handle::NONE, kind };
        trees.told(&Order::Tc(TcChange::Qsch(dataplane::tc::Verb::Change, more)));
        assert_eq!(queued(&trees, WAN, Handle::ROOT, (3, 1)).1, "", "it may be told by now");
    }

    #[test]
    fn who_passes_a_tree_by_is_told_until_trees_are_changed() {
        let mut trees = trees();
        let (mut life, _) = queued(&trees, VLAN, Handle::INGRESS, (1, 60));
        let egress = trees.leaves(&life, WAN, UNTAGGED).unwrap_err();
        assert_eq!(egress, "leaves, and went not through the egress tree of device 1");
        assert_eq!(trees.leaves(&life, PortId(0), UNTAGGED), Ok(()), "it has no tree");
        life.trees |= OUT[0];
        assert_eq!(trees.leaves(&life, WAN, UNTAGGED), Ok(()));
        life.trees = OUT[0];
        let ingress = trees.leaves(&life, WAN, UNTAGGED).unwrap_err();
        assert_eq!(ingress, "leaves, and went not through the ingress tree of device 2");
        life.came.vid = UNTAGGED;
        assert_eq!(trees.leaves(&life, WAN, UNTAGGED), Ok(()), "it came by the port");
        life.trees = 0;
        let gone = TcChange::DeleteQsch { dev: WAN, handle: Handle::ROOT };
        trees.told(&Order::Tc(gone));
        assert_eq!(trees.leaves(&life, WAN, UNTAGGED), Ok(()));
    }
}
