//! The oracle `peer`: what a host received is what another host sent.
//!
//! By TCP it is a prefix of what was sent, and all of it if the sender was told so. By UDP each
//! datagram is one that was sent, whole, in order, and none comes twice. An answer to a ping has the
//! data of the request.
//!
//! Invariant: an honest stack on an honest path never breaks it, whatever is lost. Where frames are
//! doubled or late on purpose, datagrams of UDP may come twice and in any order; they are still those
//! that were sent. Not here: what was received (`host.rs`).

use super::content::{Content, Tally};
use super::outcome::{Did, HostOutcome, PeerOutcome, TcpReceived, TcpSent, UdpReceived, UdpSent};
use super::stream_of;
use crate::fault::{Fault, Harm};
use crate::oracle::Breach;
use crate::trace::Digest;

/// The oracle's name.
const ORACLE: &str = "peer";

/// A host and what it experienced.
type Hosts<'a> = Vec<(&'a str, &'a HostOutcome)>;

/// What the path may do to datagrams of UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// Lose some.
    InOrder,
    /// Lose some, double and reorder them: that is asked for.
    Disorder,
}

impl Path {
    /// With these faults.
    pub fn with(faults: &[Fault]) -> Path {
        let shuffles =
            |fault: &Fault| matches!(fault, Fault::Frame { harm: Harm::Twice | Harm::Late(_), .. });
        if faults.iter().any(shuffles) { Path::Disorder } else { Path::InOrder }
    }

    /// Whether `received` can have come of `sent`.
    fn allows(self, received: &[Digest], sent: &[Digest]) -> bool {
        match self {
            Path::Disorder => received.iter().all(|digest| sent.contains(digest)),
            Path::InOrder => {
                let mut sent = sent.iter();
                received.iter().all(|digest| sent.any(|other| other == digest))
            }
        }
    }
}

/// What does not hold of what peers experienced in a run of this seed.
pub(super) fn check(seed: u64, path: Path, peers: &[PeerOutcome]) -> Vec<Breach> {
    let hosts = peers.iter().filter_map(|peer| match &peer.did {
        Did::Host(host) => Some((peer.name.as_str(), host)),
        Did::Hostile(_) => None,
    });
    let hosts: Hosts<'_> = hosts.collect();
    let mut broken = Vec::new();
    for (name, host) in &hosts {
        for ping in host.pings.iter().filter(|ping| ping.wrong > 0) {
            let why = format!("{name} got {} answers from {} with other data", ping.wrong, ping.to);
            broken.push(Breach::new(ORACLE, why));
        }
        for udp in host.udp_sent.iter().filter(|udp| !path.allows(&udp.echoed, &udp.sent)) {
            let what = format!("{name}: what came back from {}:{}", udp.to, udp.port);
            broken.push(Breach::new(ORACLE, format!("{what} is not what was sent, in order")));
        }
        for udp in &host.udp_received {
            broken.extend(datagrams(name, host, udp, path, &hosts));
        }
        for (index, tcp) in host.tcp_sent.iter().enumerate() {
            if tcp.echo != sent(seed, name, index, tcp.echoed) {
                let what = format!("{name}: the {} bytes that came back", tcp.echoed);
                let why = format!("{what} from {}:{} are not those sent", tcp.to, tcp.port);
                broken.push(Breach::new(ORACLE, why));
            }
        }
        for tcp in &host.tcp_received {
            broken.extend(stream(seed, name, host, tcp, &hosts));
        }
    }
    broken
}

/// The digest of the first bytes of a transfer.
fn sent(seed: u64, name: &str, index: usize, bytes: u64) -> Digest {
    Tally::of(Content::new(&stream_of(seed, name), &format!("tcp.{index}")), bytes)
}

/// What does not hold of datagrams that came to a host.
fn datagrams(
    name: &str,
    to: &HostOutcome,
    got: &UdpReceived,
    path: Path,
    hosts: &Hosts<'_>,
) -> Option<Breach> {
    let ours = |host: &&HostOutcome| host.address == got.from;
    let senders = hosts.iter().map(|(_, host)| *host).filter(ours);
    let same = |sent: &&UdpSent| {
        (sent.from_port, sent.to, sent.port) == (got.from_port, to.address, got.port)
    };
    let mut senders = senders.flat_map(|host| &host.udp_sent).filter(same).peekable();
    senders.peek()?;
    if senders.any(|udp| path.allows(&got.received, &udp.sent)) {
        return None;
    }
    let what = format!("{name}: {} datagrams to port {}", got.received.len(), got.port);
    let why = format!("{what} from {}:{} are not those sent, in order", got.from, got.from_port);
    Some(Breach::new(ORACLE, why))
}

/// What does not hold of a transfer that came to a host.
fn stream(
    seed: u64,
    name: &str,
    to: &HostOutcome,
    got: &TcpReceived,
    hosts: &Hosts<'_>,
) -> Option<Breach> {
    let what = format!("{name}: {} bytes to port {} from {}", got.bytes, got.port, got.from);
    let what = format!("{what}:{}", got.from_port);
    let mut why = None;
    for (from, host) in hosts.iter().filter(|(_, host)| host.address == got.from) {
        for (index, tcp) in host.tcp_sent.iter().enumerate().filter(|(_, tcp)| {
            let same = (tcp.from_port, tcp.to, tcp.port);
            same == (Some(got.from_port), to.address, got.port)
        }) {
            let said = mismatch(tcp, got, || sent(seed, from, index, got.bytes));
            match said {
                None => return None,
                said => why = said,
            }
        }
    }
    why.map(|why| Breach::new(ORACLE, format!("{what} {why}")))
}

/// Why this is not what came.
fn mismatch(
    tcp: &TcpSent,
    got: &TcpReceived,
    expected: impl Fn() -> Digest,
) -> Option<&'static str> {
    if got.bytes > tcp.bytes {
        return Some("are more than were sent");
    }
    if got.digest != expected() {
        return Some("are not the bytes that were sent, in order");
    }
    let came = got.bytes + got.unread;
    let missing = came < tcp.bytes || got.unread == 0 && got.finished.is_none();
    (tcp.finished.is_some() && missing).then_some("are not all, though all were acknowledged")
}

#[cfg(test)]
mod tests;
