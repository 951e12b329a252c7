//! Ports and VLAN devices: names, addresses, sizes, and what is behind a port.

use super::super::error::Mistake;
use super::super::file::{KniTable, PortKind, PortTable, VlanTable, WireTable};
use super::super::ranges;
use super::super::value::{At, Span, Text};
use super::super::{NAME_MAX, is_name};
use super::{Builder, Device, header};
use crate::plan::{PortPlan, WirePlan};
use dataplane::config::{KniConfig, Limits, PortConfig, VlanConfig};
use dataplane::{Mac, PortId, VlanId};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// What was seen on the devices so far.
#[derive(Default)]
struct Seen {
    names: Vec<String>,
    addresses: Vec<(Ipv4Addr, String)>,
}

impl Builder<'_> {
    /// Reads all ports, and the VLAN devices behind them. Queues are counted later.
    pub(super) fn ports(&mut self) {
        let file = self.file;
        let mut seen = Seen::default();
        if file.port.is_empty() {
            let mistake =
                Mistake::new(&(0..0), "there is no port", "expected at least one [[port]]");
            self.mistake(mistake);
        }
        if let Some((_, one_over)) = (0u64..).zip(&file.port).find(|(n, _)| *n == Limits::PORTS) {
            let message = format!("{} ports", file.port.len());
            let expected = format!("expected at most {}", Limits::PORTS);
            self.mistake(Mistake::new(header(one_over), message, expected));
        }
        for (index, table) in file.port.iter().enumerate() {
            self.port_table(index, table, &mut seen);
        }
        self.physical = self.ports.len();
        let mut vlans = Vec::new();
        for (index, table) in file.port.iter().enumerate() {
            for vlan in &table.value.vlan {
                let vlan = self.vlan_table(index, vlan, &mut seen);
                vlans.extend(vlan.map(|v| (index, v)));
            }
        }
        self.kernels(&vlans, &mut seen);
        for (index, vlan) in vlans {
            self.devices
                .push(Device { name: vlan.name.clone(), addresses: vlan.addresses.clone() });
            self.ports[index].vlans.push(vlan);
        }
    }

    fn port_table(&mut self, index: usize, table: &At<PortTable>, seen: &mut Seen) {
        let port = &table.value;
        let name = port.name.value.clone();
        self.name(&port.name, seen);
        let number = u8::try_from(index + 1).unwrap_or(u8::MAX);
        let mac = self.mac(port.mac.as_ref()).unwrap_or(Mac([2, 0, 0, 0, 1, number]));
        let mtu = self.ranged(ranges::PORT_MTU, port.mtu.as_ref(), 1500);
        let addresses = self.addresses(&name, &port.addresses, seen);
        let kind = self.port_kind(port);
        self.devices.push(Device { name: name.clone(), addresses: addresses.clone() });
        self.port_plans.push(kind);
        self.ports.push(PortConfig {
            name,
            mac,
            mtu,
            addresses,
            rx_queues: 0,
            tx_queues: 0,
            vlans: Vec::new(),
        });
    }

    /// The kernel sides of ports and VLAN devices, as ports that come behind the physical ones.
    fn kernels(&mut self, vlans: &[(usize, VlanConfig)], seen: &mut Seen) {
        let file = self.file;
        let ports =
            file.port.iter().zip(0..).filter_map(|(p, at)| Some((at, p.value.kni.as_ref()?)));
        let tables = file.port.iter().flat_map(|port| &port.value.vlan).zip(0..);
        let on_vlans = tables.filter_map(|(v, at)| Some((at, v.value.kni.as_ref()?)));
        let on_ports: Vec<(usize, &At<KniTable>)> = ports.collect();
        let on_vlans: Vec<(usize, &At<KniTable>)> = on_vlans.collect();
        let all = self.physical + on_ports.len() + on_vlans.len();
        let mut kernels = Vec::new();
        for (at, kni) in on_ports {
            let (name, port) = (self.ports[at].name.clone(), &self.ports[at]);
            kernels.push((at, kni, name, port.mac, port.mtu));
        }
        for (at, kni) in on_vlans {
            // A VLAN that has a mistake of its own is not in the list; then no plan comes out.
            let Some((port, vlan)) = vlans.get(at) else { continue };
            let port = &self.ports[*port];
            let (mac, mtu) = (vlan.mac.unwrap_or(port.mac), vlan.mtu.unwrap_or(port.mtu));
            kernels.push((all + at, kni, vlan.name.clone(), mac, mtu));
        }
        for (device, At { value: kni, span }, of, mac, mtu) in kernels {
            let name = kni.name.as_ref().map_or(format!("{of}.kni"), |name| name.value.clone());
            let span = kni.name.as_ref().map_or(span, |name| &name.span);
            self.name(&At { value: name.clone(), span: span.clone() }, seen);
            let port = PortId(u16::try_from(self.ports.len()).unwrap_or(u16::MAX));
            let device = PortId(u16::try_from(device).unwrap_or(u16::MAX));
            self.devices.push(Device { name: name.clone(), addresses: Vec::new() });
            let wire = self.wire(kni.wire.as_ref());
            self.port_plans.push(PortPlan::Ring(wire));
            self.kni.push(KniConfig { device, port, forward: kni.forward.unwrap_or(false) });
            self.ports.push(PortConfig {
                name,
                mac,
                mtu,
                addresses: Vec::new(),
                rx_queues: 1,
                tx_queues: 1,
                vlans: Vec::new(),
            });
        }
    }

    fn port_kind(&mut self, port: &PortTable) -> PortPlan {
        let kind = port.kind.as_ref().map_or(PortKind::Ring, |k| k.value);
        let mut only = |key: &str, span: Option<&Span>, needs: PortKind, name: &str| {
            if let Some(span) = span
                && kind != needs
            {
                let message = format!("`{key}` belongs to ports of kind \"{name}\"");
                let mistake = Mistake::new(span, message, "");
                self.mistakes.push(mistake.help(format!("say kind = \"{name}\", or take it away")));
            }
        };
        only("wire", port.wire.as_ref().map(|w| &w.span), PortKind::Ring, "ring");
        only("rx", port.rx.as_ref().map(|r| &r.span), PortKind::Pcap, "pcap");
        let len = port.rx_frame_len.as_ref();
        only("rx_frame_len", len.map(|l| &l.span), PortKind::Null, "null");
        match kind {
            PortKind::Ring => PortPlan::Ring(self.wire(port.wire.as_ref())),
            PortKind::Pcap => {
                let rx = port.rx.as_ref().and_then(|rx| self.capture_path(rx));
                PortPlan::Pcap { rx }
            }
            PortKind::Null => {
                if let Some(len) = len
                    && self.file.until.is_none()
                    && self.overrides.until.is_none()
                {
                    let message = "this port receives without end, and the run has no `until`";
                    let help = "add until = \"10ms\" at the top, or give --until";
                    self.mistake(Mistake::new(&len.span, message, "").help(help));
                }
                let rx_frame_len = len.map(|l| self.ranged(ranges::RX_FRAME_LEN, Some(l), 64));
                PortPlan::Null { rx_frame_len }
            }
        }
    }

    fn wire(&mut self, table: Option<&At<WireTable>>) -> WirePlan {
        let default = WirePlan::default();
        let Some(At { value: wire, .. }) = table else { return default };
        WirePlan {
            rate: wire.rate.as_ref().map(|r| r.value.0.0),
            delay: wire.delay.as_ref().map_or(default.delay, |d| d.value.0),
            queue: self.ranged(ranges::WIRE_QUEUE, wire.queue.as_ref(), default.queue),
        }
    }

    fn vlan_table(
        &mut self,
        port: usize,
        table: &At<VlanTable>,
        seen: &mut Seen,
    ) -> Option<VlanConfig> {
        let vlan = &table.value;
        let parent = self.ports[port].name.clone();
        let name =
            vlan.name.as_ref().map_or(format!("{parent}.{}", vlan.vid.value), |n| n.value.clone());
        let span = vlan.name.as_ref().map_or(&vlan.vid.span, |n| &n.span);
        let mine = &self.file.port[port].value.vlan;
        let twice = mine.iter().any(|other| {
            other.value.vid.value == vlan.vid.value && other.span.start < table.span.start
        });
        if twice {
            let message = format!("port {parent} has VLAN {} twice", vlan.vid.value);
            self.mistake(Mistake::new(&vlan.vid.span, message, "expected another VLAN"));
        } else {
            self.name(&At { value: name.clone(), span: span.clone() }, seen);
        }
        let mac = self.mac(vlan.mac.as_ref());
        let port_mtu = self.ports[port].mtu;
        let mtu = vlan.mtu.as_ref().map(|m| self.ranged(ranges::VLAN_MTU, Some(m), port_mtu));
        if let (Some(mtu), Some(at)) = (mtu, &vlan.mtu)
            && mtu > port_mtu
        {
            let message = format!("mtu is {mtu}, and that of port {parent} is {port_mtu}");
            self.mistake(Mistake::new(&at.span, message, format!("expected at most {port_mtu}")));
        }
        let addresses = self.addresses(&name, &vlan.addresses, seen);
        let vid = self.noted(ranges::VLAN_VID.check(&vlan.vid))?;
        let vid = VlanId::try_new(u16::try_from(vid).ok()?)?;
        Some(VlanConfig { name, vid, mac, mtu, addresses })
    }

    fn name(&mut self, name: &At<String>, seen: &mut Seen) {
        let text = &name.value;
        if !is_name(text) {
            let expected = format!("1 to {NAME_MAX} letters, digits, `-`, `_`, `.`");
            self.mistake(Mistake::new(&name.span, format!("`{text}` is no name"), expected));
        } else if seen.names.contains(text) {
            let message = format!("two devices are named `{text}`");
            self.mistake(Mistake::new(&name.span, message, "expected another name"));
        }
        seen.names.push(text.clone());
    }

    pub(super) fn mac(&mut self, mac: Option<&At<Text<Mac>>>) -> Option<Mac> {
        let At { value: Text(mac), span } = mac?;
        if mac.is_multicast() || *mac == Mac::ZERO {
            let message = format!("{mac} is no unicast address");
            let expected = "expected an address whose first octet is even, not all zeros";
            self.mistake(Mistake::new(span, message, expected));
        }
        Some(*mac)
    }

    fn addresses(
        &mut self,
        device: &str,
        list: &[At<Text<Ipv4Net>>],
        seen: &mut Seen,
    ) -> Vec<Ipv4Net> {
        for At { value: Text(net), span } in list {
            let address = net.addr();
            if let Some(why) = no_host(net) {
                self.mistake(Mistake::new(
                    span,
                    format!("{address} is {why}"),
                    "expected a host's",
                ));
            }
            if let Some((_, first)) = seen.addresses.iter().find(|(a, _)| *a == address) {
                let message = match first == device {
                    true => format!("{address} is twice on `{device}`"),
                    false => format!("{address} is on `{first}` and on `{device}`"),
                };
                self.mistake(Mistake::new(span, message, "expected an address of its own"));
            }
            seen.addresses.push((address, device.to_owned()));
        }
        list.iter().map(|net| net.value.0).collect()
    }
}

/// Why the address of `net` is no host's.
pub(super) fn no_host(net: &Ipv4Net) -> Option<String> {
    let address = net.addr();
    if address.octets()[0] == 0 || address.is_loopback() {
        return Some("an address that may not be on a wire".to_owned());
    }
    if address.octets()[0] >= 224 {
        return Some("no unicast address".to_owned());
    }
    match net.prefix_len() {
        0 => Some("on a subnet of all addresses: the prefix length is 0".to_owned()),
        31 | 32 => None,
        _ if address == net.network() => Some(format!("the number of the subnet {net} itself")),
        _ if address == net.broadcast() => Some(format!("the broadcast address of {net}")),
        _ => None,
    }
}
