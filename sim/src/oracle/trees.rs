//! What traffic control is told, it does: each packet that passes a device with a tree of Qschs is
//! taken by one of that tree, on its way in and on its way out; and what waits in a Qsch is no more than
//! its limit, in packets or in bytes.
//!
//! That a packet passed by is seen when it leaves: by then it must have been through the ingress trees of
//! the port and of the VLAN device that it came by, and through the egress trees of those that it
//! leaves by. Which Qsch of a tree took it is for its classes to say (`classes.rs`), and what a Qsch lets
//! go first for its kind (`bands.rs`).
//!
//! Invariant: from the first order on that changes traffic control nothing is said of passing, and a
//! Qsch has the largest of the limits that it was ever told. Not here: rates (`shaping.rs`).

mod bands;
pub(super) mod classes;

pub(super) use classes::Due;

use super::Findings;
use super::frame::UNTAGGED;
use super::identity::{Birth, Life};
use crate::trace::Run;
use bands::Bands;
use classes::Classes;
use dataplane::config::Config;
use dataplane::control::Order;
use dataplane::event::Made;
use dataplane::tc::{Handle, Hook, Kind, QschConfig, TcChange};
use dataplane::{DropReason, Instant, LcoreId, PacketId, PortId};
use std::collections::BTreeMap;

/// The name of the oracle.
pub(super) const NAME: &str = "trees";

