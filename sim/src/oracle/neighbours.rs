//! A packet leaves by a neighbour whose MAC its lcore knows, and to that MAC; and nobody is asked for
//! his more than three times before he is given up (RFC 1122 §2.3.2.1, Linux's number).
//!
//! Who is known is what the trace says: a neighbour that is reachable, or old and asked again. A packet
//! that came when he was so may leave later; one that came when he was not any more may not.
//!
//! Requests are counted when they are transmitted, for the state in which they were made.
//!
//! Invariant: what is kept is one entry for each neighbour that an lcore ever had, and the requests that
//! are made and not sent. Not here: who the next address is (`routing.rs`), how many packets wait
//! (`limits.rs`), and how long a state lasts (`timers.rs`).

use super::Findings;
use super::frame::{Frame, address};
use crate::trace::Run;
use dataplane::config::Config;
use dataplane::event::{Made, NeighMove};
use dataplane::{Event, Instant, LcoreId, Mac, PacketId, PortId};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The name of the oracle.
pub(super) const NAME: &str = "neighbours";
/// Requests before a neighbour is given up: our own number, so that another one in the box is seen.
pub(super) const REQUESTS: u8 = 3;

/// What an lcore knows of a neighbour.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// Its state; nothing: there is no entry.
    state: Option<&'static str>,
    /// When that began, and the newest packet then.
    since: (Instant, PacketId),
    /// Requests in this state.
    asked: u8,
    /// Its MAC, and the newest packet when that was told.
    mac: Option<(Mac, PacketId)>,
}

/// A neighbour of an lcore, as one number: a tree compares it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Whom(u64);

impl Whom {
    /// The one at an address on the link of a device.
    pub fn new(lcore: LcoreId, dev: PortId, address: Ipv4Addr) -> Whom {
        let link = u64::from(lcore.0) << 16 | u64::from(dev.0);
        Whom(link << 32 | u64::from(address.to_bits()))
    }
}

/// What all lcores know of all neighbours.
#[derive(Debug)]
pub(super) struct Neighbours {
    /// The static ones from the start.
    fixed: BTreeMap<(PortId, Ipv4Addr), Mac>,
    known: BTreeMap<Whom, Known>,
    /// Requests that were made and not sent: by whom, and when.
    made: BTreeMap<PacketId, (LcoreId, Instant)>,
}

impl Neighbours {
    /// What is known from the start.
    pub fn new(config: &Config) -> Neighbours {
        let fixed = config.neighbours.iter().map(|neigh| ((neigh.dev, neigh.address), neigh.mac));
        let (known, made) = Default::default();
        Neighbours { fixed: fixed.collect(), known, made }
    }

    fn entry(&mut self, lcore: LcoreId, dev: PortId, address: Ipv4Addr) -> &mut Known {
        self.known.entry(Whom::new(lcore, dev, address)).or_insert_with(|| {
            let fixed = self.fixed.get(&(dev, address)).copied();
            let first = PacketId::default();
            Known {
                state: fixed.map(|_| "reachable"),
                since: (Instant::EPOCH, first),
                asked: 0,
                mac: fixed.map(|mac| (mac, first)),
            }
        })
    }

    /// Something happened on an lcore, when `newest` was the newest packet.
    pub fn event(&mut self, at: Instant, lcore: LcoreId, event: &Event, newest: PacketId) {
        match *event {
            // What was not there and is not there has not changed.
            Event::Neigh(NeighMove { from: None, to: None, .. }) => {}
            Event::Neigh(NeighMove { port, address, to, .. }) => {
                let known = self.entry(lcore, port, address);
                (known.state, known.since, known.asked) = (to, (at, newest), 0);
            }
            Event::NeighMac { port, address, mac } => {
                self.entry(lcore, port, address).mac = Some((mac, newest));
            }
            Event::Made { packet, what: Made::ArpRequest, .. } => {
                self.made.insert(packet, (lcore, at));
            }
            Event::Dropped { packet, .. } if !self.made.is_empty() => {
                self.made.remove(&packet);
            }
            _ => {}
        }
    }

    /// A packet leaves by a device of an lcore, to a MAC, for the next address on the link.
    ///
    /// # Errors
    /// What is wrong: a sentence without its beginning.
    pub fn leaves(
        &mut self,
        lcore: LcoreId,
        packet: PacketId,
        (dev, next): (PortId, Ipv4Addr),
        to: Mac,
    ) -> Result<(), String> {
        let Known { state, since: (since, newest), mac, .. } = *self.entry(lcore, dev, next);
        if matches!(state, None | Some("none" | "send")) && packet > newest {
            let state = state.unwrap_or("not known");
            return Err(format!("leaves for {next}, which was {state} since {since} s"));
        }
        match mac {
            Some((mac, newest)) if mac != to && packet > newest => {
                Err(format!("leaves for {next}, to {to}, and {next} is at {mac}"))
            }
            _ => Ok(()),
        }
    }

