//! Transfers by TCP: begun, taken, and sent back.
//!
//! Congestion control is Reno: cubic counts in floats. Who hears nothing new of a connection for a
//! minute resets it.
//!
//! Invariant: a transfer is finished when the other side has acknowledged its end, and not before. Not
//! here: segments and timers, which are smoltcp's.

use super::super::content::{Content, Tally};
use super::super::link::Link;
use super::super::outcome::{TcpReceived, TcpSent};
use super::Desk;
use crate::plan::TcpSendPlan;
use dataplane::{Instant, Nanos};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::wire::IpAddress;
use std::net::Ipv4Addr;

/// The port from which the first transfer comes; the second has the next one.
const FIRST_PORT: u16 = 49_152;
/// Bytes that wait in a socket in each direction.
const ROOM: usize = 65_535;
/// How long a connection may be without anything new.
const PATIENCE: Nanos = Nanos::from_secs(60);

fn socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; ROOM]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.set_congestion_control(CongestionControl::Reno);
    socket
}

/// Whether nothing is to come of a connection any more.
fn is_over(socket: &Socket<'_>) -> bool {
    matches!(socket.state(), State::Closed | State::TimeWait | State::Listen)
}

/// A transfer that is begun here.
pub(super) struct Client {
    plan: TcpSendPlan,
    /// Names its data, and its port.
    index: u16,
    socket: Option<SocketHandle>,
    content: Option<Content>,
    /// Bytes that smoltcp has been given, and that were acknowledged.
    given: u64,
    acknowledged: u64,
    echo: Tally,
    began: Instant,
    was: State,
    connected: bool,
    /// When there was something new.
    news: Instant,
    over: bool,
    finished: Option<Instant>,
    failed: Option<(Instant, &'static str)>,
}

impl Client {
    pub fn new(plan: &TcpSendPlan, index: u16) -> Client {
        Client {
            plan: plan.clone(),
            index,
            socket: None,
            content: None,
            given: 0,
            acknowledged: 0,
            echo: Tally::new(),
            began: plan.at,
            was: State::Closed,
            connected: false,
            news: plan.at,
            over: false,
            finished: None,
            failed: None,
        }
    }

    fn port(&self) -> u16 {
        FIRST_PORT + self.index
    }

    pub fn serve(&mut self, desk: &mut Desk<'_>) -> bool {
        if self.over {
            return false;
        }
        match self.socket {
            Some(handle) => self.go_on(desk, handle),
            None if self.plan.at <= desk.at => self.begin(desk),
            None => false,
        }
    }

    fn begin(&mut self, desk: &mut Desk<'_>) -> bool {
        let handle = desk.sockets.add(socket());
        let socket = desk.sockets.get_mut::<Socket<'_>>(handle);
        let to = (IpAddress::from(self.plan.to), self.plan.port);
        if socket.connect(desk.iface.context(), to, self.port()).is_err() {
            self.fail(desk.at, "not an address to connect to");
        }
        self.socket = Some(handle);
        self.content = Some(Content::new(desk.peer, &format!("tcp.{}", self.index)));
        (self.began, self.news, self.was) = (desk.at, desk.at, State::SynSent);
        true
    }

    fn fail(&mut self, at: Instant, why: &'static str) {
        self.over = true;
        if self.finished.is_none() {
            self.failed.get_or_insert((at, why));
        }
    }

    fn go_on(&mut self, desk: &mut Desk<'_>, handle: SocketHandle) -> bool {
        let at = desk.at;
        let reset = desk.link.flow((self.port(), self.plan.to, self.plan.port)).reset;
        let socket = desk.sockets.get_mut::<Socket<'_>>(handle);
        let mut moved = false;
        while self.given < self.plan.bytes && socket.can_send() {
            let left = self.plan.bytes - self.given;
            let content = &mut self.content;
            let given = socket.send(|into| {
                let n = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                if let Some(content) = content {
                    content.fill(&mut into[..n]);
                }
                (n, n)
            });
            let Ok(given @ 1..) = given else { break };
            self.given += given as u64;
            moved = true;
        }
        while socket.can_recv() {
            let echo = &mut self.echo;
            if socket.recv(|bytes| (bytes.len(), echo.add(bytes))).is_err() {
                break;
            }
            moved = true;
        }
        if self.given == self.plan.bytes && socket.state() == State::Established {
            socket.close();
            moved = true;
        }
        let (state, acknowledged) = (socket.state(), self.given - socket.send_queue() as u64);
        self.connected |= socket.may_send();
        if moved || (state, acknowledged) != (self.was, self.acknowledged) {
            self.news = at;
        }
        if state != State::Closed {
            self.acknowledged = acknowledged;
        }
        self.was = state;
        match state {
            State::FinWait2 | State::TimeWait if self.finished.is_none() => {
                self.finished = Some(at);
            }
            State::Closed => {
                let why = match (reset, self.connected) {
                    (true, false) => "refused",
                    (true, true) => "reset",
                    (false, _) => "closed",
                };
                self.fail(at, why);
            }
            _ if at.saturating_since(self.news) >= PATIENCE => {
                socket.abort();
                self.fail(at, "given up");
                moved = true;
            }
            _ => {}
        }
        self.over |= state == State::TimeWait;
        moved
    }

    pub fn next(&self) -> Instant {
        match self.socket {
            _ if self.over => Instant::MAX,
            None => self.plan.at,
            Some(_) => self.news.saturating_add(PATIENCE),
        }
    }

