//! Lanes, rows and arrows, as text.
//!
//! Times are in milliseconds with six decimals, said once. What an action comes to stands to the
//! right of the lanes, or below them when there are many. A lane is thick while something waits
//! for it.

use dataplane::{Instant, Nanos};

/// Characters of a line, at most.
pub const WIDTH: usize = 100;

/// Lanes up to which notes stand to the right of them.
const NOTES_BESIDE: usize = 6;
/// Characters from the last lane to the notes.
const APART: usize = 3;
/// Characters of a note to the right, at least.
const NOTE: usize = 24;
/// Characters from a lane to the next, at least and at most.
const GAP: (usize, usize) = (5, 24);
/// Characters of the last lane's name, at least.
const NAME: usize = 6;
/// A longer time without anything is drawn.
const PAUSE: Nanos = Nanos::from_micros(100);

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// What it is called, from the longest way to say it to the shortest.
    pub names: Vec<String>,
    /// What it is for.
    pub role: String,
}

/// An arrow's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// The lane that it points at.
    pub to: usize,
    /// Whether it comes to nothing there.
    pub blocked: bool,
}

/// What a lane does at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// When.
    pub at: Instant,
    /// Who; nothing: one that has no lane.
    pub lane: Option<usize>,
    /// How its lane is marked; nothing: where the arrows begin.
    pub mark: Option<char>,
    /// Whom it tells something.
    pub arrows: Vec<Arrow>,
    /// What it tells them, from the longest way to say it to the shortest.
    pub labels: Vec<String>,
    /// What is to be said of it.
    pub note: String,
    /// The lanes for which something waits from now on: bit `i` is lane `i`.
    pub waits: u64,
}

/// A chart that is about to be drawn.
#[derive(Clone, Debug)]
pub struct Chart {
    lanes: Vec<Lane>,
    /// Where the first lane is, behind the times, and how far it is from one to the next.
    left: usize,
    gap: usize,
    text: String,
    /// The time of the last row, and who waited since.
    last: Option<Instant>,
    waits: u64,
}

impl Chart {
    /// Lanes that a chart up to this time has room for: at least 15.
    pub fn room(until: Instant) -> usize {
        1 + (WIDTH - left_of(until) - NAME) / GAP.0
    }

    /// Draws the lanes' names, for rows up to a time, whose longest label has so many characters.
    ///
    /// # Panics
    /// There are more lanes than [`Chart::room`] has.
    pub fn new(lanes: Vec<Lane>, until: Instant, longest: usize) -> Chart {
        assert!(lanes.len() <= Chart::room(until), "so many lanes have room");
        let left = left_of(until);
        let beside = lanes.len() <= NOTES_BESIDE;
        let room = WIDTH - left - if beside { APART + NOTE } else { NAME };
        let most = room / lanes.len().saturating_sub(1).max(1);
        let gap = (longest + 6).max(12).min(most).clamp(GAP.0, GAP.1);
        let mut chart = Chart { lanes, left, gap, text: String::new(), last: None, waits: 0 };
        let name = |lane: &Lane| {
            let fits = |name: &&String| name.chars().count() < gap;
            lane.names.iter().find(fits).cloned().unwrap_or_default()
        };
        let names = chart.lanes.iter().map(name).collect::<Vec<_>>();
        let roles = chart.lanes.iter().map(|lane| lane.role.clone()).collect::<Vec<_>>();
        chart.heading("ms", &names);
        chart.heading("", &roles);
        chart
    }

    fn heading(&mut self, left: &str, words: &[String]) {
        let mut line = vec![' '; WIDTH];
        put(&mut line, self.left - 2 - left.len(), left);
        for (lane, word) in words.iter().enumerate() {
            let word: String = word.chars().take(self.gap - 1).collect();
            put(&mut line, self.x(lane), &word);
        }
        self.line(&line);
    }

    /// Draws a row.
    pub fn row(&mut self, row: &Row) {
        self.pause(row.at);
        let mut line = self.lifelines(row.waits, ['│', '┃']);
        if self.last != Some(row.at) {
            let time = time(row.at);
            put(&mut line, self.left - 2 - time.len(), &time);
        }
        let label = self.arrows(&mut line, row);
        let note = match (label, row.labels.first()) {
            (false, Some(label)) => format!("{label}, {}", row.note),
            _ => row.note.clone(),
        };
        self.note(line, &note, row.waits);
        self.last = Some(row.at);
        self.waits = row.waits;
    }

    /// The chart.
    pub fn finish(self) -> String {
        self.text
    }

    /// A long time in which nothing happens.
    fn pause(&mut self, until: Instant) {
        let Some(last) = self.last else { return };
        let pause = until.saturating_since(last);
        if pause >= PAUSE {
            let mut line = self.lifelines(self.waits, ['┊', '┇']);
            put(&mut line, self.left - 3, "⋮");
            self.note(line, &format!("({})", span(pause)), self.waits);
        }
    }

