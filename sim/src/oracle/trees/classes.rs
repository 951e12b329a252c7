//! A packet goes where classes send it. Of the classes of a Qsch that fit it, the one with the highest
//! priority, of equal ones the oldest, says which child is next, or that it is dropped; and where none
//! fits, that Qsch takes it.
//!
//! A packet that comes is looked at when it comes: what the trees of its port and of its VLAN device are
//! to make of it is remembered, and whether a tree on its way out may drop it. One that leaves is looked
//! at when it leaves: by then a Qsch of each tree on its way out has taken it, and has to be the right one.
//! So of a packet that is dropped on its way out little is said: it came by a wire, and no tree that is
//! there drops what looks like this.
//!
//! Invariant: of a device nothing is said from the first order on that is about its traffic control, and
//! of none from the first reload on. Frames are read here, without the dataplane's keys. Not here: whether
//! a packet went through a tree at all (`trees.rs`), and in which order a Qsch lets go (`bands.rs`).

use super::super::frame::{IPV4, VLAN, address, word};
use super::super::identity::{Birth, Life};
use dataplane::config::Config;
use dataplane::tc::{ClsConfig, Handle, Hook, Match, Range, Verdict};
use dataplane::{DropReason, PortId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The name of the oracle.
pub(in super::super) const NAME: &str = "classes";

const QINQ: u16 = 0x88a8;
const IPV6: u16 = 0x86dd;
/// Tags that are looked behind.
const TAGS: usize = 2;
/// Times that a packet may go down to a child.
const DOWN: usize = 8;
/// Where the type of a frame is, and that behind its first tag.
const TYPE: [usize; 2] = [12, 16];

/// Linux's priority for the four bits behind the precedence (`ip_tos2prio`), and its band for a priority.
const PRIORITIES: [usize; 16] = [0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4];
const BANDS: [u8; 16] = [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1];

/// What a tree makes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// This Qsch takes it.
    Taken(Handle),
    /// A class drops it.
    Dropped,
    /// It goes down too often.
    TooDeep,
}

/// What is to become of a packet that came, or of the one that it is a piece of.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Due {
    /// Whether it was looked at.
    known: bool,
    /// What the trees of its port and of its VLAN device make of it on its way in.
    fates: [Option<(PortId, Fate)>; 2],
    /// Whether a tree on its way out may drop it, and may find that it goes down too often.
    lost: [bool; 2],
    /// Its band in a pfifo_fast: as it came, and without its tag.
    bands: [u8; 2],
}

impl Due {
    /// Its band in a pfifo_fast: as it came, or without its tag. Nothing: it is not known.
    pub fn band(&self, as_it_came: bool) -> Option<u8> {
        self.known.then_some(self.bands[usize::from(!as_it_came)])
    }
}

/// What a class can see of a frame.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    /// The type of the frame, and that behind its tags.
    types: [Option<u16>; 2],
    ip: Option<Ip>,
    tos: u8,
}

#[derive(Clone, Copy, Debug)]
struct Ip {
    protocol: u8,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    ports: Option<[u16; 2]>,
    /// Whether these are behind its end: what is there is cut off before it leaves.
    is_behind: bool,
}

impl Look {
    /// Looks at a frame from its type on.
    fn of(bytes: &[u8]) -> Look {
        let mut look = Look::default();
        let Some((mut kind, mut rest)) = word(bytes) else { return look };
        look.types = [Some(kind); 2];
        for _ in 0..TAGS {
            if !matches!(kind, VLAN | QINQ) {
                break;
            }
            let behind = word(rest).and_then(|(_, rest)| word(rest));
            look.types[1] = behind.map(|(kind, _)| kind);
            let Some(behind) = behind else { return look };
            (kind, rest) = behind;
        }
        match (kind, rest) {
            (IPV4, packet) => look.read(packet),
            (IPV6, [first, second, ..]) => look.tos = first << 4 | second >> 4,
            _ => {}
        }
        look
    }

    /// Reads the header of an IPv4 packet, if it is there.
    fn read(&mut self, packet: &[u8]) {
        let len = usize::from(packet.first().map_or(0, |first| first & 0x0f)) * 4;
        let Some((header, rest)) = packet.split_at_checked(len) else { return };
        if len < 20 || header[0] >> 4 != 4 {
            return;
        }
        let is_first = header[6] & 0x1f == 0 && header[7] == 0;
        let has_ports = is_first && matches!(header[9], 6 | 17 | 132);
        let ports = rest.first_chunk::<4>().filter(|_| has_ports);
        let number = |at: usize, of: &[u8]| u16::from_be_bytes([of[at], of[at + 1]]);
        self.tos = header[1];
        self.ip = Some(Ip {
            protocol: header[9],
            src: address(header, 12),
            dst: address(header, 16),
            ports: ports.map(|ports| [number(0, ports), number(2, ports)]),
            is_behind: usize::from(number(2, header)) < len + 4,
        });
    }

