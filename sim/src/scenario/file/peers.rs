//! The tables of those at the far ends of the wires.

use super::super::value::{At, Loss, Text};
use dataplane::{Mac, Nanos};
use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::Ipv4Addr;

/// Somebody at the far end of a ring port's wire: a host with a TCP/IP stack of its own, or somebody
/// hostile. It hears what leaves the port, and answers, on the same virtual clock.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "peer")]
#[serde(deny_unknown_fields)]
pub struct PeerTable {
    /// Its name, unique among peers: 1 to 32 letters, digits, `-`, `_`, `.`. It names its randomness.
    pub name: At<String>,
    /// The port.
    pub port: At<String>,
    /// What it is. Default: "host".
    pub kind: Option<At<PeerKindName>>,
    /// Its Ethernet address. Default: 02:00:00:00:02:NN, where NN is 01 for the first peer.
    pub mac: Option<At<Text<Mac>>>,
    /// Its address, with the prefix length of its subnet.
    pub address: At<Text<Ipv4Net>>,
    /// Hosts: the gateway for all that is not on its subnet. Default: none.
    pub gateway: Option<At<Text<Ipv4Addr>>>,
    /// The VLAN that it is in. Default: none, its frames have no tag.
    pub vlan: Option<At<u64>>,
    /// The share of frames lost on its wire, in either direction. Default: none.
    pub loss: Option<At<Text<Loss>>>,
    /// Hosts: the largest IPv4 packet that it sends, in bytes. Default: 1500.
    pub mtu: Option<At<u64>>,
    /// Hosts: whom it pings.
    #[serde(default)]
    pub ping: Vec<At<PingTable>>,
    /// Hosts: sends back what comes to this UDP port.
    pub udp_echo: Option<At<u64>>,
    /// Hosts: takes what comes to this UDP port.
    pub udp_listen: Option<At<u64>>,
    /// Hosts: which datagrams it sends.
    #[serde(default)]
    pub udp_send: Vec<At<UdpSendTable>>,
    /// Hosts: sends back what comes to this TCP port.
    pub tcp_echo: Option<At<u64>>,
    /// Hosts: takes what comes to this TCP port.
    pub tcp_listen: Option<At<u64>>,
    /// Hosts: which transfers it begins.
    #[serde(default)]
    pub tcp_send: Vec<At<TcpSendTable>>,
    /// Hostile ones: what it does.
    #[serde(default)]
    pub does: Vec<At<AttackTable>>,
}

/// What a peer is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "peer-kind")]
#[serde(rename_all = "lowercase")]
pub enum PeerKindName {
    /// A host with a TCP/IP stack: it answers ARP and pings.
    Host,
    /// Somebody who sends what nobody should.
    Hostile,
}

/// Echo requests, one after the other.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ping")]
#[serde(deny_unknown_fields)]
pub struct PingTable {
    /// Whom to ask.
    pub to: At<Text<Ipv4Addr>>,
    /// When the first is sent. Default: 0s.
    pub at: Option<Text<Nanos>>,
    /// How many. Default: 1.
    pub count: Option<At<u64>>,
    /// How long after each other. Default: 1s.
    pub every: Option<Text<Nanos>>,
    /// Bytes of data in each. Default: 56.
    pub size: Option<At<u64>>,
}

/// Datagrams, one after the other.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "udp-send")]
#[serde(deny_unknown_fields)]
pub struct UdpSendTable {
    /// To whom.
    pub to: At<Text<Ipv4Addr>>,
    /// To which port.
    pub port: At<u64>,
    /// When the first is sent. Default: 0s.
    pub at: Option<Text<Nanos>>,
    /// How many. Default: 1.
    pub count: Option<At<u64>>,
    /// How long after each other. Default: 1s.
    pub every: Option<Text<Nanos>>,
    /// Bytes of data in each. Default: 32.
    pub size: Option<At<u64>>,
}

/// A transfer by TCP: a connection, so many bytes, and its end.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "tcp-send")]
#[serde(deny_unknown_fields)]
pub struct TcpSendTable {
    /// To whom.
    pub to: At<Text<Ipv4Addr>>,
    /// To which port.
    pub port: At<u64>,
    /// When it begins. Default: 0s.
    pub at: Option<Text<Nanos>>,
    /// Bytes.
    pub bytes: At<u64>,
}

/// Frames that nobody should send, drawn from the seed.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "attack")]
#[serde(deny_unknown_fields)]
pub struct AttackTable {
    /// Which: "arp_liar", "gratuitous_storm", "teardrop", "overlap", "reassembly_exhauster",
    /// "neighbour_exhauster", "ttl_prober", "spoofer" or "giants_and_runts".
    pub what: At<String>,
    /// Whom it is aimed at. Default: the box; of an arp_liar: everybody.
    pub target: Option<At<Text<Ipv4Addr>>>,
    /// When it begins. Default: 0s.
    pub at: Option<Text<Nanos>>,
    /// How many groups of frames; of an arp_liar: at most how many answers. Default: 1.
    pub count: Option<At<u64>>,
    /// How long after each other. Default: 1ms.
    pub every: Option<At<Text<Nanos>>>,
}
