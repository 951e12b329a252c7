//! Jobs sockopt_job, cfgfile_reload and the master's neigh_sync: what becomes of an order. Spec 8.2.
//!
//! One order after the other. The master finds out whom it is about, makes the change itself, and
//! has every worker make it by a synchronous multicast; it goes on with its loop meanwhile. When
//! all have answered, the order is done. When one could not, or did not answer in time, all undo it
//! and the order is refused: an undo is carried out however late a worker takes it, and before any
//! change that comes after it.
//!
//! Invariant: while no order is under way, all lcores have the same addresses, routes, devices and
//! switches (`Policy::msg_partial_multicast` breaks it, as DPVS does).
//! Not here: what a change is (`change.rs`), who gives orders, and who reads the answers.

mod resolve;
mod shows;

use super::Lcore;
use super::iftraf::NotSwitched;
use crate::change::{Change, check_neighbour};
use crate::config::Config;
use crate::control::{Answered, Data, NeighOrder, Order, Outcome, Refused, Reload, Show};
use crate::env::TimerKey;
use crate::event::Event;
use crate::job::{JobKind, Role};
use crate::msg::{Answer, Call, Code, Done, Greeting, Payload, Refusal, Request, Then};
use crate::packet::Buf;
use crate::planted::Defect;
use crate::time::{Instant, Nanos};
use crate::timer::TimerId;
use crate::types::{DeviceName, LcoreId, PortId};
use crate::world::{NeighChange, Parcel, Ring, World};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

/// How long the master waits before it tries again to take away an address whose time is over.
const EXPIRE_AGAIN: Nanos = Nanos::from_secs(1);

/// What the control plane was told, and what it is about to do.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// The number of the last order.
    told: u64,
    neighbours: VecDeque<(u64, NeighOrder)>,
    /// What is begun at once, whatever else is under way.
    requests: VecDeque<(u64, Order)>,
    reloads: VecDeque<(u64, Box<Reload>)>,
    orders: VecDeque<(u64, Task)>,
    /// The order whose answers are not all in.
    underway: Option<(u64, Doing)>,
    /// The order whose undo did not get into a ring.
    unsent_undo: Option<u64>,
    answered: VecDeque<Answered>,
    /// Until when addresses are ours that are not ours for ever.
    lifetimes: BTreeMap<(PortId, Ipv4Addr), (Instant, TimerId)>,
    /// The configuration that is used: nothing on an lcore that is not the master.
    base: Option<Box<Config>>,
}

/// Something that job sockopt_job is to begin.
#[derive(Debug)]
enum Task {
    Order(Order),
    /// The lifetime of an address is over.
    Expire(PortId, Ipv4Addr),
}

/// What is under way.
#[derive(Debug)]
enum Doing {
    Change(After),
    Show(Show),
    Undo { why: Refused, at: Option<LcoreId> },
}

/// What is to be done when all lcores have made a change.
#[derive(Debug)]
enum After {
    Nothing,
    /// The address ends by itself.
    Arm(PortId, Ipv4Addr, Nanos),
    /// There is a device, or there is none any more.
    Device(PortId, DeviceName, bool),
    /// This is the configuration now.
    Base(Box<Config>),
    /// If it cannot be done, it is to be tried again.
    Again(PortId, Ipv4Addr),
}

impl Control {
    /// Nothing told yet.
    pub fn new(config: &Config, id: LcoreId) -> Control {
        let master = config.lcores.iter().any(|l| l.id == id && l.role == Role::Master);
        Control { base: master.then(|| Box::new(config.clone())), ..Control::default() }
    }

    /// The jobs whose next run finds something to do.
    pub fn wants(&self, want: &mut dyn FnMut(JobKind, Instant)) {
        let free = self.underway.is_none();
        if !self.neighbours.is_empty() {
            want(JobKind::NeighSync, Instant::EPOCH);
        }
        if free && !self.reloads.is_empty() {
            want(JobKind::CfgfileReload, Instant::EPOCH);
        }
        let next = free && !self.orders.is_empty();
        if next || !self.requests.is_empty() || self.unsent_undo.is_some() {
            want(JobKind::Sockopt, Instant::EPOCH);
        }
    }
}

