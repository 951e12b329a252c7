//! Faults in words: `alloc:17`, `lose:lan:3-5`, `stall:1@2ms=30us`.
//!
//! Invariant: what is written is read again as the same fault. Not here: whether the plan has such a
//! port or lcore ([`Fault::check`]).

use super::skew::DRIFT_MAX;
use super::{Fault, FaultKind, Harm, Strike};
use crate::scenario::text::duration;
use crate::trace::Way;
use dataplane::packet::HEADROOM;
use dataplane::{Instant, LcoreId, Nanos};
use std::fmt;
use std::str::FromStr;

/// What a fault looks like.
pub const FAULT: &str = "alloc:N[-M], ring:N[-M], tx:N[-M], tx:N=K, lose:PORT:N[-M], mute:PEER:N[-M], \
                         deaf:PEER:N[-M], dup:PORT:N, late:PORT:N=DUR, flip:PORT:N=BIT, cut:PORT:N=LEN, full:PORT:N, \
                         room:PORT:N=BYTES, back:PORT:N=DUR, down:PORT@TIME=DUR, stall:LCORE@TIME=DUR, \
                         cost:LCORE:N[-M]=DUR, ahead:LCORE=DUR, \
                         drift:LCORE=PPM or order:N@TIME";

/// The most room that there is in front of a frame.
#[allow(clippy::cast_possible_truncation, reason = "it is 128")]
const ROOM: u32 = HEADROOM as u32;

impl fmt::Display for Strike {
    /// `alloc:17`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.nth)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        let since = |at: &Instant| Nanos::new(at.as_nanos());
        match self {
            Fault::Call(strike) => strike.fmt(f),
            Fault::Calls { first, last } => write!(f, "{first}-{last}"),
            Fault::Short { nth, takes } => write!(f, "{word}:{nth}={takes}"),
            Fault::Lose { port, first, last } => write!(f, "{word}:{port}:{}", Row(*first, *last)),
            Fault::Peer { peer, first, last, .. } => {
                write!(f, "{word}:{peer}:{}", Row(*first, *last))
            }
            Fault::Frame { port, nth, harm } => {
                write!(f, "{word}:{port}:{nth}")?;
                match harm {
                    Harm::Late(by) => write!(f, "={by}"),
                    Harm::Flip(number) | Harm::Cut(number) | Harm::Room(number) => {
                        write!(f, "={number}")
                    }
                    Harm::Twice | Harm::Full => Ok(()),
                }
            }
            Fault::Back { port, nth, by } => write!(f, "{word}:{port}:{nth}={by}"),
            Fault::Down { port, at, lasts } => write!(f, "{word}:{port}@{}={lasts}", since(at)),
            Fault::Stall { lcore, at, lasts } => write!(f, "{word}:{lcore}@{}={lasts}", since(at)),
            Fault::Cost { lcore, first, last, takes } => {
                write!(f, "{word}:{lcore}:{}={takes}", Row(*first, *last))
            }
            Fault::Ahead { lcore, by } => write!(f, "{word}:{lcore}={by}"),
            Fault::Drift { lcore, ppm } => write!(f, "{word}:{lcore}={ppm}"),
            Fault::Order { nth, at } => write!(f, "{word}:{nth}@{}", since(at)),
        }
    }
}