    /// An ARP request of ours leaves by a device.
    pub fn asks(
        &mut self,
        (at, run): (Instant, Run),
        packet: PacketId,
        dev: PortId,
        frame: &Frame<'_>,
        found: &mut Findings,
    ) {
        let Some((lcore, made)) = self.made.remove(&packet) else { return };
        let Some((arp, _)) = frame.arp() else { return };
        let target = address(arp, 24);
        let known = self.entry(lcore, dev, target);
        let asking = matches!(known.state, Some("send" | "delay"));
        if !asking || made < known.since.0 {
            return;
        }
        known.asked = known.asked.saturating_add(1);
        if known.asked > REQUESTS {
            let (asked, since) = (known.asked, known.since.0);
            found.say(NAME, || {
                format!(
                    "{target} is asked for the {asked}th time since {since} s, of {REQUESTS}: at {at} s ({run})"
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::dut;
    use dataplane::config::NeighConfig;
    use dataplane::job::JobKind;
    use fixtures::{BOB, GW, arp_request};

    const ME: LcoreId = LcoreId(1);
    const WAN: PortId = PortId(1);

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn moved(from: Option<&'static str>, to: Option<&'static str>) -> Event {
        let (port, address, why, waiting) = (WAN, BOB.ip, "a test", 0);
        Event::Neigh(NeighMove { port, address, from, to, why, waiting })
    }

    #[test]
    fn a_packet_leaves_by_whom_its_lcore_knew_when_it_came_or_later() {
        let mut known = Neighbours::new(&dut(1).config);
        let mac = Event::NeighMac { port: WAN, address: BOB.ip, mac: Mac(BOB.mac) };
        let leaves = |known: &mut Neighbours, lcore, packet, mac| {
            known.leaves(lcore, PacketId(packet), (WAN, BOB.ip), Mac(mac))
        };
        assert!(leaves(&mut known, ME, 1, BOB.mac).unwrap_err().contains("not known"));
        known.event(at(1), ME, &moved(None, Some("none")), PacketId(1));
        known.event(at(1), ME, &moved(Some("none"), Some("send")), PacketId(2));
        known.event(at(2), ME, &mac, PacketId(3));
        known.event(at(2), ME, &moved(Some("send"), Some("reachable")), PacketId(3));
        assert_eq!(leaves(&mut known, ME, 1, BOB.mac), Ok(()), "it waited");
        assert!(leaves(&mut known, LcoreId(2), 4, BOB.mac).is_err(), "another lcore knows nothing");
        let wrong = leaves(&mut known, ME, 4, GW.mac).unwrap_err();
        insta::assert_snapshot!(wrong, @"leaves for 192.0.2.9, to 02:00:00:00:00:0c, and 192.0.2.9 is at 02:00:00:00:00:0b");
        known.event(at(9), ME, &moved(None, None), PacketId(5));
        known.event(at(9), ME, &moved(Some("reachable"), Some("probe")), PacketId(5));
        assert_eq!(leaves(&mut known, ME, 6, BOB.mac), Ok(()), "old, and known");
        known.event(at(40_000), ME, &moved(Some("probe"), Some("none")), PacketId(7));
        assert_eq!(leaves(&mut known, ME, 7, BOB.mac), Ok(()), "it came before");
        let wrong = leaves(&mut known, ME, 8, BOB.mac).unwrap_err();
        insta::assert_snapshot!(wrong, @"leaves for 192.0.2.9, which was none since 40.000000000 s");
    }

    #[test]
    fn a_static_neighbour_is_known_from_the_start() {
        let mut config = dut(1).config;
        config.neighbours.push(NeighConfig { dev: WAN, address: BOB.ip, mac: Mac(BOB.mac) });
        let mut known = Neighbours::new(&config);
        let way = (WAN, BOB.ip);
        assert_eq!(known.leaves(ME, PacketId(1), way, Mac(BOB.mac)), Ok(()));
        assert!(known.leaves(ME, PacketId(1), way, Mac(GW.mac)).is_err());
    }

    #[test]
    fn a_fourth_request_is_told_and_one_of_the_time_before_is_not_counted() {
        let mut known = Neighbours::new(&dut(1).config);
        let mut found = Findings::default();
        let request = arp_request(GW, BOB).build();
        let frame = Frame::read(&request).unwrap();
        let run = Run { lcore: ME, tick: 3, job: JobKind::Xmit };
        let make = |known: &mut Neighbours, packet, millis| {
            let (packet, what, cause) = (PacketId(packet), Made::ArpRequest, None);
            known.event(at(millis), ME, &Event::Made { packet, what, cause }, packet);
        };
        make(&mut known, 1, 0);
        known.event(at(1), ME, &moved(Some("none"), Some("send")), PacketId(1));
        known.asks((at(1), run), PacketId(1), WAN, &frame, &mut found);
        for packet in 2..=5 {
            make(&mut known, packet, packet);
            known.asks((at(packet), run), PacketId(packet), WAN, &frame, &mut found);
        }
        known.asks((at(9), run), PacketId(9), WAN, &frame, &mut found);
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(list.join("\n"), @"neighbours: 192.0.2.9 is asked for the 4th time since 0.001000000 s, of 3: at 0.005000000 s (lcore 1, tick 3, xmit)");
        assert!(known.made.is_empty());
    }
}
