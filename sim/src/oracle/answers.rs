//! What leaves fits what came: an answer goes to who asked, from an address of ours; an ICMP error is
//! about nothing that RFC 1122 §3.2.2 forbids one about; what came with DF is not cut; each piece has the
//! options that RFC 791 §3.1 copies, and no others; of our own packets to one destination no two in a
//! row have one identification (RFC 6864); and nobody is forwarded whom RFC 1812 §5.3.7 calls a
//! martian, or who was sent to another station.
//!
//! What addresses are ours only ever grows here: what was under way when one went may still leave. The
//! reason of an ICMP error is read from what it quotes.
//!
//! Invariant: frames are read by `frame.rs` alone. Not here: whether a frame is well formed
//! (`egress.rs`), and what is in a piece (`fragments.rs`).

use super::frame::{Frame, Packet, address};
use super::identity::Life;
use dataplane::config::{Config, PortConfig};
use dataplane::control::Order;
use dataplane::{DropReason, Mac};
use std::collections::{BTreeSet, VecDeque};
use std::net::Ipv4Addr;

/// The name of the oracle.
pub(super) const NAME: &str = "answers";
/// Packets of our own, in a row, of which no two to one destination have one identification.
const RECENT: usize = 16;
/// ICMP types that are errors (RFC 1122 §3.2.2).
const ERRORS: [u8; 5] = [3, 4, 5, 11, 12];

/// What is remembered of a frame that came, to be compared with what leaves for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The station that it was sent to.
    to: Mac,
    what: Question,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Question {
    #[default]
    Other,
    /// Who asked, from which address, for which.
    Arp { mac: Mac, sender: Ipv4Addr, target: Ipv4Addr },
    /// Whether it had DF, and whether it is no fragment or a first one.
    Ipv4 { fixed: bool, first: bool },
}

impl Asked {
    /// What is to be remembered of a frame.
    pub fn of(frame: &Frame<'_>, packet: Option<&Packet<'_>>) -> Asked {
        let what = match (packet, frame.arp()) {
            (Some(packet), _) => {
                Question::Ipv4 { fixed: packet.is_fixed(), first: packet.offset() == 0 }
            }
            (None, Some((arp, _))) => Question::Arp {
                mac: mac(arp, 8),
                sender: address(arp, 14),
                target: address(arp, 24),
            },
            (None, None) => Question::Other,
        };
        Asked { to: frame.dst, what }
    }
}

/// Who we are.
#[derive(Debug)]
pub(super) struct Answers {
    ours: BTreeSet<Ipv4Addr>,
    /// The broadcast addresses of our subnets, as long as they are those from the start.
    groups: BTreeSet<Ipv4Addr>,
    /// The MACs of each port and of its VLAN devices.
    macs: Vec<Vec<Mac>>,
    /// Whether martians are refused.
    strict: bool,
    /// Destination and identification of our last packets.
    recent: VecDeque<(Ipv4Addr, u16)>,
}

impl Answers {
    /// Who we are from the start.
    pub fn new(config: &Config) -> Answers {
        let mut answers = Answers {
            ours: BTreeSet::new(),
            groups: BTreeSet::new(),
            macs: Vec::new(),
            strict: config.policy.drop_martians,
            recent: VecDeque::new(),
        };
        answers.also(&config.ports);
        let nets = config.ports.iter().flat_map(nets).filter(|net| net.prefix_len() < 31);
        answers.groups = nets.map(|net| net.broadcast()).collect();
        let macs = |port: &PortConfig| {
            let vlans = port.vlans.iter().filter_map(|vlan| vlan.mac);
            std::iter::once(port.mac).chain(vlans).collect()
        };
        answers.macs = config.ports.iter().map(macs).collect();
        answers
    }

    fn also(&mut self, ports: &[PortConfig]) {
        self.ours.extend(ports.iter().flat_map(nets).map(|net| net.addr()));
    }

