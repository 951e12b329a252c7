//! From what the trace says of messages to the rows of a chart.
//!
//! What an lcore does with one message at one time is one row: it takes it, carries it out, answers.

use super::draw::{Arrow, Chart, Lane, Row, span};
use super::log::Noted;
use dataplane::job::Role;
use dataplane::msg::{Call, Code, Mode, MsgDrop, MsgNote, Stage};
use dataplane::{Instant, LcoreId, Nanos};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What the marks of a chart mean.
pub const LEGEND: &str = "\
┃ a message waits in the ring of this lcore         ↻ to itself
● takes a request and carries it out (○ cannot)   + takes an answer, others are missing
◆ the conversation is over: ok (◇ not ok)         × dropped, or not sent
";

/// Lcores that take messages up to which all are drawn; of more, those that take part.
const FEW: usize = 4;

/// A chart of the first `most` rows, and how many rows more there are. Empty when there is none.
pub fn messages(lines: &[Noted], roles: &[(LcoreId, Role)], most: usize) -> (String, usize) {
    let takes = |role: Role| matches!(role, Role::Master | Role::Worker);
    let few = roles.iter().filter(|(_, role)| takes(*role)).count() <= FEW;
    let there = |id: LcoreId, role: Role| {
        few && takes(role)
            || lines.iter().any(|line| {
                let note = &line.note;
                line.run.lcore == id || note.from == id || note.to == Some(id)
            })
    };
    let there: Vec<_> = roles.iter().filter(|(id, role)| there(*id, *role)).collect();
    let until = lines.last().map_or(Instant::EPOCH, |line| line.at);
    let (shown, hidden) = there.split_at(there.len().min(Chart::room(until)));
    let ids: Vec<LcoreId> = shown.iter().map(|(id, _)| *id).collect();
    let mut teller = Teller { ids: &ids, rings: vec![0; ids.len()], ..Teller::default() };
    for line in lines {
        teller.tell(line);
    }
    teller.end_row();
    let rows = teller.rows;
    if rows.is_empty() {
        return (String::new(), 0);
    }
    let label = |row: &Row| row.labels.first().map_or(0, |label| label.chars().count());
    let longest = rows.iter().take(most).map(label).max().unwrap_or(0);
    let lanes = shown.iter().map(|(id, role)| Lane {
        names: vec![format!("lcore {id}"), id.to_string()],
        role: role.name().to_owned(),
    });
    let mut chart = Chart::new(lanes.collect(), until, longest);
    rows.iter().take(most).for_each(|row| chart.row(row));
    let mut text = chart.finish();
    if let [(first, _), others @ ..] = hidden {
        let _ = writeln!(text, "no column for lcore {first} and {} more", others.len());
    }
    (text, rows.len().saturating_sub(most))
}

/// A message on its way: the caller and its number, who is to get it, and whether it is a reply.
type Key = (LcoreId, u64, LcoreId, bool);

#[derive(Default)]
struct Teller<'a> {
    /// The lcores that have a lane, in order.
    ids: &'a [LcoreId],
    rows: Vec<Row>,
    /// The row that may go on, and what it is about.
    open: Option<(Row, About)>,
    /// Messages in each lane's ring.
    rings: Vec<u32>,
    /// When each message that is on its way was sent.
    sent: BTreeMap<Key, Instant>,
    /// The deadlines of requests, by caller and number.
    deadlines: BTreeMap<(LcoreId, u64), Instant>,
    /// The last lcore and tick that were told.
    tick: Option<(LcoreId, u64)>,
}

/// What a row is about, as long as it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct About {
    /// The job run, and when it was: a row is never about two.
    run: (Instant, LcoreId, u64),
    caller: LcoreId,
    seq: u64,
    part: Part,
}

impl About {
    fn new(line: &Noted, caller: LcoreId, part: Part) -> About {
        About { run: (line.at, line.run.lcore, line.run.tick), caller, seq: line.note.seq, part }
    }
}

/// What more a row can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The same request to the next worker.
    Sending,
    /// The answer.
    Handling,
    /// More answers, more that are missing, the end.
    Closing,
    /// Nothing.
    Nothing,
}