/// A row of numbers: `3-9`, or `3` if it is one.
struct Row(u64, u64);

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Row(first, last) if first == last => write!(f, "{first}"),
            Row(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Fault, String> {
        let like = |example| format!("\"{text}\" is no fault, expected {example}");
        let Some((word, rest)) = text.split_once(':') else {
            return Err(like(FAULT));
        };
        let fault = match word {
            "lose" => lose(rest).ok_or_else(|| like("lose:PORT:N[-M], such as lose:lan:3"))?,
            "mute" => between(rest, Way::In)
                .ok_or_else(|| like("mute:PEER:N[-M], such as mute:alice:3"))?,
            "deaf" => between(rest, Way::Out)
                .ok_or_else(|| like("deaf:PEER:N[-M], such as deaf:alice:3"))?,
            "dup" => frame(rest, |_| Some(Harm::Twice), false)
                .ok_or_else(|| like("dup:PORT:N, such as dup:lan:3"))?,
            "full" => frame(rest, |_| Some(Harm::Full), false)
                .ok_or_else(|| like("full:PORT:N, such as full:lan:3"))?,
            "late" => frame(rest, |by| Some(Harm::Late(span(by)?)), true)
                .ok_or_else(|| like("late:PORT:N=DUR, such as late:lan:3=50us"))?,
            "flip" => frame(rest, |bit| Some(Harm::Flip(digits(bit)?)), true)
                .ok_or_else(|| like("flip:PORT:N=BIT, such as flip:lan:3=112"))?,
            "cut" => frame(rest, |len| digits(len).filter(|len| *len > 0).map(Harm::Cut), true)
                .ok_or_else(|| like("cut:PORT:N=LEN, 1 or more, such as cut:lan:3=40"))?,
            "room" => {
                frame(rest, |len| digits(len).filter(|len| *len <= ROOM).map(Harm::Room), true)
                    .ok_or_else(|| like("room:PORT:N=BYTES, 0 to 128, such as room:lan:3=0"))?
            }
            "back" => back(rest).ok_or_else(|| like("back:PORT:N=DUR, such as back:lan:3=1s"))?,
            "down" => {
                down(rest).ok_or_else(|| like("down:PORT@TIME=DUR, such as down:lan@1ms=500us"))?
            }
            "stall" => stall(rest)
                .ok_or_else(|| like("stall:LCORE@TIME=DUR, such as stall:1@1500us=30us"))?,
            "cost" => {
                cost(rest).ok_or_else(|| like("cost:LCORE:N[-M]=DUR, such as cost:1:3-9=700ns"))?
            }
            "ahead" => ahead(rest).ok_or_else(|| like("ahead:LCORE=DUR, such as ahead:1=5ms"))?,
            "drift" => drift(rest).ok_or_else(|| {
                like("drift:LCORE=PPM, 1 to 100000 or the same below zero, such as drift:1=-50")
            })?,
            "order" => order(rest).ok_or_else(|| like("order:N@TIME, such as order:1@2ms"))?,
            kind => {
                let kind = FaultKind::ALL.into_iter().find(|of| of.name() == kind);
                let kind = kind.ok_or_else(|| like(FAULT))?;
                call(kind, rest).ok_or_else(|| match kind {
                    FaultKind::Tx => like("tx:N, tx:N-M or tx:N=K, such as tx:17"),
                    FaultKind::Alloc | FaultKind::Ring => {
                        like("KIND:N or KIND:N-M, such as alloc:17 or alloc:17-20")
                    }
                })?
            }
        };
        match fault.numbers() {
            (0, _) => Err(format!("\"{text}\": the first one has number 1")),
            (first, last) if last < first => {
                Err(format!("\"{text}\": {last} comes before {first}"))
            }
            _ => Ok(fault),
        }
    }
}

impl Fault {
    /// The first and the last number that it names its place by; 1 and 1 if it names a time.
    const fn numbers(&self) -> (u64, u64) {
        match self {
            Fault::Calls { first, last } => (first.nth, *last),
            Fault::Lose { first, last, .. }
            | Fault::Peer { first, last, .. }
            | Fault::Cost { first, last, .. } => (*first, *last),
            Fault::Call(Strike { nth, .. })
            | Fault::Short { nth, .. }
            | Fault::Frame { nth, .. }
            | Fault::Back { nth, .. }
            | Fault::Order { nth, .. } => (*nth, *nth),
            Fault::Down { .. }
            | Fault::Stall { .. }
            | Fault::Ahead { .. }
            | Fault::Drift { .. } => (1, 1),
        }
    }
}

/// A number in plain digits: `parse` alone takes a sign too.
fn digits<N: FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A length of time, not zero: a fault that lasts no time is none.
fn span(text: &str) -> Option<Nanos> {
    duration(text).ok().filter(|span| *span != Nanos::ZERO)
}

