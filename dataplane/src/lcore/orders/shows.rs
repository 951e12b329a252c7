//! What there is: the answers to who asks, merged by key over the lcores that were asked.
//!
//! DPVS: neigh.c and inetaddr.c ask with a constant number, so that a late answer passes for one of
//! the next question (defect B79), and merge the lists of all lcores by position (B38).

use super::{Control, Doing};
use crate::control::{AddressEntry, Data, LinkEntry, NeighEntry, Refused, Show, VlanEntry};
use crate::counters::Counters;
use crate::lcore::Lcore;
use crate::msg::{Answer, Call, Get, Payload, Reply, Request, Then};
use crate::packet::Buf;
use crate::route::Listed;
use crate::tc::{self, ClsConfig, QschConfig, QschStats};
use crate::time::Instant;
use crate::types::{DeviceName, LcoreId, PortId};
use crate::world::World;
use ipnet::Ipv4Net;

impl<B: Buf> Lcore<B> {
    /// Its addresses, in the order of the devices.
    pub(in crate::lcore) fn addresses(&self) -> Vec<(PortId, Ipv4Net)> {
        let devices = self.devices.iter();
        devices.flat_map(|d| d.addresses.iter().map(|net| (d.id, *net))).collect()
    }

    /// Shows what the master knows itself, or asks the workers.
    pub(super) fn show<W: World<Buf = B>>(&mut self, order: u64, show: Show, world: &mut W) {
        let (dev, lcore) = match show {
            Show::Addresses(dev)
            | Show::Routes(dev)
            | Show::Neighbours(dev)
            | Show::Vlans(dev)
            | Show::Links(dev)
            | Show::Qschs(dev)
            | Show::Classes(dev) => (dev, None),
            Show::Stats(lcore) => (None, lcore),
        };
        if let Some(why) = self.unknown(dev.as_ref(), lcore) {
            return self.conclude(order, Some(why), None, Data::None, world);
        }
        let what = match show {
            Show::Routes(dev) => Err(Data::Routes(self.shown_routes(dev.as_ref()))),
            Show::Vlans(port) => Err(Data::Vlans(self.shown_vlans(port.as_ref()))),
            Show::Links(dev) => Err(Data::Links(self.shown_links(dev.as_ref()))),
            Show::Stats(Some(lcore)) if lcore == self.id => {
                Err(Data::Stats(vec![(lcore, self.counters.clone())]))
            }
            Show::Addresses(_) => Ok(Payload::Get(Get::Addresses)),
            Show::Neighbours(_) => Ok(Payload::Get(Get::Neighbours)),
            Show::Stats(_) => Ok(Payload::Get(Get::Stats)),
            Show::Qschs(_) => Ok(Payload::QschGet),
            Show::Classes(_) => Ok(Payload::ClsGet),
        };
        let payload = match what {
            Ok(payload) => payload,
            Err(data) => return self.conclude(order, None, None, data, world),
        };
        let then = Then::Order(order);
        let request = Request { payload, call: Call::Sync, timeout: None, then };
        let asked = self.with_env(world, |tables, env, _| match lcore {
            Some(lcore) => tables.msg.unicast(lcore, request, env),
            None => tables.msg.multicast(request, env),
        });
        match asked {
            Ok(_) => self.control.underway = Some((order, Doing::Show(show))),
            Err(unsent) => {
                let (why, at) = (Refused::Message(unsent.code), unsent.at);
                self.with_env(world, |_, env, _| unsent.discard(env));
                self.conclude(order, Some(why), at, Data::None, world);
            }
        }
    }

    fn unknown(&self, dev: Option<&DeviceName>, lcore: Option<LcoreId>) -> Option<Refused> {
        if dev.is_some_and(|dev| self.device(dev).is_err()) {
            return Some(Refused::NoDevice);
        }
        let base = self.control.base.as_ref()?;
        let known = |id| base.lcores.iter().any(|lcore| lcore.id == id);
        lcore.is_some_and(|id| !known(id)).then_some(Refused::NoLcore)
    }

    fn shown_routes(&self, dev: Option<&DeviceName>) -> Vec<Listed> {
        let dev = dev.and_then(|dev| self.device(dev).ok());
        self.tables.routes.list().filter(|route| dev.is_none_or(|dev| dev == route.dev)).collect()
    }

    fn shown_vlans(&self, port: Option<&DeviceName>) -> Vec<VlanEntry> {
        let port = port.and_then(|port| self.device(port).ok());
        let vlans = self.devices.iter().filter_map(|d| {
            let (on, vid) = d.vlan?;
            Some(VlanEntry { dev: d.id, port: on, vid })
        });
        vlans.filter(|vlan| port.is_none_or(|port| port == vlan.port)).collect()
    }

