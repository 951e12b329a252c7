//! out.pcapng: every frame that came and left, in order of time, with what became of it.
//!
//! A frame that came is written when its fate is known: when the job run that took it has ended.
//! Frames behind it wait for it in a queue, so that the file is in order.
//!
//! Invariant: the queue is no longer than what comes and goes while a frame waits to be received.

use crate::capture::{Direction, Frame, PcapngWriter};
use crate::plan::Plan;
use crate::trace::{Passing, Record, Run, Way, What};
use dataplane::event::{Reassembly, ReassemblyNote};
use dataplane::{DropReason, Event, Instant, PacketId, PortId};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io;

/// What the file says of itself.
const COMMENT: &str = "times are virtual: nanoseconds since the start of the run";

/// Writes frames with their fates.
pub(super) struct CaptureFile {
    writer: PcapngWriter<File>,
    /// Frames that are not written yet, in order of time, and the number of the first of them.
    queue: VecDeque<Entry>,
    first: u64,
    /// Frames that no job has taken yet, by packet, and their numbers in the queue.
    open: VecDeque<(PacketId, u64)>,
    /// Frames that the running job took, their numbers, and what it did with each.
    taken: Vec<(PacketId, u64, Fate)>,
    /// Entries for use again.
    spare: Vec<Entry>,
}

#[derive(Default)]
struct Entry {
    at: Instant,
    interface: u32,
    bytes: Vec<u8>,
    /// Empty as long as the fate is not known.
    comment: String,
}