fn time(text: &str) -> Option<Instant> {
    duration(text).ok().map(|span| Instant::EPOCH.saturating_add(span))
}

/// `N` or `N-M`.
fn row(text: &str) -> Option<(u64, u64)> {
    match text.split_once('-') {
        Some((first, last)) => Some((digits(first)?, digits(last)?)),
        None => digits(text).map(|nth| (nth, nth)),
    }
}

fn call(kind: FaultKind, rest: &str) -> Option<Fault> {
    if kind == FaultKind::Tx
        && let Some((nth, takes)) = rest.split_once('=')
    {
        return Some(Fault::Short { nth: digits(nth)?, takes: digits(takes)? });
    }
    let (nth, last) = row(rest)?;
    let first = Strike { kind, nth };
    Some(if rest.contains('-') { Fault::Calls { first, last } } else { Fault::Call(first) })
}

/// `PORT:…`: the name of a port, and what is behind it.
fn port(text: &str, colon: char) -> Option<(String, &str)> {
    let (port, rest) = text.rsplit_once(colon)?;
    (!port.is_empty()).then(|| (port.to_owned(), rest))
}

fn lose(rest: &str) -> Option<Fault> {
    let (port, rest) = port(rest, ':')?;
    let (first, last) = row(rest)?;
    Some(Fault::Lose { port, first, last })
}

fn between(rest: &str, way: Way) -> Option<Fault> {
    let (peer, rest) = port(rest, ':')?;
    let (first, last) = row(rest)?;
    Some(Fault::Peer { peer, way, first, last })
}

fn frame(rest: &str, harm: impl Fn(&str) -> Option<Harm>, valued: bool) -> Option<Fault> {
    let (port, rest) = port(rest, ':')?;
    let (nth, value) = match rest.split_once('=') {
        Some((nth, value)) if valued => (nth, value),
        None if !valued => (rest, ""),
        Some(_) | None => return None,
    };
    Some(Fault::Frame { port, nth: digits(nth)?, harm: harm(value)? })
}

fn back(rest: &str) -> Option<Fault> {
    let (port, rest) = port(rest, ':')?;
    let (nth, by) = rest.split_once('=')?;
    Some(Fault::Back { port, nth: digits(nth)?, by: span(by)? })
}

fn down(rest: &str) -> Option<Fault> {
    let (port, rest) = port(rest, '@')?;
    let (at, lasts) = rest.split_once('=')?;
    Some(Fault::Down { port, at: time(at)?, lasts: span(lasts)? })
}

fn stall(rest: &str) -> Option<Fault> {
    let (lcore, rest) = rest.split_once('@')?;
    let (at, lasts) = rest.split_once('=')?;
    Some(Fault::Stall { lcore: LcoreId(digits(lcore)?), at: time(at)?, lasts: span(lasts)? })
}

fn cost(rest: &str) -> Option<Fault> {
    let (lcore, rest) = rest.split_once(':')?;
    let (runs, takes) = rest.split_once('=')?;
    let (first, last) = row(runs)?;
    Some(Fault::Cost { lcore: LcoreId(digits(lcore)?), first, last, takes: span(takes)? })
}

fn ahead(rest: &str) -> Option<Fault> {
    let (lcore, by) = rest.split_once('=')?;
    Some(Fault::Ahead { lcore: LcoreId(digits(lcore)?), by: span(by)? })
}

fn drift(rest: &str) -> Option<Fault> {
    let (lcore, ppm) = rest.split_once('=')?;
    let lcore = LcoreId(digits(lcore)?);
    let by: i32 = digits(ppm.strip_prefix('-').unwrap_or(ppm))?;
    let in_range = (1..=DRIFT_MAX).contains(&by);
    in_range.then(|| Fault::Drift { lcore, ppm: if ppm.starts_with('-') { -by } else { by } })
}

