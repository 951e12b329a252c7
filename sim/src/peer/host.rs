//! A host: smoltcp on the virtual clock, and what it is asked to do.
//!
//! smoltcp counts microseconds, and so does a host: it looks at its wire and at its timers at whole
//! microseconds of the run only, so that both clocks are the same and no timer of its is ever early. A
//! frame that comes between two of them is looked at at the next. It takes a host no time to work.
//!
//! Invariant: all that a host knows is the time that it is told, its frames and its stream of
//! randomness. Not here: its wire (`peer.rs`), VLAN tags (`link.rs`).

mod ping;
mod tcp;
mod udp;

use super::link::Link;
use super::outcome::HostOutcome;
use crate::plan::{HostPlan, PeerPlan};
use dataplane::rng::Rng;
use dataplane::{Instant, Nanos};
use ping::Pinger;
use smoltcp::iface::{Config, Interface, PollIngressSingleResult, PollResult, SocketSet};
use smoltcp::socket::Socket;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Cidr};
use std::net::Ipv4Addr;
use tcp::{Client, Server};
use udp::{Receiver, Sender};

/// The steps of a host's clock.
pub(super) const STEP: Nanos = Nanos::from_micros(1);
/// How long a datagram waits for a neighbour, who is asked for once a second.
const NEIGHBOUR_PATIENCE: Nanos = Nanos::from_secs(3);
/// How often a host does all that it can do at one time. It is far more than it can need.
const ROUNDS: u32 = 1_000_000;
/// When a host is polled again that says it has something to do and does nothing.
const STUCK: Nanos = Nanos::from_millis(1);

/// A host.
pub(super) struct Host {
    address: Ipv4Addr,
    mtu: u16,
    peer: Rng,
    iface: Box<Interface>,
    link: Link,
    sockets: SocketSet<'static>,
    apps: Apps,
    /// When it has something to do next by itself.
    wake: Instant,
}

/// What a host does.
struct Apps {
    pings: Vec<Pinger>,
    senders: Vec<Sender>,
    receivers: Vec<Receiver>,
    clients: Vec<Client>,
    servers: Vec<Server>,
}

/// What an app may touch while it is served.
struct Desk<'a> {
    at: Instant,
    mtu: u16,
    peer: &'a Rng,
    iface: &'a mut Interface,
    link: &'a Link,
    sockets: &'a mut SocketSet<'static>,
}

impl Desk<'_> {
    /// Whether a datagram of so many bytes, with its IPv4 header, can be handed to smoltcp. It cuts
    /// one at a time, and forgets the rest of it if another one comes.
    fn takes(&self, len: usize) -> bool {
        len <= usize::from(self.mtu)
            || self.sockets.iter().all(|(_, socket)| match socket {
                Socket::Icmp(socket) => socket.send_queue() == 0,
                Socket::Udp(socket) => socket.send_queue() == 0,
                Socket::Tcp(_) => true,
            })
    }
}

/// Since when something waits in a socket for datagrams.
#[derive(Debug, Default)]
struct Waiting(Option<Instant>);

impl Waiting {
    /// Looks at the socket's queue. Returns whether what is in it is given up.
    fn is_over(&mut self, at: Instant, queue: usize) -> bool {
        if queue == 0 {
            self.0 = None;
            return false;
        }
        let since = *self.0.get_or_insert(at);
        let over = at.saturating_since(since) >= NEIGHBOUR_PATIENCE;
        if over {
            self.0 = None;
        }
        over
    }

    fn next(&self) -> Instant {
        self.0.map_or(Instant::MAX, |since| since.saturating_add(NEIGHBOUR_PATIENCE))
    }
}