    /// The control plane was told something.
    pub fn told(&mut self, order: &Order) {
        match order {
            Order::AddressAdd { net, .. } => {
                self.ours.insert(net.addr());
            }
            Order::Reload(reload) => {
                self.strict = false;
                if let Ok(config) = &reload.config {
                    self.also(&config.ports);
                }
            }
            Order::AddressDel { .. } | Order::AddressFlush(_) | Order::VlanDel(_) => {}
            _ => return,
        }
        self.groups.clear();
    }

    /// An address that was given for a time is over.
    pub fn expired(&mut self) {
        self.groups.clear();
    }

    /// What is wrong with a frame that leaves.
    ///
    /// # Errors
    /// A sentence without its beginning: the packet.
    pub fn leaves(
        &mut self,
        life: &Life,
        frame: &Frame<'_>,
        packet: Option<&Packet<'_>>,
    ) -> Result<(), String> {
        match (packet, frame.arp()) {
            (Some(packet), _) => self.ipv4(life, packet),
            (None, Some((arp, _))) if life.answered => self.arp(&life.asked, frame, arp),
            _ => Ok(()),
        }
    }

    /// What is wrong with the reason for which a packet is dropped: IPv4 has no say in what was sent to
    /// another station.
    ///
    /// # Errors
    /// A sentence without its beginning: the packet.
    pub fn dropped(&self, life: &Life, reason: DropReason) -> Result<(), String> {
        let Some((port, _)) = life.entry.filter(|_| is_of_ipv4(reason)) else { return Ok(()) };
        let Asked { to, what } = life.asked;
        let ours = to.is_multicast() || self.macs[port.index()].contains(&to);
        if ours || !matches!(what, Question::Ipv4 { .. }) {
            return Ok(());
        }
        Err(format!("came to {to}, which is another station, and is dropped as {reason}"))
    }

    fn arp(&self, asked: &Asked, frame: &Frame<'_>, arp: &[u8]) -> Result<(), String> {
        let Question::Arp { mac: asker, sender, target } = asked.what else { return Ok(()) };
        let about = address(arp, 14);
        if about != target || !self.ours.contains(&about) {
            return Err(format!("answers for {about}, and was asked for {target}"));
        }
        let (to, back) = (mac(arp, 18), address(arp, 24));
        if frame.dst != asker {
            return Err(format!("answers {asker}, and goes to {}", frame.dst));
        }
        if (to, back) != (asker, sender) {
            return Err(format!("answers {back} at {to}, and {sender} at {asker} asked"));
        }
        Ok(())
    }

    fn ipv4(&mut self, life: &Life, packet: &Packet<'_>) -> Result<(), String> {
        let (src, dst) = (address(packet.header, 12), packet.dst());
        if let Some((port, _)) = life.entry {
            let to = life.asked.to;
            if !to.is_multicast() && !self.macs[port.index()].contains(&to) {
                return Err(format!("came to {to}, which is another station"));
            }
        }
        if life.answered || life.entry.is_none() {
            if !self.ours.contains(&src) {
                return Err(format!("is ours, and from {src}, which is not"));
            }
            if packet.offset() == 0 && !packet.is_fixed() {
                self.identified(dst, packet)?;
            }
            let is_error = packet.protocol() == 1 && !life.answered && packet.offset() == 0;
            return if is_error { self.error(packet.payload) } else { Ok(()) };
        }
        if self.strict && (self.is_martian(src) || is_nowhere(dst)) {
            return Err(format!("goes from {src} to {dst}, which no host does"));
        }
        let Question::Ipv4 { fixed, first } = life.asked.what else { return Ok(()) };
        if life.cut_of.is_none() || life.whole {
            return Ok(());
        }
        if fixed {
            return Err("is a piece of what came with DF".to_owned());
        }
        match stray_option(&packet.header[20..]).filter(|_| first && packet.offset() > 0) {
            Some(kind) => Err(format!("is a later piece, and has option {kind}, not to be copied")),
            None => Ok(()),
        }
    }