/// What a job run did with a frame that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Forwarded,
    /// It would be forwarded, and waits in a Qsch.
    Queued,
    Answered(&'static str),
    Consumed(&'static str),
    Waits,
    Dropped(DropReason),
}

impl CaptureFile {
    pub fn create(plan: &Plan, file: File) -> io::Result<CaptureFile> {
        let ports = plan.config.ports.iter();
        let names = ports.flat_map(|port| ["in", "out"].map(|way| format!("{} {way}", port.name)));
        let names: Vec<String> = names.collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Ok(CaptureFile {
            writer: PcapngWriter::new(file, &names, Some(COMMENT))?,
            queue: VecDeque::new(),
            first: 0,
            open: VecDeque::new(),
            taken: Vec::new(),
            spare: Vec::new(),
        })
    }

    /// A frame passes a port.
    pub fn frame(&mut self, frame: &Passing<'_>) -> io::Result<()> {
        let mut entry = self.spare.pop().unwrap_or_default();
        entry.at = frame.at;
        entry.interface = interface(frame.port, frame.way);
        entry.bytes.clear();
        entry.bytes.extend_from_slice(frame.bytes);
        entry.comment.clear();
        let packet = frame.packet;
        match (frame.way, frame.refused) {
            (Way::Out, _) => say(&mut entry.comment, packet, frame.run, None),
            (Way::In, Some(why)) => say(&mut entry.comment, packet, None, Some(Fate::Dropped(why))),
            (Way::In, None) => {
                self.open.push_back((packet, self.first + self.queue.len() as u64));
            }
        }
        self.queue.push_back(entry);
        self.flush()
    }

    /// Something happened.
    pub fn event(&mut self, record: &Record) {
        let What::Lcore(event) = &record.what else { return };
        match *event {
            Event::Rx { packet, .. } => {
                if let Ok(at) = self.open.binary_search_by_key(&packet, |(open, _)| *open)
                    && let Some((_, number)) = self.open.remove(at)
                {
                    self.taken.push((packet, number, Fate::Forwarded));
                }
            }
            Event::Answered { packet, what } => self.decide(packet, Fate::Answered(what)),
            Event::Consumed { packet, by } => self.decide(packet, Fate::Consumed(by.name())),
            Event::Waits { packet, .. }
            | Event::Reassembly(ReassemblyNote { what: Reassembly::Held, packet, .. }) => {
                self.decide(packet, Fate::Waits);
            }
            Event::Dropped { packet, reason } => self.decide(packet, Fate::Dropped(reason)),
            Event::QschQueued { packet, .. } => {
                self.turn(packet, Fate::Forwarded, Fate::Queued);
            }
            Event::QschSent { packet, .. } => self.turn(packet, Fate::Queued, Fate::Forwarded),
            Event::RingRx { .. }
            | Event::RingTx { .. }
            | Event::Made { .. }
            | Event::Tx { .. }
            | Event::Neigh(_)
            | Event::NeighMac { .. }
            | Event::NeighSync { .. }
            | Event::NoBuffer { .. }
            | Event::Msg(_)
            | Event::Device { .. }
            | Event::AddressExpired { .. }
            | Event::Outcome(_)
            | Event::IcmpSuppressed { .. }
            | Event::Reassembly(_)
            | Event::TcChanged { .. }
            | Event::TcRefused { .. }
            | Event::QschShown { .. }
            | Event::ClsShown { .. }
            | Event::TcNotShown { .. }
            | Event::SampleLost { .. }
            | Event::Iftraf { .. }
            | Event::RedirectIgnored { .. } => {}
        }
    }

    /// A job run has ended: what it did with the frames that it took is final.
    pub fn ran(&mut self, run: Run) -> io::Result<()> {
        for (packet, number, fate) in self.taken.drain(..) {
            let index = usize::try_from(number - self.first).unwrap_or(usize::MAX);
            if let Some(entry) = self.queue.get_mut(index) {
                say(&mut entry.comment, packet, Some(run), Some(fate));
            }
        }
        self.flush()
    }

    /// Writes what is left, although nobody took it.
    pub fn finish(mut self) -> io::Result<()> {
        for (packet, number) in std::mem::take(&mut self.open) {
            let index = usize::try_from(number - self.first).unwrap_or(usize::MAX);
            if let Some(entry) = self.queue.get_mut(index) {
                let _ = write!(entry.comment, "pkt={} fate=held", packet.0);
            }
        }
        self.flush()?;
        self.writer.finish().map(drop)
    }

    /// The last word on a packet that the running job took counts. Others are old acquaintances.
    fn decide(&mut self, packet: PacketId, fate: Fate) {
        if let Some(taken) = self.taken.iter_mut().rev().find(|taken| taken.0 == packet) {
            taken.2 = fate;
        }
    }

    /// Decides, if it was so far as it is told.
    fn turn(&mut self, packet: PacketId, from: Fate, to: Fate) {
        let taken = self.taken.iter_mut().rev().find(|taken| taken.0 == packet);
        if let Some(taken) = taken.filter(|taken| taken.2 == from) {
            taken.2 = to;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.queue.front().is_some_and(|entry| !entry.comment.is_empty()) {
            let Some(entry) = self.queue.pop_front() else { break };
            self.first += 1;
            let out = entry.interface % 2 == 1;
            self.writer.write(&Frame {
                interface: entry.interface,
                time: entry.at.as_nanos(),
                direction: Some(if out { Direction::Out } else { Direction::In }),
                orig_len: None,
                segments: &[&entry.bytes],
                comments: &[&entry.comment],
            })?;
            self.spare.push(entry);
        }
        Ok(())
    }
}

fn interface(port: PortId, way: Way) -> u32 {
    u32::from(port.0) * 2 + u32::from(way == Way::Out)
}

/// `pkt=17 lcore=1 tick=4021 job=recv_fwd fate=dropped:ttl_exceeded`
fn say(comment: &mut String, packet: PacketId, run: Option<Run>, fate: Option<Fate>) {
    let _ = write!(comment, "pkt={}", packet.0);
    if let Some(Run { lcore, tick, job }) = run {
        let _ = write!(comment, " lcore={lcore} tick={tick} job={job}");
    }
    let _ = match fate {
        None => Ok(()),
        Some(Fate::Forwarded) => write!(comment, " fate=forwarded"),
        Some(Fate::Queued) => write!(comment, " fate=queued"),
        Some(Fate::Answered(what)) => write!(comment, " fate=answered:{what}"),
        Some(Fate::Consumed(by)) => write!(comment, " fate=consumed:{by}"),
        Some(Fate::Waits) => write!(comment, " fate=waits"),
        Some(Fate::Dropped(reason)) => write!(comment, " fate=dropped:{reason}"),
    };
}
