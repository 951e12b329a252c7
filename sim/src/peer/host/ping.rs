//! Pings: echo requests, and how long their answers take.
//!
//! Invariant: a request is answered once; what comes later is extra. Not here: answering others, which
//! smoltcp does by itself.

use super::super::content::Content;
use super::super::outcome::PingOutcome;
use super::{Desk, Waiting};
use crate::plan::PingPlan;
use dataplane::{Instant, Nanos};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::icmp::{Endpoint, PacketBuffer, PacketMetadata, Socket};
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr};
use std::collections::BTreeMap;

/// How long an answer is waited for.
const PATIENCE: Nanos = Nanos::from_secs(5);
/// Bytes of an IPv4 and an ICMP header.
const HEADERS: usize = 20 + ICMP;
const ICMP: usize = 8;

/// Somebody who pings.
pub(super) struct Pinger {
    plan: PingPlan,
    /// Names its data, and is its identifier, plus one.
    index: u16,
    socket: SocketHandle,
    waiting: Waiting,
    /// Requests that were sent.
    sent: u32,
    /// Whether the next one is due and smoltcp does not take it yet.
    blocked: bool,
    /// Requests without an answer, and when each was sent.
    open: BTreeMap<u32, Instant>,
    answered: Vec<(u32, Nanos)>,
    wrong: u64,
    extra: u64,
}

fn socket(plan: &PingPlan, index: u16) -> Socket<'static> {
    let room = (ICMP + usize::from(plan.size)) * 4;
    let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; 64], vec![0; room]);
    let mut socket = Socket::new(buffer(), buffer());
    // Only a socket that is bound already refuses this.
    let _ = socket.bind(Endpoint::Ident(index + 1));
    socket
}

impl Pinger {
    pub fn new(plan: &PingPlan, index: u16, sockets: &mut SocketSet<'static>) -> Pinger {
        Pinger {
            plan: plan.clone(),
            index,
            socket: sockets.add(socket(plan, index)),
            waiting: Waiting::default(),
            sent: 0,
            blocked: false,
            open: BTreeMap::new(),
            answered: Vec::new(),
            wrong: 0,
            extra: 0,
        }
    }

    pub fn serve(&mut self, desk: &mut Desk<'_>) -> bool {
        let mut moved = self.receive(desk);
        self.open.retain(|_, sent| desk.at.saturating_since(*sent) < PATIENCE);
        let queue = desk.sockets.get::<Socket<'_>>(self.socket).send_queue();
        if self.waiting.is_over(desk.at, queue) {
            desk.sockets.remove(self.socket);
            self.socket = desk.sockets.add(socket(&self.plan, self.index));
            moved = true;
        }
        self.blocked = false;
        while self.plan.times.nth(self.sent).is_some_and(|due| due <= desk.at) {
            if !self.send(desk) {
                self.blocked = true;
                break;
            }
            moved = true;
        }
        moved
    }

    fn data(&self, desk: &Desk<'_>, n: u32) -> Vec<u8> {
        let content = Content::new(desk.peer, &format!("ping.{}.{n}", self.index));
        content.take(self.plan.size)
    }

    fn send(&mut self, desk: &mut Desk<'_>) -> bool {
        if !desk.takes(HEADERS + usize::from(self.plan.size)) {
            return false;
        }
        let data = self.data(desk, self.sent);
        let Ok(seq_no) = u16::try_from(self.sent) else { return false };
        let request = Icmpv4Repr::EchoRequest { ident: self.index + 1, seq_no, data: &data };
        let socket = desk.sockets.get_mut::<Socket<'_>>(self.socket);
        let Ok(into) = socket.send(request.buffer_len(), self.plan.to.into()) else { return false };
        let mut packet = Icmpv4Packet::new_unchecked(into);
        request.emit(&mut packet, &ChecksumCapabilities::default());
        self.open.insert(self.sent, desk.at);
        self.sent += 1;
        true
    }

    fn receive(&mut self, desk: &mut Desk<'_>) -> bool {
        let mut moved = false;
        loop {
            let socket = desk.sockets.get_mut::<Socket<'_>>(self.socket);
            let Ok((bytes, from)) = socket.recv() else { return moved };
            moved = true;
            let Ok(packet) = Icmpv4Packet::new_checked(bytes) else { continue };
            let reply = Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default());
            let Ok(Icmpv4Repr::EchoReply { seq_no, data, .. }) = reply else { continue };
            let (n, data) = (u32::from(seq_no), data.to_vec());
            if from != self.plan.to.into() || data != self.data(desk, n) {
                self.wrong += 1;
            } else if let Some(sent) = self.open.remove(&n) {
                self.answered.push((n, desk.at.saturating_since(sent)));
            } else {
                self.extra += 1;
            }
        }
    }

    pub fn next(&self) -> Instant {
        let due = self.plan.times.nth(self.sent).filter(|_| !self.blocked);
        let given_up = self.open.values().next().map(|sent| sent.saturating_add(PATIENCE));
        let first = due.into_iter().chain(given_up).min().unwrap_or(Instant::MAX);
        first.min(self.waiting.next())
    }

    pub fn is_done(&self) -> bool {
        self.open.is_empty() && self.plan.times.nth(self.sent).is_none()
    }

    pub fn outcome(&self) -> PingOutcome {
        PingOutcome {
            to: self.plan.to,
            size: self.plan.size,
            sent: self.sent,
            answered: self.answered.clone(),
            wrong: self.wrong,
            extra: self.extra,
        }
    }
}
