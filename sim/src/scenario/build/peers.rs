//! Who is at the far ends of the wires.

use super::super::error::{Mistake, did_you_mean};
use super::super::file::{
    AttackTable, PeerKindName, PeerTable, PingTable, TcpSendTable, UdpSendTable,
};
use super::super::ranges::{self, Ranged};
use super::super::value::{At, Span, Text};
use super::super::{NAME_MAX, is_name};
use super::{Builder, header};
use crate::plan::{
    AttackKind, AttackPlan, HostPlan, PeerKind, PeerPlan, PingPlan, TcpSendPlan, Times, UdpSendPlan,
};
use dataplane::{Instant, Nanos, PortId, VlanId};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// Things of one kind that a host does: each has a port of its own.
const TASKS: usize = 1000;

impl Builder<'_> {
    pub(super) fn peers(&mut self) -> Vec<PeerPlan> {
        let file = self.file;
        let mut peers: Vec<PeerPlan> = Vec::new();
        for (index, table) in file.peer.iter().enumerate() {
            let peer = &table.value;
            let before = file.peer[..index].iter().map(|other| &other.value.name.value);
            self.peer_name(&peer.name, before);
            let port = self.port(&peer.port);
            if let Some(port) = port {
                self.takes_input(&peer.port, port);
            }
            let number = u8::try_from(index + 1).unwrap_or(u8::MAX);
            let mac =
                self.mac(peer.mac.as_ref()).unwrap_or(dataplane::Mac([2, 0, 0, 0, 2, number]));
            self.peer_address(&peer.address);
            let vlan = peer.vlan.as_ref().map(|vid| self.ranged(ranges::PEER_VLAN, Some(vid), 1));
            let vlan = vlan.and_then(VlanId::try_new);
            let kind = match peer.kind.as_ref().map_or(PeerKindName::Host, |kind| kind.value) {
                PeerKindName::Host => PeerKind::Host(self.host(table)),
                PeerKindName::Hostile => PeerKind::Hostile(self.attacks(table, port, vlan)),
            };
            let Some(port) = port else { continue };
            if let PeerKind::Host(_) = kind {
                self.twin(&peer.address, (port, vlan), &peers);
            }
            peers.push(PeerPlan {
                name: peer.name.value.clone(),
                port,
                mac,
                address: peer.address.value.0,
                vlan,
                loss: peer.loss.as_ref().map_or(0, |loss| loss.value.0.0),
                kind,
            });
        }
        peers
    }

    fn peer_name<'n>(&mut self, name: &At<String>, mut before: impl Iterator<Item = &'n String>) {
        let text = &name.value;
        if !is_name(text) {
            let expected = format!("1 to {NAME_MAX} letters, digits, `-`, `_`, `.`");
            self.mistake(Mistake::new(&name.span, format!("`{text}` is no name"), expected));
        } else if before.any(|other| other == text) {
            let message = format!("two peers are named `{text}`");
            self.mistake(Mistake::new(&name.span, message, "expected another name"));
        }
    }

    /// An address of the box would be there twice.
    fn peer_address(&mut self, At { value: Text(net), span }: &At<Text<Ipv4Net>>) {
        let address = net.addr();
        if let Some(why) = super::ports::no_host(net) {
            let message = format!("{address} is {why}");
            self.mistake(Mistake::new(span, message, "expected a host's"));
        }
        let mut ours = self.devices.iter();
        let ours = ours.find(|device| device.addresses.iter().any(|net| net.addr() == address));
        if let Some(device) = ours.map(|device| device.name.clone()) {
            let message = format!("{address} is the box's own, on `{device}`");
            self.mistake(Mistake::new(span, message, "expected another address"));
        }
    }

    /// Two hosts of one address on one link would answer for each other.
    fn twin(
        &mut self,
        At { value: Text(net), span }: &At<Text<Ipv4Net>>,
        link: (PortId, Option<VlanId>),
        before: &[PeerPlan],
    ) {
        let same = |other: &&PeerPlan| {
            let host = matches!(other.kind, PeerKind::Host(_));
            host && (other.port, other.vlan) == link && other.address.addr() == net.addr()
        };
        if let Some(other) = before.iter().find(same) {
            let message = format!("{} is {}'s on this link", net.addr(), other.name);
            self.mistake(Mistake::new(span, message, "expected another address"));
        }
    }

    fn host(&mut self, table: &At<PeerTable>) -> HostPlan {
        let peer = &table.value;
        let does = peer.does.first().map(|does| &does.span);
        self.foreign("does", does, "hostile peers", "say kind = \"hostile\"");
        if let Some(At { value: Text(gateway), span }) = &peer.gateway
            && !peer.address.value.0.contains(gateway)
        {
            let message =
                format!("{gateway} is not on the subnet {}", peer.address.value.0.trunc());
            self.mistake(Mistake::new(span, message, "expected a gateway on its own subnet"));
        }
        for (key, len) in [
            ("ping", peer.ping.len()),
            ("udp_send", peer.udp_send.len()),
            ("tcp_send", peer.tcp_send.len()),
        ] {
            if len > TASKS {
                let message = format!("{len} of `{key}`");
                let expected = format!("expected at most {TASKS}");
                self.mistake(Mistake::new(header(table), message, expected));
            }
        }
        for (a, b) in [
            (("udp_listen", &peer.udp_listen), ("udp_echo", &peer.udp_echo)),
            (("tcp_listen", &peer.tcp_listen), ("tcp_echo", &peer.tcp_echo)),
        ] {
            if let (Some(one), Some(other)) = (a.1, b.1)
                && one.value == other.value
            {
                let message = format!("`{}` and `{}` are the same port", a.0, b.0);
                self.mistake(Mistake::new(&other.span, message, "expected another port"));
            }
        }
        HostPlan {
            mtu: self.ranged(ranges::PEER_MTU, peer.mtu.as_ref(), 1500),
            gateway: peer.gateway.as_ref().map(|gateway| gateway.value.0),
            pings: peer.ping.iter().map(|ping| self.ping(&ping.value)).collect(),
            udp_echo: self.transport_port(ranges::UDP_ECHO, peer.udp_echo.as_ref()),
            udp_listen: self.transport_port(ranges::UDP_LISTEN, peer.udp_listen.as_ref()),
            udp_sends: peer.udp_send.iter().map(|send| self.udp_send(&send.value)).collect(),
            tcp_echo: self.transport_port(ranges::TCP_ECHO, peer.tcp_echo.as_ref()),
            tcp_listen: self.transport_port(ranges::TCP_LISTEN, peer.tcp_listen.as_ref()),
            tcp_sends: peer.tcp_send.iter().map(|send| self.tcp_send(&send.value)).collect(),
        }
    }

    /// A key that belongs to peers of the other kind.
    fn foreign(&mut self, key: &str, span: Option<&Span>, whose: &str, help: &str) {
        if let Some(span) = span {
            let mistake = Mistake::new(span, format!("`{key}` belongs to {whose}"), "");
            self.mistake(mistake.help(format!("{help}, or take it away")));
        }
    }

    fn transport_port(&mut self, range: Ranged, port: Option<&At<u64>>) -> Option<u16> {
        port.map(|port| self.ranged(range, Some(port), 1))
    }

    fn ping(&mut self, ping: &PingTable) -> PingPlan {
        let count = self.ranged(ranges::PING_COUNT, ping.count.as_ref(), 1);
        self.unicast(&ping.to);
        PingPlan {
            to: ping.to.value.0,
            times: times(ping.at.as_ref(), count, ping.every.as_ref(), Nanos::from_secs(1)),
            size: self.ranged(ranges::PING_SIZE, ping.size.as_ref(), 56),
        }
    }

    fn udp_send(&mut self, send: &UdpSendTable) -> UdpSendPlan {
        let count = self.ranged(ranges::UDP_SEND_COUNT, send.count.as_ref(), 1);
        self.unicast(&send.to);
        UdpSendPlan {
            to: send.to.value.0,
            port: self.ranged(ranges::UDP_SEND_PORT, Some(&send.port), 1),
            times: times(send.at.as_ref(), count, send.every.as_ref(), Nanos::from_secs(1)),
            size: self.ranged(ranges::UDP_SEND_SIZE, send.size.as_ref(), 32),
        }
    }

    fn tcp_send(&mut self, send: &TcpSendTable) -> TcpSendPlan {
        self.unicast(&send.to);
        TcpSendPlan {
            to: send.to.value.0,
            port: self.ranged(ranges::TCP_SEND_PORT, Some(&send.port), 1),
            at: instant(send.at.as_ref()),
            bytes: self.ranged(ranges::TCP_SEND_BYTES, Some(&send.bytes), 1),
        }
    }

    fn unicast(&mut self, At { value: Text(to), span }: &At<Text<Ipv4Addr>>) {
        if to.octets()[0] == 0 || to.is_loopback() || to.octets()[0] >= 224 {
            let message = format!("{to} is no address of a host on a wire");
            self.mistake(Mistake::new(span, message, "expected a host's"));
        }
    }

    fn attacks(
        &mut self,
        table: &At<PeerTable>,
        port: Option<PortId>,
        vlan: Option<VlanId>,
    ) -> Vec<AttackPlan> {
        let peer = &table.value;
        let keys = [
            ("gateway", peer.gateway.as_ref().map(|at| &at.span)),
            ("mtu", peer.mtu.as_ref().map(|at| &at.span)),
            ("ping", peer.ping.first().map(|at| &at.span)),
            ("udp_echo", peer.udp_echo.as_ref().map(|at| &at.span)),
            ("udp_listen", peer.udp_listen.as_ref().map(|at| &at.span)),
            ("udp_send", peer.udp_send.first().map(|at| &at.span)),
            ("tcp_echo", peer.tcp_echo.as_ref().map(|at| &at.span)),
            ("tcp_listen", peer.tcp_listen.as_ref().map(|at| &at.span)),
            ("tcp_send", peer.tcp_send.first().map(|at| &at.span)),
        ];
        for (key, span) in keys {
            self.foreign(key, span, "hosts", "say kind = \"host\"");
        }
        if peer.does.is_empty() {
            let mistake = Mistake::new(header(table), "this hostile peer does nothing", "");
            self.mistake(mistake.help("add does = [{ what = \"teardrop\", count = 10 }]"));
        }
        let own = port.and_then(|port| self.ports.get(port.index())).and_then(|port| {
            let vlan = vlan.and_then(|vid| port.vlans.iter().find(|vlan| vlan.vid == vid));
            vlan.map_or(&port.addresses, |vlan| &vlan.addresses).first().map(Ipv4Net::addr)
        });
        peer.does.iter().filter_map(|does| self.attack(does, own)).collect()
    }

    fn attack(&mut self, table: &At<AttackTable>, own: Option<Ipv4Addr>) -> Option<AttackPlan> {
        let AttackTable { what, target, at, count, every } = &table.value;
        let kind = AttackKind::ALL.into_iter().find(|kind| kind.name() == what.value);
        let Some(kind) = kind else {
            let names = AttackKind::ALL.map(AttackKind::name);
            let message = format!("\"{}\" is nothing that a hostile peer does", what.value);
            let expected = format!("expected one of {}", names.join(", "));
            let help = did_you_mean(&what.value, &names);
            self.mistake(Mistake::new(&what.span, message, expected).maybe_help(help));
            return None;
        };
        if let (AttackKind::ArpLiar, Some(every)) = (kind, every) {
            let mistake =
                Mistake::new(&every.span, "an arp_liar speaks when it hears a request", "");
            self.mistake(mistake.help("take `every` away"));
        }
        let default = match kind {
            AttackKind::ArpLiar => Some(Ipv4Addr::UNSPECIFIED),
            _ => own,
        };
        let target = target.as_ref().map(|target| target.value.0).or(default);
        let Some(target) = target else {
            let message = "the port has no address to aim at";
            self.mistake(Mistake::new(header(table), message, "expected a `target`"));
            return None;
        };
        let count = self.ranged(ranges::ATTACK_COUNT, count.as_ref(), 1);
        let every = every.as_ref().map(|every| &every.value);
        let times = times(at.as_ref(), count, every, Nanos::from_millis(1));
        Some(AttackPlan { what: kind, target, times })
    }
}

fn instant(at: Option<&Text<Nanos>>) -> Instant {
    at.map_or(Instant::EPOCH, |at| Instant::from_nanos(at.0.get()))
}

fn times(
    at: Option<&Text<Nanos>>,
    count: u32,
    every: Option<&Text<Nanos>>,
    default: Nanos,
) -> Times {
    Times { at: instant(at), count, every: every.map_or(default, |every| every.0) }
}