fn order(rest: &str) -> Option<Fault> {
    let (nth, at) = rest.split_once('@')?;
    Some(Fault::Order { nth: digits(nth)?, at: time(at)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_written_as_it_is_read() {
        for text in [
            "alloc:1",
            "ring:17",
            "tx:18446744073709551615",
            "alloc:3-3",
            "tx:1-40",
            "tx:3=2",
            "tx:3=0",
            "lose:lan:3",
            "lose:lan:3-9",
            "mute:alice:3",
            "deaf:alice:3-9",
            "dup:wan.kni:1",
            "late:lan:2=50us",
            "flip:lan:2=0",
            "cut:lan:2=1",
            "full:lan:7",
            "down:lan@1ms=500us",
            "down:lan@0s=1ns",
            "room:lan:7=0",
            "room:lan:7=128",
            "back:lan:7=128ms",
            "stall:1@1500us=30us",
            "cost:1:17=700ns",
            "ahead:1=1ns",
            "drift:1=1",
            "drift:1=-100000",
            "drift:0=100000",
            "cost:0:3-9=1ns",
            "order:2@3s",
        ] {
            assert_eq!(text.parse::<Fault>().map(|fault| fault.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_fault_is_told_what_one_looks_like() {
        for (text, why) in [
            ("alloc", "expected alloc:N[-M], ring"),
            ("alloc:", "is no fault, expected KIND:N"),
            ("alloc:x", "is no fault"),
            ("alloc:-1", "is no fault"),
            ("alloc:+1", "is no fault"),
            ("alloc:1-", "expected KIND:N or KIND:N-M"),
            ("alloc:2=1", "expected KIND:N or KIND:N-M"),
            ("tx:2=", "expected tx:N, tx:N-M or tx:N=K"),
            ("alloc:0", "the first one has number 1"),
            ("lose:lan:0", "the first one has number 1"),
            ("alloc:2-1", "1 comes before 2"),
            ("lose:lan:7-6", "6 comes before 7"),
            ("disk:1", "\"disk:1\" is no fault, expected alloc:N[-M], ring:N[-M]"),
            ("lose:3", "expected lose:PORT:N"),
            ("lose::3", "expected lose:PORT:N"),
            ("mute:alice:0", "the first one has number 1"),
            ("deaf:alice:4-3", "3 comes before 4"),
            ("deaf:alice", "expected deaf:PEER:N"),
            ("mute::1", "expected mute:PEER:N"),
            ("dup:lan:3=1", "expected dup:PORT:N"),
            ("late:lan:3", "expected late:PORT:N=DUR"),
            ("late:lan:3=0s", "expected late:PORT:N=DUR"),
            ("flip:lan:3=-1", "expected flip:PORT:N=BIT"),
            ("cut:lan:3=0", "1 or more"),
            ("down:lan@1ms", "expected down:PORT@TIME=DUR"),
            ("stall:1@1ms=0s", "expected stall:LCORE@TIME=DUR"),
            ("stall:256@1ms=1s", "expected stall:LCORE@TIME=DUR"),
            ("back:lan:0=1s", "the first one has number 1"),
            ("back:lan:3=0s", "expected back:PORT:N=DUR"),
            ("back:3=1s", "expected back:PORT:N=DUR"),
            ("room:lan:3", "expected room:PORT:N"),
            ("room:lan:3=129", "0 to 128"),
            ("cost:1:0=1us", "the first one has number 1"),
            ("cost:1:4-3=1us", "3 comes before 4"),
            ("cost:1:4=0s", "expected cost:LCORE:N"),
            ("cost:1@4=1us", "expected cost:LCORE:N"),
            ("ahead:1=0s", "expected ahead:LCORE=DUR"),
            ("ahead:1=-1s", "expected ahead:LCORE=DUR"),
            ("drift:1=0", "1 to 100000"),
            ("drift:1=100001", "1 to 100000"),
            ("drift:1=-100001", "1 to 100000"),
            ("drift:1=+5", "expected drift:LCORE=PPM"),
            ("cost:256:4=1us", "expected cost:LCORE:N"),
            ("order:1@soon", "expected order:N@TIME"),
        ] {
            let error = text.parse::<Fault>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
