//! What peers experienced, in words.

use crate::engine::Outcome;
use crate::peer::{Did, HostOutcome, PeerOutcome, PingOutcome, TcpReceived, TcpSent};
use crate::plan::Plan;
use dataplane::{Instant, Nanos};
use std::fmt::Write as _;

/// Lines that a report gives to one peer, at most.
const LINES: usize = 20;

pub(super) fn section(text: &mut String, plan: &Plan, outcome: &Outcome) {
    if outcome.peers.is_empty() {
        return;
    }
    let _ = writeln!(text, "\npeers");
    for peer in &outcome.peers {
        let port = plan.config.ports.get(peer.port.index()).map_or("?", |port| &port.name);
        let PeerOutcome { name, sent, heard, lost_from, lost_to, .. } = peer;
        let _ = write!(text, "  {name} on {port}: {sent} frames sent, {heard} heard");
        if lost_from + lost_to > 0 {
            let _ = write!(text, "; lost on its wire {lost_from} from it and {lost_to} to it");
        }
        text.push('\n');
        let lines = lines(peer);
        for line in lines.iter().take(LINES) {
            let _ = writeln!(text, "    {line}");
        }
        if lines.len() > LINES {
            let _ = writeln!(text, "    and {} more", lines.len() - LINES);
        }
    }
}

fn lines(peer: &PeerOutcome) -> Vec<String> {
    match &peer.did {
        Did::Host(host) => host_lines(host),
        Did::Hostile(attacks) => {
            let attacks = attacks.iter();
            attacks.map(|(what, frames)| format!("{}: {frames} frames", what.name())).collect()
        }
    }
}

fn host_lines(host: &HostOutcome) -> Vec<String> {
    let mut lines: Vec<String> = host.pings.iter().map(ping).collect();
    for udp in &host.udp_sent {
        let mut line = format!("udp to {}:{}: {} sent", udp.to, udp.port, udp.sent.len());
        if !udp.echoed.is_empty() {
            let _ = write!(line, ", {} came back", udp.echoed.len());
        }
        lines.push(line);
    }
    for udp in &host.udp_received {
        let (n, bytes) = (udp.received.len(), udp.bytes);
        let from = format!("{}:{}", udp.from, udp.from_port);
        lines.push(format!("udp port {} from {from}: {n} datagrams, {bytes} bytes", udp.port));
    }
    lines.extend(host.tcp_sent.iter().map(tcp_sent));
    lines.extend(host.tcp_received.iter().map(tcp_received));
    lines
}

/// `ping 192.0.2.9, 56 bytes: 3 of 3 answered, in 12us to 14us, 13us on average`
fn ping(ping: &PingOutcome) -> String {
    let PingOutcome { to, size, sent, answered, wrong, extra } = ping;
    let mut line = format!("ping {to}, {size} bytes: {} of {sent} answered", answered.len());
    let times = || answered.iter().map(|(_, time)| *time);
    if let (Some(min), Some(max)) = (times().min(), times().max()) {
        let sum: u128 = times().map(|time| u128::from(time.get())).sum();
        let micros = sum / answered.len() as u128 / 1000;
        let average = Nanos::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        let _ = write!(line, ", in {min} to {max}, {average} on average");
    }
    if *wrong > 0 {
        let _ = write!(line, ", {wrong} wrong");
    }
    if *extra > 0 {
        let _ = write!(line, ", {extra} more than asked for");
    }
    line
}

/// `tcp to 192.0.2.9:9: 100000 of 100000 bytes acknowledged, finished at 0.912 s, 876543 bit/s, …`
fn tcp_sent(tcp: &TcpSent) -> String {
    let TcpSent { to, port, bytes, acknowledged, .. } = tcp;
    let mut line = format!("tcp to {to}:{port}: {acknowledged} of {bytes} bytes acknowledged");
    match (tcp.finished, tcp.failed, tcp.from_port) {
        (Some(at), ..) => {
            let rate = rate(*bytes, tcp.began, at);
            let _ = write!(line, ", finished at {at} s, {rate} bit/s");
        }
        (None, Some((at, why)), _) => {
            let _ = write!(line, ", {why} at {at} s");
        }
        (None, None, Some(_)) => line.push_str(", not finished"),
        (None, None, None) => line.push_str(", not begun"),
    }
    let _ = write!(line, "; {} segments, {} sent again", tcp.segments, tcp.again);
    if tcp.echoed > 0 {
        let _ = write!(line, "; {} bytes came back", tcp.echoed);
    }
    line
}

/// `tcp port 9 from 198.51.100.7:49152: 100000 bytes in order, digest 0123456789abcdef, all at 0.9 s`
fn tcp_received(tcp: &TcpReceived) -> String {
    let TcpReceived { port, from, from_port, bytes, digest, .. } = tcp;
    let mut line = format!("tcp port {port} from {from}:{from_port}: {bytes} bytes in order");
    let _ = write!(line, ", digest {digest}");
    match (tcp.finished, tcp.failed) {
        (Some(at), _) => {
            let _ = write!(line, ", all at {at} s");
        }
        (None, Some((at, why))) => {
            let _ = write!(line, ", {why} at {at} s");
        }
        (None, None) => line.push_str(", not all"),
    }
    line
}

/// Bits a second, rounded down.
fn rate(bytes: u64, from: Instant, to: Instant) -> u128 {
    let time = u128::from(to.saturating_since(from).get().max(1));
    u128::from(bytes) * 8_000_000_000 / time
}