/// The trees that a packet goes through, as places: those of its port and of its VLAN device, on its way in
/// and on its way out.
const IN: [usize; 2] = [0, 1];
const OUT: [usize; 2] = [2, 3];
/// The band of what has no type of service.
const ARP_BAND: u8 = 1;

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
    /// Which Qsch of a tree takes a packet.
    pub classes: Classes,
    bands: Bands,
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
            classes: Classes::new(config),
            bands: Bands::default(),
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
        self.bands.told(qsch);
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
                self.classes.changed(Some(change.about().0));
                if let TcChange::Qsch(_, qsch) = change {
                    self.allow(qsch);
                }
            }
            Order::Reload(reload) => {
                self.as_begun = false;
                self.classes.changed(None);
                let config = reload.config.as_ref();
                config.iter().flat_map(|config| &config.qschs).for_each(|qsch| self.allow(qsch));
            }
            _ => {}
        }
    }

    /// Which of the trees that a packet goes through has this Qsch, as it was at the start.
    fn place(&self, qsch: (PortId, Handle)) -> Option<usize> {
        let hook = self.qschs.get(&qsch)?.hook?;
        let places = if hook == Hook::Ingress { IN } else { OUT };
        Some(places[usize::from(qsch.0.index() >= self.ports)])
    }

    /// The device of a VLAN of a port.
    fn vlan(&self, port: PortId, vid: u16) -> Option<PortId> {
        let found = self.vlans.iter().find(|(p, v, _)| (*p, *v) == (port, vid));
        found.map(|(.., dev)| *dev).filter(|_| vid != UNTAGGED)
    }

    /// What is to become of a frame that came by a port, in a VLAN.
    pub fn due(&self, port: PortId, vid: u16, bytes: &[u8]) -> Due {
        self.classes.due(port, self.vlan(port, vid), bytes)
    }

    /// A Qsch took a packet: so many wait in it now, of so many bytes.
    pub fn queued(
        &mut self,
        (at, run): (Instant, Run),
        (packet, life): (PacketId, Option<&mut Life>),
        (dev, handle): (PortId, Handle),
        (qlen, bytes): (u32, u64),
        found: &mut Findings,
    ) {
        let place = self.place((dev, handle));
        let band = life.as_ref().and_then(|life| band(life, place?));
        self.bands.queued((at, run), (packet, band), (dev, handle), qlen, found);
        if let Some((life, place)) = life.zip(place) {
            life.took[place] = handle;
        }
        let Some(told) = self.qschs.get(&(dev, handle)) else { return };
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

    /// A Qsch let a packet go.
    pub fn sent(
        &mut self,
        moment: (Instant, Run),
        packet: PacketId,
        qsch: (PortId, Handle),
        found: &mut Findings,
    ) {
        self.bands.sent(moment, packet, qsch, found);
    }

    /// A packet was dropped on an lcore.
    pub fn dropped(&mut self, lcore: LcoreId, packet: PacketId, reason: DropReason) {
        if matches!(reason, DropReason::QschDeleted | DropReason::QschTooLong) {
            self.bands.dropped(lcore, packet);
        }
    }

    /// A Qsch took a packet: whether it is the right one, if that is known already.
    ///
    /// # Errors
    /// What is wrong: a sentence without its beginning.
    pub fn taken(&self, life: &Life, qsch: (PortId, Handle)) -> Result<(), String> {
        match self.place(qsch) {
            Some(place) => self.classes.taken(life, place, qsch),
            None => Ok(()),
        }
    }

    /// A packet leaves by a port, in a VLAN: whether the right Qschs took it.
    ///
    /// # Errors
    /// The same.
    pub fn sent_by(&self, life: &Life, port: PortId, vid: u16, bytes: &[u8]) -> Result<(), String> {
        let took = OUT.map(|place| life.took[place]);
        if took == [Handle::NONE; 2] {
            return Ok(());
        }
        self.classes.leaves([Some(port), self.vlan(port, vid)], took, bytes)
    }

    /// A packet leaves by a port, in a VLAN.
    ///
    /// # Errors
    /// What is wrong: a sentence without its beginning.
    pub fn leaves(&self, life: &Life, port: PortId, vid: u16) -> Result<(), String> {
        if !self.as_begun || self.tops.is_empty() {
            return Ok(());
        }
        let has = |dev, hook| self.tops.contains(&(dev, hook));
        let came = match life.birth {
            Birth::Wire(port, _) => Some(port),
            Birth::Unnamed | Birth::Made(_) => None,
        };
        let came_by = came.and_then(|port| self.vlan(port, life.came.vid));
        let passes = [
            (Some(port), Hook::Egress, OUT[0]),
            (self.vlan(port, vid), Hook::Egress, OUT[1]),
            (came, Hook::Ingress, IN[0]),
            (came_by, Hook::Ingress, IN[1]),
        ];
        let passed = |(dev, hook, place): &(Option<PortId>, Hook, usize)| {
            life.took[*place] != Handle::NONE || dev.is_none_or(|dev| !has(dev, *hook))
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

/// The band of a packet in a pfifo_fast of one of its trees, if it is known.
fn band(life: &Life, place: usize) -> Option<u8> {
    match life.birth {
        Birth::Made(Made::ArpRequest) => Some(ARP_BAND),
        // A later fragment may have changed the congestion bits of what was put together.
        _ if life.answered || life.whole || life.entry.is_none() => None,
        _ => life.due.band(place == IN[0]),
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

    fn queued(trees: &mut Trees, dev: PortId, handle: Handle, holds: (u32, u64)) -> (Life, String) {
        let mut found = Findings::default();
        let mut life = Life::of(PacketId(4), Birth::Wire(WAN, QueueId(0)));
        life.entry = Some((WAN, QueueId(0)));
        life.came.vid = 7;
        let run = Run { lcore: LcoreId(1), tick: 3, job: JobKind::RecvFwd };
        let packet = (PacketId(4), Some(&mut life));
        trees.queued((Instant::EPOCH, run), packet, (dev, handle), holds, &mut found);
        // So many are there at once: the books of `bands` have nobody who came before.
        let list = found.into_list().into_iter().filter(|breach| breach.oracle == NAME);
        let list: Vec<_> = list.map(|breach| breach.to_string()).collect();
        (life, list.join("\n"))
    }

    #[test]
    fn what_waits_keeps_to_the_limit_and_one_over_is_told() {
        let mut trees = trees();
        assert_eq!(queued(&mut trees, WAN, Handle::ROOT, (2, 9000)).1, "");
        assert_eq!(queued(&mut trees, VLAN, Handle::INGRESS, (9, 100)).1, "");
        let over = queued(&mut trees, WAN, Handle::ROOT, (3, 1)).1;
        insta::assert_snapshot!(over, @"trees: with packet 4 wait 3 packets, of 2 that may in Qsch root of device 1, at 0.000000000 s (lcore 1, tick 3, recv_fwd)");
        let over = queued(&mut trees, VLAN, Handle::INGRESS, (1, 101)).1;
        insta::assert_snapshot!(over, @"trees: with packet 4 wait 101 bytes, of 100 that may in Qsch ingress of device 2, at 0.000000000 s (lcore 1, tick 3, recv_fwd)");
        let kind = Kind::Pfifo { limit: 3 };
        let more = QschConfig { dev: WAN, handle: Handle::ROOT, parent: Handle::NONE, kind };
        trees.told(&Order::Tc(TcChange::Qsch(dataplane::tc::Verb::Change, more)));
        assert_eq!(queued(&mut trees, WAN, Handle::ROOT, (3, 1)).1, "", "it may be told by now");
    }

    #[test]
    fn who_passes_a_tree_by_is_told_until_trees_are_changed() {
        let mut trees = trees();
        let (mut life, _) = queued(&mut trees, VLAN, Handle::INGRESS, (1, 60));
        let egress = trees.leaves(&life, WAN, UNTAGGED).unwrap_err();
        assert_eq!(egress, "leaves, and went not through the egress tree of device 1");
        assert_eq!(trees.leaves(&life, PortId(0), UNTAGGED), Ok(()), "it has no tree");
        life.took[OUT[0]] = Handle::ROOT;
        assert_eq!(trees.leaves(&life, WAN, UNTAGGED), Ok(()));
        life.took = [Handle::NONE; 4];
        life.took[OUT[0]] = Handle::ROOT;
        let ingress = trees.leaves(&life, WAN, UNTAGGED).unwrap_err();
        assert_eq!(ingress, "leaves, and went not through the ingress tree of device 2");
        life.came.vid = UNTAGGED;
        assert_eq!(trees.leaves(&life, WAN, UNTAGGED), Ok(()), "it came by the port");
        life.took = [Handle::NONE; 4];
        let gone = TcChange::DeleteQsch { dev: WAN, handle: Handle::ROOT };
        trees.told(&Order::Tc(gone));
        assert_eq!(trees.leaves(&life, WAN, UNTAGGED), Ok(()));
    }
}