impl<B: Buf> Lcore<B> {
    /// Tells the control plane (the master) to do something. The job that it is for takes it in
    /// one of its next runs. Returns the number of the order: 1, 2, 3 …
    pub fn order(&mut self, order: Order) -> u64 {
        let control = &mut self.control;
        control.told += 1;
        let number = control.told;
        match order {
            Order::Neigh(change) => control.neighbours.push_back((number, change)),
            order @ (Order::Hello(_) | Order::Tc(_) | Order::ShowTc | Order::Iftraf(_)) => {
                control.requests.push_back((number, order));
            }
            Order::Reload(reload) => control.reloads.push_back((number, reload)),
            order @ (Order::AddressAdd { .. }
            | Order::AddressDel { .. }
            | Order::AddressFlush(_)
            | Order::RouteAdd { .. }
            | Order::RouteDel { .. }
            | Order::RouteFlush(_)
            | Order::VlanAdd { .. }
            | Order::VlanDel(_)
            | Order::Link { .. }
            | Order::Show(_)) => control.orders.push_back((number, Task::Order(order))),
        }
        number
    }

    /// The oldest answer that nobody has taken yet.
    pub fn answered(&mut self) -> Option<Answered> {
        self.control.answered.pop_front()
    }

    /// Job sockopt_job: greets, and begins the next order if none is under way (DPVS: one
    /// connection a run, served to its end).
    pub(super) fn sockopt<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let mut items = 0;
        while let Some((number, order)) = self.control.requests.pop_front() {
            items += 1;
            self.at_once(number, order, world);
        }
        if let Some(order) = self.control.unsent_undo.take() {
            self.send_undo(order, world);
            return items + 1;
        }
        if self.control.underway.is_none()
            && let Some((number, task)) = self.control.orders.pop_front()
        {
            items += 1;
            self.begin(number, &task, world);
        }
        items
    }

    /// Begins what need not wait for the order before.
    fn at_once<W: World<Buf = B>>(&mut self, number: u64, order: Order, world: &mut W) {
        let refused = match order {
            Order::Hello(rest) => {
                return self.greet(Greeting { order: number, rest, worst: Code::Ok }, world);
            }
            Order::Tc(change) => self.change_tc(change, world).err().map(Refused::Tc),
            // What the workers say is in the trace.
            Order::ShowTc => {
                self.show_tc(world);
                None
            }
            Order::Iftraf(switch) => self.iftraf_switch(switch, world).err().map(|why| match why {
                NotSwitched::Already => Refused::IftrafAlready,
                NotSwitched::Untold(code) => Refused::Message(code),
            }),
            order => unreachable!("another job takes {}", order.name()),
        };
        self.conclude(number, refused, None, Data::None, world);
    }

    /// Job cfgfile_reload: begins to put another configuration in the place of this one. Spec 8.4.
    pub(super) fn cfgfile_reload<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        if self.control.underway.is_some() {
            return 0;
        }
        let Some((number, reload)) = self.control.reloads.pop_front() else { return 0 };
        match self.reload(*reload) {
            Ok((change, after)) => self.begin_change(number, change, after, world),
            Err((why, text)) => self.conclude(number, Some(why), None, Data::Text(text), world),
        }
        1
    }

    fn begin<W: World<Buf = B>>(&mut self, number: u64, task: &Task, world: &mut W) {
        let change = match task {
            Task::Order(Order::Show(show)) => return self.show(number, *show, world),
            Task::Order(order) => self.resolve(order),
            Task::Expire(dev, address) => {
                let change = Change::RemoveAddress(*dev, *address);
                Ok((change, After::Again(*dev, *address)))
            }
        };
        match change {
            Ok((change, after)) => self.begin_change(number, change, after, world),
            Err(why) => self.conclude(number, Some(why), None, Data::None, world),
        }
    }

    /// Makes a change, and has every worker make it.
    fn begin_change<W: World<Buf = B>>(
        &mut self,
        order: u64,
        change: Change,
        after: After,
        world: &mut W,
    ) {
        if let Err(why) = self.change(order, &change, world) {
            return self.conclude(order, Some(why), None, Data::None, world);
        }
        let payload = Payload::Change { order, change: Box::new(change) };
        let then = Then::Order(order);
        let request = Request { payload, call: Call::Sync, timeout: None, then };
        match self.with_env(world, |tables, env, _| tables.msg.multicast(request, env)) {
            Ok(_) => self.control.underway = Some((order, Doing::Change(after))),
            Err(unsent) => {
                self.undo(order, world);
                let (why, at) = (Refused::Message(unsent.code), unsent.at);
                // DPVS forgets those that have it (defect B80).
                let undone = unsent.sent && !self.policy.msg_partial_multicast;
                self.with_env(world, |_, env, _| unsent.discard(env));
                self.retry(&after, world);
                if undone {
                    self.control.underway = Some((order, Doing::Undo { why, at }));
                    return self.send_undo(order, world);
                }
                self.conclude(order, Some(why), at, Data::None, world);
            }
        }
    }

    /// Every worker has answered, or did not in time.
    pub(super) fn all_have_answered<W: World<Buf = B>>(
        &mut self,
        order: u64,
        done: Done,
        world: &mut W,
    ) {
        let failed = failure(&done);
        match self.control.underway.take() {
            Some((_, Doing::Change(after))) => match failed {
                None => self.commit(order, after, world),
                Some((why, at)) => {
                    self.undo(order, world);
                    self.retry(&after, world);
                    self.control.underway = Some((order, Doing::Undo { why, at: Some(at) }));
                    self.send_undo(order, world);
                }
            },
            Some((_, Doing::Show(show))) => {
                let data = self.gather(show, done.answers, world.now());
                let (why, at) = failed.unzip();
                self.conclude(order, why, at, data, world);
            }
            Some((_, Doing::Undo { .. })) | None => unreachable!("one order is under way"),
        }
    }

    /// Has every worker undo what it did for an order, however late it comes to it.
    fn send_undo<W: World<Buf = B>>(&mut self, order: u64, world: &mut W) {
        let (payload, then) = (Payload::Undo { order }, Then::Undone(order));
        let request = Request { payload, call: Call::Async, timeout: None, then };
        if let Err(unsent) =
            self.with_env(world, |tables, env, _| tables.msg.multicast(request, env))
        {
            self.with_env(world, |_, env, _| unsent.discard(env));
            self.control.unsent_undo = Some(order);
        }
    }

    /// Every worker has undone it; or it lies in the ring of one that is busy.
    pub(super) fn all_have_undone<W: World<Buf = B>>(&mut self, order: u64, world: &mut W) {
        if let Some((_, Doing::Undo { why, at })) = self.control.underway.take() {
            self.conclude(order, Some(why), at, Data::None, world);
        }
    }

    /// Every lcore has made the change.
    fn commit<W: World<Buf = B>>(&mut self, order: u64, after: After, world: &mut W) {
        let devices = &self.devices;
        let ours = |dev, address| devices.owner(address) == Some(dev);
        let timers = &mut self.timers;
        self.control.lifetimes.retain(|(dev, address), (_, timer)| {
            let stays = ours(*dev, *address);
            if !stays {
                timers.cancel(*timer);
            }
            stays
        });
        match after {
            After::Nothing | After::Again(..) => {}
            After::Arm(dev, address, valid) => {
                let more = u64::from(self.planted.one_if(Defect::LifetimeOneMore));
                self.arm(dev, address, valid + Nanos::from_secs(more), world.now());
            }
            After::Device(port, name, added) => world.observe(Event::Device { port, name, added }),
            After::Base(config) => self.control.base = Some(config),
        }
        self.conclude(order, None, None, Data::None, world);
    }

    /// DPVS: adds a random delay below a second.
    fn arm(&mut self, dev: PortId, address: Ipv4Addr, valid: Nanos, now: Instant) {
        // An order is refused whose lifetime no timer can have.
        if let Ok(timer) = self.timers.arm(now, valid, TimerKey::Address(dev, address)) {
            self.control.lifetimes.insert((dev, address), (now + valid, timer));
        }
    }

    fn retry<W: World<Buf = B>>(&mut self, after: &After, world: &mut W) {
        if let After::Again(dev, address) = after {
            self.arm(*dev, *address, EXPIRE_AGAIN, world.now());
        }
    }

    /// The time of an address is over. The master orders itself to take it away, as anybody might.
    ///
    /// DPVS: the handler cancels a timer while the lock of all timers is held, which it takes
    /// again: the master spins for ever (defect B34).
    pub(super) fn address_expired<W: World<Buf = B>>(
        &mut self,
        port: PortId,
        address: Ipv4Addr,
        world: &mut W,
    ) {
        self.control.lifetimes.remove(&(port, address));
        self.control.told += 1;
        let order = self.control.told;
        self.control.orders.push_back((order, Task::Expire(port, address)));
        world.observe(Event::AddressExpired { port, address, order });
    }

    /// The master's neigh_sync: sends each change to each worker.
    pub(super) fn spread_neighbours<W: World<Buf = B>>(&mut self, world: &mut W) -> u32 {
        let mut items = 0;
        while let Some((number, NeighOrder { dev, address, mac })) =
            self.control.neighbours.pop_front()
        {
            items += 1;
            let checked = self.device(&dev).and_then(|port| {
                let change = NeighChange { port, address, mac };
                check_neighbour(&self.devices, &change).map(|()| change)
            });
            let (why, at) = match checked {
                Err(why) => (Some(why), None),
                Ok(change) => {
                    let missed = self.send_change(change, world);
                    (missed.map(|_| Refused::NeighRingFull), missed)
                }
            };
            self.conclude(number, why, at, Data::None, world);
        }
        items
    }

    /// DPVS: `neigh_sync_core` stops at the first full ring, and the lcores behind it never hear of
    /// the change (defect B08); we try each, and say which one failed.
    fn send_change<W: World<Buf = B>>(
        &mut self,
        change: NeighChange,
        world: &mut W,
    ) -> Option<LcoreId> {
        let mut missed = None;
        for to in &self.peers {
            let sent = world.send(*to, Ring::Neigh, Parcel::Neigh(change)).is_ok();
            self.counters.neigh_sync_failed += u64::from(!sent);
            world.observe(Event::NeighSync { to: *to, address: change.address, sent });
            missed = missed.or((!sent).then_some(*to));
            if !sent && self.planted.is(Defect::NeighSyncStops) {
                break;
            }
        }
        missed
    }

    /// An order is over.
    pub(super) fn conclude<W: World<Buf = B>>(
        &mut self,
        order: u64,
        refused: Option<Refused>,
        at: Option<LcoreId>,
        data: Data,
        world: &mut W,
    ) {
        self.counters.orders += 1;
        self.counters.orders_refused += u64::from(refused.is_some());
        let outcome = Outcome { order, refused, at, entries: data.entries() };
        world.observe(Event::Outcome(outcome));
        self.control.answered.push_back(Answered { outcome, data });
    }
}

/// The first lcore that could not, or did not answer in time.
fn failure(done: &Done) -> Option<(Refused, LcoreId)> {
    let refused = |answer: &Answer| match answer {
        Ok(_) => None,
        Err(Refusal::Refused(why)) => Some(*why),
        Err(refusal @ (Refusal::Failed | Refusal::Unregistered)) => {
            Some(Refused::Message(refusal.code()))
        }
    };
    let bad = done.answers.iter().find_map(|(at, answer)| Some((refused(answer)?, *at)));
    let late = done.missing.first().map(|at| (Refused::Message(Code::TimedOut), *at));
    bad.or(late)
}