    /// The same, when what is behind the packet is gone.
    fn trimmed(mut self) -> Look {
        if let Some(ip) = self.ip.as_mut().filter(|ip| ip.is_behind) {
            ip.ports = None;
        }
        self
    }

    /// Its band in a pfifo_fast.
    fn band(&self) -> u8 {
        BANDS[PRIORITIES[usize::from(self.tos >> 1 & 0x0f)]]
    }

    /// Whether it is what a class of a device looks for.
    fn fits(&self, wanted: &Match, dev: PortId) -> bool {
        let Match { ether_type, protocol, src, dst, sport, dport, iif, oif } = wanted;
        let is_typed = ether_type.is_none_or(|kind| self.types.contains(&Some(kind.0)));
        let is_here = [iif, oif].into_iter().flatten().all(|other| *other == dev);
        let number = |wanted: &Option<u8>, is: Option<u8>| wanted.is_none() || *wanted == is;
        is_typed
            && is_here
            && number(protocol, self.ip.map(|ip| ip.protocol))
            && within(src, self.ip.map(|ip| ip.src))
            && within(dst, self.ip.map(|ip| ip.dst))
            && within(sport, self.ip.and_then(|ip| ip.ports).map(|[from, _]| from))
            && within(dport, self.ip.and_then(|ip| ip.ports).map(|[_, to]| to))
    }
}

/// Whether what is there, if it is, is in a range, if there is one.
fn within<T: PartialOrd>(range: &Option<Range<T>>, is: Option<T>) -> bool {
    let Some(Range(first, last)) = range else { return true };
    is.is_some_and(|is| *first <= is && is <= *last)
}

/// All classes.
#[derive(Debug)]
pub(in super::super) struct Classes {
    /// The parent of each Qsch.
    parents: BTreeMap<(PortId, Handle), Handle>,
    /// In the order in which those of a Qsch are asked.
    classes: Vec<ClsConfig>,
    /// Devices of whose traffic control nothing is said.
    other: BTreeSet<PortId>,
    reloaded: bool,
}

impl Classes {
    /// The classes of a configuration.
    pub fn new(config: &Config) -> Classes {
        let mut classes = config.classes.clone();
        classes.sort_by_key(|class| Reverse(class.prio));
        // The control plane gives a name to what has none.
        let unnamed = config.qschs.iter().filter(|qsch| qsch.handle == Handle::NONE);
        let parents = config.qschs.iter().map(|qsch| ((qsch.dev, qsch.handle), qsch.parent));
        Classes {
            classes,
            other: unnamed.map(|qsch| qsch.dev).collect(),
            parents: parents.collect(),
            reloaded: false,
        }
    }

    /// Traffic control of a device is to be changed, or of all.
    pub fn changed(&mut self, dev: Option<PortId>) {
        self.other.extend(dev);
        self.reloaded |= dev.is_none();
    }

    /// Whether what is known of a device may be wrong.
    fn differs(&self, dev: PortId) -> bool {
        self.reloaded || self.other.contains(&dev)
    }

    /// The child that a class gives a packet to, or nothing if it drops it, as the first of a Qsch that
    /// says something.
    fn says(&self, (dev, qsch): (PortId, Handle), look: &Look) -> Option<Option<Handle>> {
        let asked = self.classes.iter().filter(|class| (class.dev, class.qsch) == (dev, qsch));
        asked.filter(|class| look.fits(&class.pattern, dev)).find_map(|class| match class.verdict {
            Verdict::Drop => Some(None),
            Verdict::To(child) => {
                (self.parents.get(&(dev, child)) == Some(&qsch)).then_some(Some(child))
            }
        })
    }

    /// What a tree makes of a packet; nothing if there is none.
    fn fate(&self, (dev, hook): (PortId, Hook), look: &Look) -> Option<Fate> {
        let mut at = hook.top();
        self.parents.get(&(dev, at))?;
        for _ in 0..=DOWN {
            match self.says((dev, at), look) {
                None => return Some(Fate::Taken(at)),
                Some(None) => return Some(Fate::Dropped),
                Some(Some(child)) => at = child,
            }
        }
        Some(Fate::TooDeep)
    }

