//! What leaves a port is right: its Ethernet header, its IPv4 header, its length, its TTL, the checksums
//! of what we made or answered, and no byte that nobody put there.
//!
//! A packet that is forwarded leaves with the payload and, but for TTL and checksum, with the header that
//! it came with; so a checksum above IPv4 that was right still is, and one that was wrong is not mended.
//! The payload is compared by a sum over all its bytes ([`frame::sum`]).
//!
//! Frames from and to a kernel side are the kernel's: they are not ours to judge.
//!
//! Invariant: frames are read by `frame.rs` alone. Not here: what is in fragments (`fragments.rs`).

use super::frame::{self, ARP, Frame, IPV4, Packet, UNTAGGED};
use super::identity::{Birth, Life};
use dataplane::config::Config;
use dataplane::control::{LinkSetting, Order};
use dataplane::event::Made;
use dataplane::{Mac, PortId};
use std::net::Ipv4Addr;

/// The name of the oracle.
pub(super) const NAME: &str = "egress";

/// What is remembered of a frame that came, to be compared when it leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Came {
    /// Its VLAN, or [`UNTAGGED`].
    pub vid: u16,
    what: Content,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Content {
    #[default]
    Other,
    /// The sum of what is behind an ARP packet.
    Arp { trailer: u64 },
    Ipv4 {
        dst: Ipv4Addr,
        /// Bytes of the packet: its header says so in 16 bits.
        len: u16,
        ttl: u8,
        /// [`Packet::kept`].
        header: u64,
        /// The first eight bytes of the payload, and the sum of the others.
        first: u64,
        rest: u64,
    },
}

impl Came {
    /// What is to be remembered of a frame.
    pub fn of(frame: &Frame<'_>, packet: Option<&Packet<'_>>) -> Came {
        let what = match (packet, frame.arp()) {
            (Some(packet), _) => Content::Ipv4 {
                dst: packet.dst(),
                len: u16::try_from(packet.total_len()).unwrap_or(u16::MAX),
                ttl: packet.ttl(),
                header: packet.kept(),
                first: frame::first_eight(packet.payload),
                rest: rest(packet),
            },
            (None, Some((_, trailer))) => Content::Arp { trailer: frame::sum(trailer) },
            (None, None) => Content::Other,
        };
        Came { vid: frame.vid, what }
    }

    /// Where an IPv4 packet was to go, and its bytes.
    pub fn to(&self) -> Option<(Ipv4Addr, u16)> {
        match self.what {
            Content::Ipv4 { dst, len, .. } => Some((dst, len)),
            Content::Arp { .. } | Content::Other => None,
        }
    }
}

fn rest(packet: &Packet<'_>) -> u64 {
    frame::sum(packet.payload.get(8..).unwrap_or_default())
}

/// What is right on a port.
#[derive(Debug)]
struct Rules {
    mac: Mac,
    /// The MACs and the MTUs of its VLAN devices from the start.
    vlans: Vec<(u16, Mac, u16)>,
    mtu: u16,
    name: String,
    is_kernel: bool,
}

/// What is right on each port.
#[derive(Debug)]
pub(super) struct Egress {
    ports: Vec<Rules>,
    /// Whether VLAN devices have the MTUs that they began with.
    as_begun: bool,
}

impl Egress {
    /// The rules of a configuration.
    pub fn new(config: &Config) -> Egress {
        let ports = (0..).map(PortId).zip(&config.ports).map(|(id, port)| {
            let vlans = port.vlans.iter().map(|vlan| {
                (vlan.vid.get(), vlan.mac.unwrap_or(port.mac), vlan.mtu.unwrap_or(port.mtu))
            });
            Rules {
                mac: port.mac,
                vlans: vlans.collect(),
                mtu: port.mtu,
                name: port.name.clone(),
                is_kernel: config.kni.iter().any(|kni| kni.port == id),
            }
        });
        Egress { ports: ports.collect(), as_begun: true }
    }

    /// The control plane was told something: what it allows from now on. What was under way before may
    /// still leave as it was, so that an MTU only ever grows here.
    pub fn told(&mut self, order: &Order) {
        match order {
            Order::Link { dev, set: LinkSetting::Mtu(mtu) } => {
                self.as_begun = false;
                for port in self.ports.iter_mut().filter(|port| port.name == dev.as_str()) {
                    port.mtu = port.mtu.max(*mtu);
                }
            }
            Order::Reload(reload) => {
                self.as_begun = false;
                if let Ok(config) = &reload.config {
                    for (port, new) in self.ports.iter_mut().zip(&config.ports) {
                        port.mtu = port.mtu.max(new.mtu);
                    }
                }
            }
            Order::VlanAdd { .. } | Order::VlanDel(_) => self.as_begun = false,
            _ => {}
        }
    }

    /// Whether a frame between these ports is the kernel's.
    pub fn is_kernels(&self, life: &Life, port: PortId) -> bool {
        let is_kernel = |port: PortId| self.ports[port.index()].is_kernel;
        is_kernel(port) || life.entry.is_some_and(|(port, _)| is_kernel(port))
    }