    pub fn is_done(&self, sockets: &SocketSet<'static>) -> bool {
        let over = |handle| is_over(sockets.get::<Socket<'_>>(handle));
        self.socket.is_some_and(over)
    }

    pub fn outcome(&self, link: &Link) -> TcpSent {
        let seen = link.flow((self.port(), self.plan.to, self.plan.port));
        TcpSent {
            to: self.plan.to,
            port: self.plan.port,
            from_port: self.socket.map(|_| self.port()),
            bytes: self.plan.bytes,
            acknowledged: self.acknowledged,
            began: self.began,
            finished: self.finished,
            failed: self.failed,
            segments: seen.segments,
            again: seen.again,
            echoed: self.echo.bytes,
            echo: self.echo.digest(),
        }
    }
}

/// Whoever takes transfers, and may send them back.
pub(super) struct Server {
    port: u16,
    echo: bool,
    /// The socket to which nobody has connected yet. One is enough: a host looks at one frame after
    /// the other, and is served in between.
    listening: SocketHandle,
    connections: Vec<Connection>,
}

/// A socket that listens.
fn listen(port: u16, sockets: &mut SocketSet<'static>) -> SocketHandle {
    let mut socket = socket();
    // Only port 0, or a socket that is open already, is refused.
    let _ = socket.listen(port);
    sockets.add(socket)
}

/// A transfer that somebody else began.
struct Connection {
    socket: SocketHandle,
    from: Ipv4Addr,
    from_port: u16,
    tally: Tally,
    /// Bytes that lie in the socket.
    unread: u64,
    first: Option<Instant>,
    finished: Option<Instant>,
    failed: Option<(Instant, &'static str)>,
    was: State,
    news: Instant,
}

impl Server {
    pub fn new(port: u16, echo: bool, sockets: &mut SocketSet<'static>) -> Server {
        Server { port, echo, listening: listen(port, sockets), connections: Vec::new() }
    }

    pub fn serve(&mut self, desk: &mut Desk<'_>) -> bool {
        let mut moved = false;
        let socket = desk.sockets.get::<Socket<'_>>(self.listening);
        if let Some(remote) = socket.remote_endpoint().filter(|_| socket.state() != State::Listen) {
            let IpAddress::Ipv4(from) = remote.addr;
            self.connections.push(Connection {
                socket: self.listening,
                from,
                from_port: remote.port,
                tally: Tally::new(),
                unread: 0,
                first: None,
                finished: None,
                failed: None,
                was: State::Listen,
                news: desk.at,
            });
            self.listening = listen(self.port, desk.sockets);
            moved = true;
        }
        for connection in &mut self.connections {
            moved |= connection.serve(desk, self.echo);
        }
        moved
    }

    pub fn next(&self) -> Instant {
        let open = self.connections.iter().filter(|connection| !connection.is_over());
        let next = open.map(|connection| connection.news.saturating_add(PATIENCE));
        next.min().unwrap_or(Instant::MAX)
    }

    pub fn is_done(&self, sockets: &SocketSet<'static>) -> bool {
        self.connections
            .iter()
            .map(|connection| connection.socket)
            .all(|handle| is_over(sockets.get::<Socket<'_>>(handle)))
    }

    pub fn outcomes(&self) -> impl Iterator<Item = TcpReceived> + '_ {
        self.connections.iter().map(|connection| TcpReceived {
            port: self.port,
            from: connection.from,
            from_port: connection.from_port,
            bytes: connection.tally.bytes,
            digest: connection.tally.digest(),
            unread: connection.unread,
            first: connection.first,
            finished: connection.finished,
            failed: connection.failed,
        })
    }
}

impl Connection {
    fn is_over(&self) -> bool {
        matches!(self.was, State::Closed | State::TimeWait)
    }

    fn serve(&mut self, desk: &mut Desk<'_>, echo: bool) -> bool {
        if self.is_over() {
            return false;
        }
        let at = desk.at;
        let socket = desk.sockets.get_mut::<Socket<'_>>(self.socket);
        let mut moved = false;
        while socket.can_recv() {
            let room = match echo && socket.may_send() {
                true => socket.send_capacity() - socket.send_queue(),
                false => usize::MAX,
            };
            let tally = &mut self.tally;
            let taken = socket.recv(|bytes| {
                let n = bytes.len().min(room);
                tally.add(&bytes[..n]);
                (n, bytes[..n].to_vec())
            });
            let Ok(taken) = taken else { break };
            if taken.is_empty() {
                break;
            }
            if echo {
                // There is room for it, or nobody takes it any more.
                let _ = socket.send_slice(&taken);
            }
            self.first.get_or_insert(at);
            moved = true;
        }
        self.unread = socket.recv_queue() as u64;
        if socket.state() == State::CloseWait && !socket.can_recv() {
            self.finished = Some(at);
            socket.close();
            moved = true;
        }
        let state = socket.state();
        if moved || state != self.was {
            self.news = at;
        }
        self.was = state;
        match state {
            State::Closed if self.finished.is_none() => self.failed = Some((at, "reset")),
            State::Closed => {}
            State::Listen => {
                // It was reset before it was there. Others listen for the next one.
                socket.abort();
                (self.was, self.failed) = (State::Closed, Some((at, "reset")));
            }
            _ if at.saturating_since(self.news) >= PATIENCE => {
                socket.abort();
                self.was = State::Closed;
                if self.finished.is_none() {
                    self.failed = Some((at, "given up"));
                }
                moved = true;
            }
            _ => {}
        }
        moved
    }
}