    fn shown_links(&self, dev: Option<&DeviceName>) -> Vec<LinkEntry> {
        let meant = self.devices.iter().filter(|d| dev.is_none_or(|dev| dev.as_str() == d.name));
        let entry = |d: &crate::device::Device| LinkEntry {
            dev: d.id,
            name: d.name.clone(),
            mac: d.mac,
            mtu: d.mtu,
            forward2kni: d.kni.map(|kni| kni.forward),
        };
        meant.map(entry).collect()
    }

    /// The Qschs of the plan, with what all workers counted.
    fn gathered_qschs(
        &self,
        dev: Option<PortId>,
        answers: &[(LcoreId, Answer)],
    ) -> Vec<(QschConfig, QschStats)> {
        let mut sums = tc::sum_qschs(answers);
        let planned = self.tc_plan.qschs().iter().map(|planned| planned.config);
        let meant = planned.filter(|qsch| dev.is_none_or(|dev| dev == qsch.dev));
        meant.map(|q| (q, sums.remove(&(q.dev, q.handle)).unwrap_or_default())).collect()
    }

    /// The classifiers of the plan, with how often they matched on all workers.
    fn gathered_classes(
        &self,
        dev: Option<PortId>,
        answers: &[(LcoreId, Answer)],
    ) -> Vec<(ClsConfig, u64)> {
        let mut sums = tc::sum_classes(answers);
        let planned = self.tc_plan.classes().iter().copied();
        let meant = planned.filter(|cls| dev.is_none_or(|dev| dev == cls.dev));
        meant.map(|c| (c, sums.remove(&(c.dev, c.qsch, c.handle)).unwrap_or_default())).collect()
    }

    /// Makes one answer of the answers of all.
    pub(super) fn gather(&self, show: Show, answers: Vec<(LcoreId, Answer)>, now: Instant) -> Data {
        let meant = |dev: Option<DeviceName>| dev.and_then(|dev| self.device(&dev).ok());
        let replies = |answers: Vec<(LcoreId, Answer)>| {
            answers.into_iter().filter_map(|(from, answer)| Some((from, answer.ok()?)))
        };
        match show {
            Show::Qschs(dev) => Data::Qschs(self.gathered_qschs(meant(dev), &answers)),
            Show::Classes(dev) => Data::Classes(self.gathered_classes(meant(dev), &answers)),
            Show::Neighbours(dev) => {
                let dev = meant(dev);
                let lists = replies(answers).filter_map(|(_, reply)| match reply {
                    Reply::Neighbours(list) => Some(list),
                    _ => None,
                });
                let mut all: Vec<NeighEntry> = lists.flatten().collect();
                all.retain(|entry| dev.is_none_or(|dev| dev == entry.dev));
                all.sort_by_key(|entry| (entry.dev, entry.address, entry.lcore));
                Data::Neighbours(all)
            }
            Show::Addresses(dev) => {
                let dev = meant(dev);
                let lists = replies(answers).filter_map(|(from, reply)| match reply {
                    Reply::Addresses(list) => Some((from, list)),
                    _ => None,
                });
                let mut all = merged(&self.addresses(), lists.collect(), &self.control, now);
                all.retain(|entry| dev.is_none_or(|dev| dev == entry.dev));
                Data::Addresses(all)
            }
            Show::Stats(of) => {
                let mine = of.is_none().then(|| (self.id, self.counters.clone()));
                let theirs = replies(answers).filter_map(|(from, reply)| match reply {
                    Reply::Stats(counters) => Some((from, *counters)),
                    _ => None,
                });
                let mut all: Vec<(LcoreId, Counters)> = mine.into_iter().chain(theirs).collect();
                all.sort_by_key(|(lcore, _)| *lcore);
                Data::Stats(all)
            }
            Show::Routes(_) | Show::Vlans(_) | Show::Links(_) => Data::None,
        }
    }
}

/// The master's addresses, each with the workers that answered and do not have it.
fn merged(
    mine: &[(PortId, Ipv4Net)],
    mut lists: Vec<(LcoreId, Vec<(PortId, Ipv4Net)>)>,
    control: &Control,
    now: Instant,
) -> Vec<AddressEntry> {
    lists.sort_by_key(|(lcore, _)| *lcore);
    let entry = |(dev, net): &(PortId, Ipv4Net)| {
        let until = control.lifetimes.get(&(*dev, net.addr())).map(|(until, _)| *until);
        let lacks = lists.iter().filter(|(_, list)| !list.contains(&(*dev, *net)));
        AddressEntry {
            dev: *dev,
            net: *net,
            left: until.map(|until| until.saturating_since(now)),
            missing: lacks.map(|(lcore, _)| *lcore).collect(),
        }
    };
    mine.iter().map(entry).collect()
}