    /// RFC 6864 §4.1: what may be cut has an identification of its own, as long as it may be under way.
    fn identified(&mut self, dst: Ipv4Addr, packet: &Packet<'_>) -> Result<(), String> {
        let id = u16::from_be_bytes([packet.header[4], packet.header[5]]);
        if self.recent.contains(&(dst, id)) {
            return Err(format!("goes to {dst} with identification {id}, as one just before it"));
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((dst, id));
        Ok(())
    }

    fn is_martian(&self, src: Ipv4Addr) -> bool {
        is_nowhere(src) || self.is_many(src)
    }

    fn is_many(&self, address: Ipv4Addr) -> bool {
        is_group(address) || self.groups.contains(&address)
    }

    /// RFC 1122 §3.2.2: what an error is about is what it quotes.
    fn error(&self, message: &[u8]) -> Result<(), String> {
        let kind = message.first().copied().unwrap_or_default();
        let Some(about) = message.get(8..).filter(|_| ERRORS.contains(&kind)) else {
            return Ok(());
        };
        let Some((header, _)) = about.split_at_checked(20) else { return Ok(()) };
        let (src, dst) = (address(header, 12), address(header, 16));
        if self.is_martian(src) {
            return Err(format!("is an ICMP error for {src}, which is not one host"));
        }
        if self.is_many(dst) {
            return Err(format!("is an ICMP error about a packet for {dst}, a group"));
        }
        if u16::from_be_bytes([header[6], header[7]]) & 0x1fff != 0 {
            return Err("is an ICMP error about a fragment that is not the first".to_owned());
        }
        let inner = about.get(usize::from(header[0] & 0x0f) * 4).filter(|_| header[9] == 1);
        match inner.filter(|kind| ERRORS.contains(kind)) {
            Some(kind) => Err(format!("is an ICMP error about an ICMP error, of type {kind}")),
            None => Ok(()),
        }
    }
}

fn nets(port: &PortConfig) -> impl Iterator<Item = &ipnet::Ipv4Net> {
    port.addresses.iter().chain(port.vlans.iter().flat_map(|vlan| &vlan.addresses))
}

fn is_group(address: Ipv4Addr) -> bool {
    address.is_multicast() || address == Ipv4Addr::BROADCAST
}

/// 0.0.0.0/8 and 127.0.0.0/8.
fn is_nowhere(address: Ipv4Addr) -> bool {
    matches!(address.octets()[0], 0 | 127)
}

/// The first option that only the first piece may have. Nothing is said of a list from its first fault
/// on: a box that does not look at options forwards it, and cannot know where the next one begins.
fn stray_option(mut options: &[u8]) -> Option<u8> {
    loop {
        match *options {
            [] | [_] | [0, ..] => return None,
            [1, ref rest @ ..] => options = rest,
            [kind, len, ..] => {
                let rest = options.get(usize::from(len)..).filter(|_| len >= 2)?;
                if kind & 0x80 == 0 {
                    return Some(kind);
                }
                options = rest;
            }
        }
    }
}

fn mac(bytes: &[u8], at: usize) -> Mac {
    let mut mac = Mac::ZERO;
    mac.0.copy_from_slice(&bytes[at..at + 6]);
    mac
}

/// Whether it takes an IPv4 header, or what is behind one, to drop a packet so.
fn is_of_ipv4(reason: DropReason) -> bool {
    matches!(
        reason,
        DropReason::IpTruncated
            | DropReason::IpVersion
            | DropReason::IpHeaderLength
            | DropReason::IpChecksum
            | DropReason::IpTotalLength
            | DropReason::IpBeyondFrame
            | DropReason::IpMartianSource
            | DropReason::IpMartianDestination
            | DropReason::IpOptions
            | DropReason::IpSourceRoute
            | DropReason::IpFragmentPolicy
            | DropReason::IpMulticast
            | DropReason::IpBroadcast
            | DropReason::IpNoRoute
            | DropReason::ProtocolUnknown
            | DropReason::PortUnreachable
            | DropReason::ForwardingOff
            | DropReason::ForwardGroupFrame
            | DropReason::TtlExceeded
            | DropReason::FragmentationNeeded
    )
}

#[cfg(test)]
mod tests;