impl Teller<'_> {
    fn tell(&mut self, line: &Noted) {
        let me = line.run.lcore;
        match line.note.stage {
            Stage::Sent => self.sent(line),
            Stage::Refused(code) => self.refused(line, code),
            Stage::Delivered => self.ring(me, -1),
            Stage::Handled(code) => self.handled(line, code),
            Stage::Replied(code) => self.replied(line, code, false),
            Stage::Answered(code) => self.answered(line, code),
            Stage::TimedOut => self.missing(line),
            Stage::Dropped(MsgDrop::ReplyLost) => self.replied(line, Code::Full, true),
            Stage::Dropped(why) => self.dropped(line, why),
            Stage::Done(code) => self.done(line, code),
        }
    }

    fn handled(&mut self, line: &Noted, code: Code) {
        let note = &line.note;
        let (me, seq, caller) = (line.run.lcore, note.seq, note.from);
        let mut text = self.waited(seq, (caller, seq, me, false), line.at);
        if let Some(late) = too_late(line.at, note.deadline) {
            let _ = write!(text, ", {late}");
        }
        let mark = if code == Code::Ok { '●' } else { '○' };
        let about = About::new(line, caller, Part::Handling);
        self.begin(line, about, Row { mark: Some(mark), ..Row::default() }, &text);
    }

    fn sent(&mut self, line: &Noted) {
        let note = &line.note;
        let Some(to) = note.to else { return };
        let (me, seq) = (line.run.lcore, note.seq);
        self.sent.insert((me, seq, to, false), line.at);
        self.ring(to, 1);
        if let Some(deadline) = note.deadline {
            self.deadlines.insert((me, seq), deadline);
        }
        let arrow = self.arrow(to, false);
        let about = About::new(line, me, Part::Sending);
        if let Some(row) = self.going_on(about) {
            row.arrows.extend(arrow);
            return;
        }
        let mut text = match note.call {
            Call::Sync => "sync".to_owned(),
            Call::Async => "async".to_owned(),
        };
        if note.mode == Mode::Multicast {
            text.push_str(" to all");
        }
        if to == me {
            text.push_str(" to itself");
        }
        if let Some(deadline) = note.deadline {
            let _ = write!(text, ", within {}", span(deadline.saturating_since(line.at)));
        }
        if let Some(packet) = note.packet {
            let _ = write!(text, ", packet {}", packet.0);
        }
        let arrows = arrow.into_iter().collect();
        self.begin(line, about, Row { arrows, labels: labels(note), ..Row::default() }, &text);
    }

    fn refused(&mut self, line: &Noted, code: Code) {
        let note = &line.note;
        let name = format!("{} #{}", note.kind, note.seq);
        let full = note.to.filter(|_| code == Code::Full);
        let arrows = full.and_then(|to| self.arrow(to, true));
        let whom = note.to.map_or("a worker".to_owned(), |to| format!("lcore {to}"));
        let some =
            self.sent.keys().any(|key| (key.0, key.1, key.3) == (note.from, note.seq, false));
        let why = match code {
            Code::Full if note.mode == Mode::Multicast => {
                let sent = if some { "to no more" } else { "to none" };
                format!("the ring of {whom} is full: {sent}")
            }
            Code::Full => format!("the ring of {whom} is full"),
            Code::Disabled => {
                format!("{name} not sent: of {} priority", note.kind.priority().name())
            }
            Code::Busy => format!("{name} not sent: too many conversations are open"),
            _ => format!("{name} not sent: {whom} takes no messages"),
        };
        let about = About::new(line, note.from, Part::Nothing);
        let mark = if full.is_some() { None } else { Some('×') };
        let arrows = arrows.into_iter().collect();
        let row = Row { mark, arrows, labels: labels(note), ..Row::default() };
        self.begin(line, about, row, &why);
    }

    fn replied(&mut self, line: &Noted, code: Code, lost: bool) {
        let note = &line.note;
        let (me, seq) = (line.run.lcore, note.seq);
        let Some(caller) = note.to else { return };
        if !lost {
            self.sent.insert((caller, seq, me, true), line.at);
            self.ring(caller, 1);
        }
        let arrow = self.arrow(caller, lost);
        let labels = match lost {
            true => vec![format!("reply #{seq}"), format!("#{seq}")],
            false => vec![format!("{code} #{seq}"), format!("#{seq}")],
        };
        let lost = lost.then(|| format!("the ring of lcore {caller} is full: reply lost"));
        let about = About::new(line, caller, Part::Handling);
        if let Some(row) = self.going_on(about) {
            row.arrows.extend(arrow);
            row.labels = labels;
            if let Some(lost) = lost {
                let _ = write!(row.note, "; {lost}");
            }
        } else {
            let row = Row { arrows: arrow.into_iter().collect(), labels, ..Row::default() };
            self.begin(line, about, row, &lost.unwrap_or_default());
        }
    }

    fn answered(&mut self, line: &Noted, code: Code) {
        let note = &line.note;
        let (me, seq, from) = (line.run.lcore, note.seq, note.from);
        self.ring(me, -1);
        let waited = self.waited(seq, (me, seq, from, true), line.at);
        let whose = match code {
            Code::Ok => from.to_string(),
            code => format!("{from} ({code})"),
        };
        let about = About::new(line, me, Part::Closing);
        if let Some(row) = self.going_on(about) {
            let _ = write!(row.note, ", {whose}");
        } else if note.mode == Mode::Unicast {
            self.begin(line, about, Row { mark: Some('+'), ..Row::default() }, &waited);
        } else {
            let text = format!("#{seq} answered by {whose}");
            self.begin(line, about, Row { mark: Some('+'), ..Row::default() }, &text);
        }
    }

    fn missing(&mut self, line: &Noted) {
        let note = &line.note;
        let Some(to) = note.to else { return };
        let (me, seq) = (line.run.lcore, note.seq);
        let about = About::new(line, me, Part::Closing);
        if let Some(row) = self.going_on(about) {
            let _ = write!(row.note, ", {to}");
        } else {
            let row = Row { mark: Some('◇'), ..Row::default() };
            self.begin(line, about, row, &format!("#{seq} not answered by {to}"));
        }
    }

    fn done(&mut self, line: &Noted, code: Code) {
        let (me, seq) = (line.run.lcore, line.note.seq);
        let about = About::new(line, me, Part::Closing);
        let mark = if code == Code::Ok { '◆' } else { '◇' };
        let code = code.name().replace('_', " ");
        if let Some(row) = self.going_on(about) {
            row.mark = Some(mark);
            let _ = write!(row.note, ": {code}");
        } else {
            let row = Row { mark: Some(mark), ..Row::default() };
            self.begin(line, about, row, &format!("#{seq} {code}"));
        }
        self.end_row();
    }

    fn dropped(&mut self, line: &Noted, why: MsgDrop) {
        let note = &line.note;
        let (me, seq, from) = (line.run.lcore, note.seq, note.from);
        let (text, caller) = match why {
            MsgDrop::Expired => {
                let waited = self.waited(seq, (from, seq, me, false), line.at);
                let late = too_late(line.at, note.deadline);
                let late = late.unwrap_or_else(|| "too late by its own clock".to_owned());
                (format!("{waited}, {late}: dropped"), from)
            }
            MsgDrop::Unregistered => {
                self.waited(seq, (from, seq, me, false), line.at);
                (format!("#{seq} dropped: no handler for {}", note.kind), from)
            }
            MsgDrop::Late | MsgDrop::ReplyLost => {
                self.ring(me, -1);
                let waited = self.waited(seq, (me, seq, from, true), line.at);
                let late = too_late(line.at, self.deadlines.get(&(me, seq)).copied());
                let late = late.unwrap_or_else(|| "nobody waits for it".to_owned());
                (format!("reply to {waited}, {late}: dropped"), me)
            }
        };
        let part = if why == MsgDrop::Unregistered { Part::Handling } else { Part::Nothing };
        let about = About::new(line, caller, part);
        self.begin(line, about, Row { mark: Some('×'), ..Row::default() }, &text);
    }

    /// The row that is open, if it is about this.
    fn going_on(&mut self, about: About) -> Option<&mut Row> {
        let waits = self.waits();
        let (row, open) = self.open.as_mut()?;
        if *open != about {
            return None;
        }
        row.waits = waits;
        Some(row)
    }

    fn begin(&mut self, line: &Noted, about: About, row: Row, text: &str) {
        self.end_row();
        let tick = (line.run.lcore, line.run.tick);
        let lane = self.lane(line.run.lcore);
        let who = if lane.is_none() { format!("lcore {}, ", tick.0) } else { String::new() };
        let note = match self.tick.replace(tick) == Some(tick) {
            true => text.to_owned(),
            false => format!("{who}tick {}: {text}", tick.1),
        };
        let waits = self.waits();
        self.open = Some((Row { at: line.at, lane, note, waits, ..row }, about));
    }

    fn end_row(&mut self) {
        self.rows.extend(self.open.take().map(|(row, _)| row));
    }

    /// `#1 waited 10 us`, `#1 at once`: a message that is taken now.
    fn waited(&mut self, seq: u64, key: Key, now: Instant) -> String {
        let waited = self.sent.remove(&key).map_or(Nanos::ZERO, |sent| now.saturating_since(sent));
        match waited {
            Nanos::ZERO => format!("#{seq} at once"),
            waited => format!("#{seq} waited {}", span(waited)),
        }
    }

    fn lane(&self, id: LcoreId) -> Option<usize> {
        self.ids.iter().position(|other| *other == id)
    }

    fn arrow(&self, to: LcoreId, blocked: bool) -> Option<Arrow> {
        self.lane(to).map(|to| Arrow { to, blocked })
    }

    fn ring(&mut self, id: LcoreId, change: i32) {
        if let Some(lane) = self.lane(id) {
            let ring = &mut self.rings[lane];
            *ring = ring.saturating_add_signed(change);
        }
    }

    fn waits(&self) -> u64 {
        let bits = self.rings.iter().zip(0..64).filter(|(ring, _)| **ring > 0);
        bits.fold(0, |waits, (_, lane)| waits | 1 << lane)
    }
}

/// How long after its deadline something is; nothing: it is not, or has none.
fn too_late(at: Instant, deadline: Option<Instant>) -> Option<String> {
    let deadline = deadline.filter(|deadline| *deadline < at)?;
    Some(format!("{} too late", span(at - deadline)))
}

/// `HELLO #1`, or in less room `#1`.
fn labels(note: &MsgNote) -> Vec<String> {
    vec![format!("{} #{}", note.kind, note.seq), format!("#{}", note.seq)]
}