/// The host's clock at a whole microsecond.
fn clock(at: Instant) -> smoltcp::time::Instant {
    let micros = at.as_nanos() / STEP.get();
    smoltcp::time::Instant::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

impl Host {
    /// A host that has done nothing yet. `peer` is its own randomness.
    pub fn new(plan: &PeerPlan, host: &HostPlan, peer: Rng) -> Host {
        let mut link = Link::new(plan.vlan, host.mtu);
        let mut config = Config::new(EthernetAddress(plan.mac.0).into());
        config.random_seed = peer.fork("smoltcp").next_u64();
        let mut iface = Box::new(Interface::new(config, &mut link, clock(Instant::EPOCH)));
        let address = Ipv4Cidr::new(plan.address.addr(), plan.address.prefix_len());
        iface.update_ip_addrs(|addresses| {
            // There is room for two.
            let _ = addresses.push(IpCidr::Ipv4(address));
        });
        if let Some(gateway) = host.gateway {
            // There is room for two of these, too.
            let _ = iface.routes_mut().add_default_ipv4_route(gateway);
        }
        let mut sockets = SocketSet::new(Vec::new());
        let apps = Apps::new(host, &mut sockets);
        let address = plan.address.addr();
        let wake = apps.next();
        Host { address, mtu: host.mtu, peer, iface, link, sockets, apps, wake }
    }

    /// A frame has come. It is looked at when the host is polled.
    pub fn hear(&mut self, frame: Vec<u8>) {
        self.link.inbox.push_back(frame);
    }

    /// When it has something to do next by itself: a whole microsecond.
    pub fn next(&self) -> Instant {
        self.wake
    }

    /// Does all that it has to do at `at`, a whole microsecond.
    pub fn poll(&mut self, at: Instant) {
        let now = clock(at);
        self.iface.poll_maintenance(now);
        for _ in 0..ROUNDS {
            // One frame at a time: the answer to it, in fragments perhaps, goes out before the next.
            let Host { iface, link, sockets, .. } = self;
            let came = iface.poll_ingress_single(now, link, sockets);
            let mut moved = !matches!(came, PollIngressSingleResult::None);
            moved |= self.send(now);
            moved |= self.serve(at);
            moved |= self.send(now);
            if !moved {
                break;
            }
        }
        let mut wake = self.apps.next();
        if let Some(then) = self.iface.poll_at(now, &self.sockets) {
            let micros = u64::try_from(then.total_micros()).unwrap_or(0);
            let then = Instant::from_nanos(micros.saturating_mul(STEP.get()));
            wake = wake.min(if then > at { then } else { at.saturating_add(STUCK) });
        }
        self.wake = wake.max(at.saturating_add(STEP));
    }

    /// Takes a frame that it sent, oldest first.
    pub fn take_sent(&mut self) -> Option<Vec<u8>> {
        self.link.outbox.pop_front()
    }

    /// Whether nothing is to come of it any more, unless somebody talks to it. That it remembers a
    /// connection for a while (TIME-WAIT) is nothing.
    pub fn is_done(&self) -> bool {
        self.link.inbox.is_empty() && self.apps.is_done(&self.sockets)
    }

    /// What it experienced.
    pub fn outcome(&self) -> HostOutcome {
        let Apps { pings, senders, receivers, clients, servers } = &self.apps;
        HostOutcome {
            address: self.address,
            pings: pings.iter().map(Pinger::outcome).collect(),
            udp_sent: senders.iter().map(Sender::outcome).collect(),
            udp_received: receivers.iter().flat_map(Receiver::outcomes).collect(),
            tcp_sent: clients.iter().map(|client| client.outcome(&self.link)).collect(),
            tcp_received: servers.iter().flat_map(Server::outcomes).collect(),
        }
    }

    /// Sends all that can be sent now. Returns whether anything was.
    fn send(&mut self, now: smoltcp::time::Instant) -> bool {
        let mut moved = false;
        loop {
            let before = self.link.frames();
            let result = self.iface.poll_egress(now, &mut self.link, &mut self.sockets);
            if self.link.frames() == before && result == PollResult::None {
                return moved;
            }
            moved = true;
        }
    }

    fn serve(&mut self, at: Instant) -> bool {
        let Host { mtu, peer, iface, link, sockets, apps, .. } = self;
        let mut desk = Desk { at, mtu: *mtu, peer, iface, link, sockets };
        apps.serve(&mut desk)
    }
}

impl Apps {
    fn new(plan: &HostPlan, sockets: &mut SocketSet<'static>) -> Apps {
        let receivers = [(plan.udp_listen, false), (plan.udp_echo, true)];
        let receivers = receivers.into_iter().filter_map(|(port, echo)| Some((port?, echo)));
        let servers = [(plan.tcp_listen, false), (plan.tcp_echo, true)];
        let servers = servers.into_iter().filter_map(|(port, echo)| Some((port?, echo)));
        let pings = plan.pings.iter().zip(0..);
        let senders = plan.udp_sends.iter().zip(0..);
        let clients = plan.tcp_sends.iter().zip(0..);
        Apps {
            pings: pings.map(|(plan, index)| Pinger::new(plan, index, sockets)).collect(),
            senders: senders.map(|(plan, index)| Sender::new(plan, index, sockets)).collect(),
            receivers: receivers.map(|(port, echo)| Receiver::new(port, echo, sockets)).collect(),
            clients: clients.map(|(plan, index)| Client::new(plan, index)).collect(),
            servers: servers.map(|(port, echo)| Server::new(port, echo, sockets)).collect(),
        }
    }

    /// Lets each do what it can. Returns whether any did something.
    fn serve(&mut self, desk: &mut Desk<'_>) -> bool {
        let mut moved = false;
        self.pings.iter_mut().for_each(|app| moved |= app.serve(desk));
        self.receivers.iter_mut().for_each(|app| moved |= app.serve(desk));
        self.senders.iter_mut().for_each(|app| moved |= app.serve(desk));
        self.servers.iter_mut().for_each(|app| moved |= app.serve(desk));
        self.clients.iter_mut().for_each(|app| moved |= app.serve(desk));
        moved
    }

    /// When one has something to do next by itself: a whole microsecond.
    fn next(&self) -> Instant {
        let pings = self.pings.iter().map(Pinger::next);
        let senders = self.senders.iter().map(Sender::next);
        let receivers = self.receivers.iter().map(Receiver::next);
        let clients = self.clients.iter().map(Client::next);
        let servers = self.servers.iter().map(Server::next);
        let all = pings.chain(senders).chain(receivers).chain(clients).chain(servers);
        all.min().unwrap_or(Instant::MAX).ceil_to(STEP)
    }

    fn is_done(&self, sockets: &SocketSet<'static>) -> bool {
        let waits = sockets.iter().any(|(_, socket)| match socket {
            Socket::Icmp(socket) => socket.send_queue() > 0,
            Socket::Udp(socket) => socket.send_queue() > 0,
            Socket::Tcp(_) => false,
        });
        !waits
            && self.pings.iter().all(Pinger::is_done)
            && self.senders.iter().all(Sender::is_done)
            && self.receivers.iter().all(Receiver::is_done)
            && self.clients.iter().all(|client| client.is_done(sockets))
            && self.servers.iter().all(|server| server.is_done(sockets))
    }
}