    /// What is to become of a frame that came by a port, and in a VLAN that has a device.
    pub fn due(&self, port: PortId, vlan: Option<PortId>, bytes: &[u8]) -> Due {
        if self.parents.is_empty() {
            return Due::default();
        }
        let looks = TYPE.map(|at| Look::of(bytes.get(at..).unwrap_or_default()));
        let is_tagged = looks[0].types[0] == Some(VLAN);
        let [came, bare] = if is_tagged { looks } else { [looks[0]; 2] };
        // As it leaves by a device, and by the port of a VLAN device.
        let plain = bare.trimmed();
        let tagged = Look { types: [Some(VLAN), plain.types[1]], ..plain };
        let fate = |dev: Option<PortId>, look| {
            let dev = dev?;
            self.fate((dev, Hook::Ingress), look).map(|fate| (dev, fate))
        };
        let tops = self.parents.keys().filter(|(_, handle)| *handle == Handle::ROOT);
        let out = tops.flat_map(|(dev, _)| {
            [plain, tagged].map(|look| self.fate((*dev, Hook::Egress), &look))
        });
        let mut lost = [false; 2];
        for fate in out {
            lost[0] |= fate == Some(Fate::Dropped);
            lost[1] |= fate == Some(Fate::TooDeep);
        }
        let fates = [fate(Some(port), &came), fate(vlan, &bare)];
        Due { known: true, fates, lost, bands: [came.band(), bare.band()] }
    }

    /// A Qsch took a packet on its way in: at its port, or at its VLAN device.
    ///
    /// # Errors
    /// What is wrong: a sentence without its beginning.
    pub fn taken(&self, life: &Life, place: usize, qsch: (PortId, Handle)) -> Result<(), String> {
        match life.due.fates.get(place) {
            Some(Some((dev, fate))) if *dev == qsch.0 => self.compare(*fate, qsch),
            _ => Ok(()),
        }
    }

    /// A packet leaves by a port, and in a VLAN that has a device, after these Qschs of theirs took it.
    ///
    /// # Errors
    /// The same.
    pub fn leaves(
        &self,
        devs: [Option<PortId>; 2],
        took: [Handle; 2],
        bytes: &[u8],
    ) -> Result<(), String> {
        for ((dev, handle), at) in devs.into_iter().zip(took).zip(TYPE) {
            let Some(dev) = dev.filter(|_| handle != Handle::NONE) else { continue };
            let look = Look::of(bytes.get(at..).unwrap_or_default());
            if let Some(fate) = self.fate((dev, Hook::Egress), &look) {
                self.compare(fate, (dev, handle))?;
            }
        }
        Ok(())
    }

    fn compare(&self, fate: Fate, (dev, handle): (PortId, Handle)) -> Result<(), String> {
        let right = match fate {
            _ if self.differs(dev) => return Ok(()),
            Fate::Taken(right) if right == handle => return Ok(()),
            Fate::Taken(right) => format!("goes to {right} by its classes"),
            Fate::Dropped => "is dropped by a class".to_owned(),
            Fate::TooDeep => "goes down too often by its classes".to_owned(),
        };
        Err(format!("is taken by Qsch {handle} of device {}, and {right}", dev.0))
    }

    /// A packet is dropped.
    ///
    /// # Errors
    /// The same.
    pub fn dropped(&self, life: &Life, reason: DropReason) -> Result<(), String> {
        let (fate, lost) = match reason {
            DropReason::TcDropped => (Fate::Dropped, life.due.lost[0]),
            DropReason::TcTooDeep => (Fate::TooDeep, life.due.lost[1]),
            _ => return Ok(()),
        };
        let came = matches!(life.birth, Birth::Wire(..)) && life.due.known;
        let is_other = self.reloaded || !self.other.is_empty();
        if is_other || !came || life.answered || life.whole || lost {
            return Ok(());
        }
        // A tree that has taken it does not drop it any more.
        let ahead = life.due.fates.iter().zip(life.took).filter(|(_, took)| *took == Handle::NONE);
        let is_right = ahead.flat_map(|(due, _)| due).any(|(_, due)| *due == fate);
        if is_right { Ok(()) } else { Err("is dropped by a class, and none says so".to_owned()) }
    }
}

#[cfg(test)]
mod tests;