    /// What is wrong with the drop of what came so, for its type: all of ARP and IPv4 is taken, if its
    /// tag was taken out.
    ///
    /// # Errors
    /// A sentence without its beginning: the packet.
    pub fn type_unknown(life: &Life) -> Result<(), String> {
        match life.came.what {
            Content::Other => Ok(()),
            Content::Arp { .. } => Err("is ARP, and dropped for its type".to_owned()),
            Content::Ipv4 { .. } => Err("is IPv4, and dropped for its type".to_owned()),
        }
    }

    /// What is wrong with a frame that leaves by a port.
    ///
    /// # Errors
    /// A sentence without its beginning: the packet.
    pub fn check(
        &self,
        life: &Life,
        port: PortId,
        frame: &Frame<'_>,
        packet: Option<&Packet<'_>>,
    ) -> Result<(), String> {
        let rules = &self.ports[port.index()];
        let vlan = rules.vlans.iter().find(|(vid, ..)| *vid == frame.vid);
        if self.as_begun && vlan.is_none() && frame.vid != UNTAGGED {
            return Err(format!("has VLAN {}, which its port has no device for", frame.vid));
        }
        let mac = vlan.map_or(rules.mac, |(_, mac, _)| *mac);
        // A VLAN device that came later has the MAC of its port.
        if frame.src != mac && (self.as_begun || frame.vid == UNTAGGED || frame.src != rules.mac) {
            return Err(format!("has source MAC {}, not the device's {mac}", frame.src));
        }
        match (frame.ether_type, packet) {
            (IPV4, Some(packet)) => {
                let mtu = vlan.filter(|_| self.as_begun).map_or(rules.mtu, |(.., mtu)| *mtu);
                if packet.total_len() > usize::from(mtu) {
                    let len = packet.total_len();
                    return Err(format!("has {len} bytes, more than the device's MTU of {mtu}"));
                }
                ipv4(life, packet)
            }
            (IPV4, None) => Err("has lengths in its IPv4 header that do not fit it".to_owned()),
            (ARP, _) => arp(life, frame),
            (other, _) => {
                Err(format!("has type {other:#06x}, which nobody here makes or forwards"))
            }
        }
    }
}

fn arp(life: &Life, frame: &Frame<'_>) -> Result<(), String> {
    let Some((arp, trailer)) = frame.arp() else {
        return Err("ends within its ARP packet".to_owned());
    };
    if arp[8..14] != frame.src.0 {
        return Err("has another sender in its ARP packet than in its header".to_owned());
    }
    match (life.birth, life.came.what) {
        // Turned round in place, as long as it was.
        (Birth::Wire(..), Content::Arp { trailer: came }) if life.answered => {
            if frame::sum(trailer) != came {
                return Err("has other bytes behind its ARP packet than it came with".to_owned());
            }
        }
        (Birth::Made(Made::ArpRequest), _) => zeros(trailer)?,
        _ => return Err("is ARP that nobody made or answered".to_owned()),
    }
    Ok(())
}

fn zeros(trailer: &[u8]) -> Result<(), String> {
    match trailer.iter().position(|byte| *byte != 0) {
        Some(at) => Err(format!("has a stale byte, {at} bytes behind its end")),
        None => Ok(()),
    }
}

fn ipv4(life: &Life, packet: &Packet<'_>) -> Result<(), String> {
    if frame::checksum(packet.header) != 0 {
        return Err("has a wrong IPv4 checksum".to_owned());
    }
    zeros(packet.trailer)?;
    let ttl = packet.ttl();
    if ttl == 0 {
        return Err("has TTL 0".to_owned());
    }
    let passes = life.entry.is_some() && !life.answered;
    match (life.birth, life.came.what) {
        (Birth::Wire(..) | Birth::Made(Made::Fragment), Content::Ipv4 { ttl: came, .. })
            if passes && came.checked_sub(1) != Some(ttl) =>
        {
            Err(format!("has TTL {ttl}, and came with {came}"))
        }
        (Birth::Wire(..), Content::Ipv4 { header, first, rest: came, .. }) => {
            let now = frame::first_eight(packet.payload);
            if life.answered {
                // Type, code and checksum are other ones; identifier, sequence number and data are not.
                let same = life.whole || (now >> 32, rest(packet)) == (first >> 32, came);
                return if same { icmp(packet) } else { Err("answers with other data".to_owned()) };
            }
            if packet.kept() != header {
                return Err("has another IPv4 header than it came with".to_owned());
            }
            if (now, rest(packet)) != (first, came) {
                return Err("has another payload than it came with".to_owned());
            }
            Ok(())
        }
        (Birth::Wire(..), _) => Err("leaves as IPv4, and did not come as that".to_owned()),
        (Birth::Made(Made::IcmpError(..)), _) => icmp(packet),
        (Birth::Made(Made::Fragment), _) => Ok(()),
        (Birth::Made(_) | Birth::Unnamed, _) => {
            Err("leaves as IPv4, and was made as something else".to_owned())
        }
    }
}

fn icmp(packet: &Packet<'_>) -> Result<(), String> {
    match (packet.protocol(), frame::checksum(packet.payload)) {
        (1, 0) => Ok(()),
        (1, _) => Err("has a wrong ICMP checksum".to_owned()),
        (other, _) => Err(format!("is ours, and of protocol {other}, not ICMP")),
    }
}

#[cfg(test)]
mod tests;
