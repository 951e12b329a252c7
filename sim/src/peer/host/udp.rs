//! Datagrams: sent one after the other, taken, and sent back.
//!
//! Invariant: what is handed to smoltcp is counted as sent, also if no neighbour ever answers. Not here:
//! fragments, which smoltcp makes and joins.

use super::super::content::{Content, digest};
use super::super::outcome::{UdpReceived, UdpSent};
use super::{Desk, Waiting};
use crate::plan::UdpSendPlan;
use crate::trace::Digest;
use dataplane::Instant;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket};
use smoltcp::wire::{IpAddress, IpEndpoint};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

/// The port from which the first sender sends; the second has the next one.
const FIRST_PORT: u16 = 40_000;
/// Bytes of an IPv4 and a UDP header.
const HEADERS: usize = 28;
/// Bytes that wait in a socket at most: two of the longest datagrams.
const ROOM: usize = 128 * 1024;

fn socket(port: u16) -> Socket<'static> {
    let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; 256], vec![0; ROOM]);
    let mut socket = Socket::new(buffer(), buffer());
    // Only port 0, or a socket that is bound already, is refused.
    let _ = socket.bind(port);
    socket
}

/// Somebody who sends datagrams.
pub(super) struct Sender {
    plan: UdpSendPlan,
    /// Names its data.
    index: u16,
    socket: SocketHandle,
    waiting: Waiting,
    blocked: bool,
    sent: Vec<Digest>,
    echoed: Vec<Digest>,
}

impl Sender {
    pub fn new(plan: &UdpSendPlan, index: u16, sockets: &mut SocketSet<'static>) -> Sender {
        Sender {
            plan: plan.clone(),
            index,
            socket: sockets.add(socket(FIRST_PORT + index)),
            waiting: Waiting::default(),
            blocked: false,
            sent: Vec::new(),
            echoed: Vec::new(),
        }
    }

    fn due(&self) -> Option<Instant> {
        self.plan.times.nth(u32::try_from(self.sent.len()).unwrap_or(u32::MAX))
    }

    pub fn serve(&mut self, desk: &mut Desk<'_>) -> bool {
        let mut moved = false;
        while let Ok((bytes, _)) = desk.sockets.get_mut::<Socket<'_>>(self.socket).recv() {
            self.echoed.push(digest(bytes));
            moved = true;
        }
        let queue = desk.sockets.get::<Socket<'_>>(self.socket).send_queue();
        if self.waiting.is_over(desk.at, queue) {
            desk.sockets.remove(self.socket);
            self.socket = desk.sockets.add(socket(FIRST_PORT + self.index));
            moved = true;
        }
        self.blocked = false;
        while self.due().is_some_and(|due| due <= desk.at) {
            if !self.send(desk) {
                self.blocked = true;
                break;
            }
            moved = true;
        }
        moved
    }

    fn send(&mut self, desk: &mut Desk<'_>) -> bool {
        if !desk.takes(HEADERS + usize::from(self.plan.size)) {
            return false;
        }
        let name = format!("udp.{}.{}", self.index, self.sent.len());
        let data = Content::new(desk.peer, &name).take(self.plan.size);
        let to = IpEndpoint::new(self.plan.to.into(), self.plan.port);
        let socket = desk.sockets.get_mut::<Socket<'_>>(self.socket);
        if socket.send_slice(&data, to).is_err() {
            return false;
        }
        self.sent.push(digest(&data));
        true
    }

    pub fn next(&self) -> Instant {
        let due = self.due().filter(|_| !self.blocked).unwrap_or(Instant::MAX);
        due.min(self.waiting.next())
    }

    pub fn is_done(&self) -> bool {
        self.due().is_none()
    }

    pub fn outcome(&self) -> UdpSent {
        UdpSent {
            to: self.plan.to,
            port: self.plan.port,
            from_port: FIRST_PORT + self.index,
            sent: self.sent.clone(),
            echoed: self.echoed.clone(),
        }
    }
}

/// Somebody who takes datagrams, and may send them back.
pub(super) struct Receiver {
    port: u16,
    echo: bool,
    socket: SocketHandle,
    waiting: Waiting,
    /// What is still to be sent back.
    owed: VecDeque<(IpEndpoint, Vec<u8>)>,
    /// Bytes and datagrams, by who sent them.
    received: BTreeMap<(Ipv4Addr, u16), (u64, Vec<Digest>)>,
}

impl Receiver {
    pub fn new(port: u16, echo: bool, sockets: &mut SocketSet<'static>) -> Receiver {
        let socket = sockets.add(socket(port));
        let (waiting, owed, received) = (Waiting::default(), VecDeque::new(), BTreeMap::new());
        Receiver { port, echo, socket, waiting, owed, received }
    }

    pub fn serve(&mut self, desk: &mut Desk<'_>) -> bool {
        let mut moved = false;
        while let Ok((bytes, about)) = desk.sockets.get_mut::<Socket<'_>>(self.socket).recv() {
            let IpAddress::Ipv4(from) = about.endpoint.addr;
            let received = self.received.entry((from, about.endpoint.port)).or_default();
            received.0 += bytes.len() as u64;
            received.1.push(digest(bytes));
            if self.echo {
                self.owed.push_back((about.endpoint, bytes.to_vec()));
            }
            moved = true;
        }
        let queue = desk.sockets.get::<Socket<'_>>(self.socket).send_queue();
        if self.waiting.is_over(desk.at, queue) {
            desk.sockets.remove(self.socket);
            self.socket = desk.sockets.add(socket(self.port));
            moved = true;
        }
        while let Some((to, bytes)) = self.owed.front() {
            if !desk.takes(HEADERS + bytes.len()) {
                break;
            }
            let socket = desk.sockets.get_mut::<Socket<'_>>(self.socket);
            if socket.send_slice(bytes, *to).is_err() {
                break;
            }
            self.owed.pop_front();
            moved = true;
        }
        moved
    }

    pub fn next(&self) -> Instant {
        self.waiting.next()
    }

    pub fn is_done(&self) -> bool {
        self.owed.is_empty()
    }

    pub fn outcomes(&self) -> impl Iterator<Item = UdpReceived> + '_ {
        self.received.iter().map(|((from, from_port), (bytes, received))| UdpReceived {
            port: self.port,
            from: *from,
            from_port: *from_port,
            bytes: *bytes,
            received: received.clone(),
        })
    }
}