    /// Draws the arrows. Returns whether there was room for their whole label.
    fn arrows(&self, line: &mut [char], row: &Row) -> bool {
        let Some(from) = row.lane else { return row.arrows.is_empty() };
        let start = self.x(from);
        let others = || row.arrows.iter().filter(|arrow| arrow.to != from);
        let right = others().map(|arrow| arrow.to).filter(|to| *to > from).max();
        let left = others().map(|arrow| arrow.to).filter(|to| *to < from).min();
        if let Some(far) = right {
            rule(&mut line[start + 1..self.x(far)]);
        }
        if let Some(far) = left {
            rule(&mut line[self.x(far) + 1..start]);
        }
        for Arrow { to, blocked } in others().copied() {
            let (at, head) = match to > from {
                true => (self.x(to) - 1, '▶'),
                false => (self.x(to) + 1, '◀'),
            };
            line[at] = if blocked { '×' } else { head };
            line[self.x(to)] = lifeline(row.waits, to, ['│', '┃']);
        }
        let begin = match (left, right) {
            (None, None) if row.arrows.is_empty() => None,
            (None, None) => Some('↻'),
            (None, Some(_)) => Some('├'),
            (Some(_), None) => Some('┤'),
            (Some(_), Some(_)) => Some('┼'),
        };
        if let Some(mark) = row.mark.or(begin) {
            line[start] = mark;
        }
        // The label is on the line beside its beginning.
        let room = match (left, right) {
            (_, Some(_)) => start + 1,
            (Some(_), None) => start + 1 - self.gap,
            (None, None) => return row.arrows.is_empty(),
        };
        label(&mut line[room..room + self.gap - 1], &row.labels)
    }

    /// Writes a line with its note, in more lines if need be.
    fn note(&mut self, line: Vec<char>, note: &str, waits: u64) {
        let beside = self.lanes.len() <= NOTES_BESIDE;
        let left = if beside { self.x(self.lanes.len() - 1) + APART } else { self.left };
        let mut lines = wrap(note, WIDTH - left).into_iter();
        let mut line = line;
        if beside && let Some(first) = lines.next() {
            put(&mut line, left, &first);
        }
        self.line(&line);
        for more in lines {
            let mut line = match beside {
                true => self.lifelines(waits, ['│', '┃']),
                false => vec![' '; WIDTH],
            };
            put(&mut line, left, &more);
            self.line(&line);
        }
    }

    fn lifelines(&self, waits: u64, looks: [char; 2]) -> Vec<char> {
        let mut line = vec![' '; WIDTH];
        for lane in 0..self.lanes.len() {
            line[self.x(lane)] = lifeline(waits, lane, looks);
        }
        line
    }

    fn x(&self, lane: usize) -> usize {
        self.left + lane * self.gap
    }

    fn line(&mut self, line: &[char]) {
        let line: String = line.iter().collect();
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

/// Where the first lane is in a chart up to this time.
fn left_of(until: Instant) -> usize {
    time(until).len() + 3
}

/// A time in milliseconds.
fn time(at: Instant) -> String {
    let ns = at.as_nanos();
    format!("{}.{:06}", ns / 1_000_000, ns % 1_000_000)
}

/// How a lane looks: as the second of `looks` while something waits for it.
fn lifeline(waits: u64, lane: usize, looks: [char; 2]) -> char {
    looks[usize::from(waits & (1 << lane) != 0)]
}

/// Writes the longest label that leaves the line to be seen on both sides. Returns whether it is
/// the first one.
fn label(room: &mut [char], labels: &[String]) -> bool {
    let fits = |label: &String| label.chars().count() + 5 <= room.len();
    let Some(which) = labels.iter().position(fits) else { return false };
    let at = (room.len() - labels[which].chars().count()) / 2;
    put(room, at - 1, &format!(" {} ", labels[which]));
    which == 0
}

/// Draws a line over lifelines.
fn rule(part: &mut [char]) {
    for c in part {
        *c = match c {
            '│' => '┼',
            '┃' => '╂',
            _ => '─',
        };
    }
}

fn put(line: &mut [char], at: usize, text: &str) {
    for (cell, c) in line[at..].iter_mut().zip(text.chars()) {
        *cell = c;
    }
}

/// Breaks a text between its words into lines of so many characters; longer words are cut.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let word: String = word.chars().take(width).collect();
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// A span of time, exact, in the unit that people would say it in: `130 ns`, `2.01 us`, `1.5 ms`.
pub(super) fn span(span: Nanos) -> String {
    let ns = span.get();
    let (unit, name) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let (whole, rest) = (ns / unit, ns % unit);
    if rest == 0 {
        return format!("{whole} {name}");
    }
    let digits = unit.ilog10() as usize;
    let rest = format!("{rest:0digits$}");
    format!("{whole}.{} {name}", rest.trim_end_matches('0'))
}
