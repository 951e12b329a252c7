//! What is tried, in which order.
//!
//! Invariant: each pass leaves the case smaller in its own measure, and no larger in that of another; so
//! the rounds come to an end. How long the run takes is no measure: without an `until` it may take longer.

use super::ddmin::ddmin;
use super::groups::{Key, Level, key};
use super::{Shrinker, Stop, fields, first_asked, renumber, tables, times};
use crate::bundle::{Case, CaseInput};
use crate::fabric::Fabric;
use crate::fault::{Fault, Strike};
use dataplane::Nanos;
use std::collections::BTreeMap;

/// A frame of a case: which input, and which of its frames.
pub(super) type At = (usize, usize);

/// One way to make a frame simpler.
type Edit = fn(&[u8]) -> Option<Vec<u8>>;

const EDITS: [Edit; 4] =
    [fields::with_zeros, fields::with_plain_tos, fields::with_plain_ttl, fields::with_plain_id];

impl<F: Fabric> Shrinker<'_, F> {
    /// All passes, until none of them finds anything.
    pub(super) fn rounds(&mut self) -> Result<(), Stop> {
        self.asked()?;
        loop {
            let before = self.best.case.clone();
            self.faults()?;
            self.frames()?;
            self.lcores()?;
            self.tables()?;
            self.times()?;
            self.payloads()?;
            self.fields()?;
            if self.best.case == before {
                return Ok(());
            }
        }
    }

    /// Of all that the user calls a failure, what happened first in the list. So the case stays one of
    /// the same drop.
    fn asked(&mut self) -> Result<(), Stop> {
        let mut said = self.best.breaches.iter();
        let why = said.find(|breach| breach.oracle == self.how.oracle).map(|breach| &breach.why);
        let asked = &self.best.case.asked;
        let only = why.and_then(|why| first_asked(asked, why)).cloned();
        let is_asked = self.how.oracle == crate::asked::ORACLE;
        let candidates = match only.filter(|_| is_asked) {
            Some(only) => vec![only],
            None => Vec::new(),
        };
        let case = Case { asked: candidates, ..self.best.case.clone() };
        self.attempt(case)?;
        Ok(())
    }

    fn faults(&mut self) -> Result<(), Stop> {
        self.trying = "fewer faults";
        let base = self.best.case.clone();
        let pick = |kept: &[usize]| -> Vec<Fault> {
            kept.iter().map(|index| base.faults[*index].clone()).collect()
        };
        let mut test = |kept: &[usize]| self.attempt(Case { faults: pick(kept), ..base.clone() });
        ddmin(base.faults.len(), &mut test)?;
        // Which call it is that fails depends on the frames before it: an early one needs few.
        for index in 0..self.best.case.faults.len() {
            for fault in less(&self.best.case.faults[index]) {
                let mut case = self.best.case.clone();
                case.faults[index] = fault;
                if self.attempt(case)? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn frames(&mut self) -> Result<(), Stop> {
        self.trying = "fewer frames";
        for level in Level::ALL {
            let base = self.best.case.clone();
            let groups = groups(&base, level);
            let mut test = |kept: &[usize]| {
                let frames = kept.iter().flat_map(|group| groups[*group].iter().copied());
                self.attempt(with_frames(&base, &frames.collect::<Vec<_>>()))
            };
            ddmin(groups.len(), &mut test)?;
        }
        let mut case = self.best.case.clone();
        case.inputs.retain(|input| !input.frames.is_empty());
        self.attempt(case)?;
        Ok(())
    }

    /// Plain workers, as few as will do.
    fn lcores(&mut self) -> Result<(), Stop> {
        self.trying = "fewer lcores";
        let named = self.best.case.tables.contains_key("lcore");
        let most = self.best.lcores.saturating_sub(if named { 1 } else { 2 });
        for workers in 1..=most {
            let tables = tables::with_workers(&self.best.case.tables, workers);
            if self.attempt(Case { tables, ..self.best.case.clone() })? {
                break;
            }
        }
        Ok(())
    }

    fn tables(&mut self) -> Result<(), Stop> {
        self.trying = "fewer tables";
        for (list, len) in tables::lists(&self.best.case.tables) {
            let base = self.best.case.clone();
            let mut test = |kept: &[usize]| {
                let tables = tables::with_only(&base.tables, &list, kept);
                self.attempt(Case { tables, ..base.clone() })
            };
            ddmin(len, &mut test)?;
        }
        let mut index = 0;
        while let Some(path) = tables::parts(&self.best.case.tables).get(index) {
            let Some(tables) = tables::without(&self.best.case.tables, path) else {
                index += 1;
                continue;
            };
            if !self.attempt(Case { tables, ..self.best.case.clone() })? {
                index += 1;
            }
        }
        Ok(())
    }

    fn times(&mut self) -> Result<(), Stop> {
        self.trying = "shorter times";
        let base = self.best.case.clone();
        let moments = times::moments(&base);
        let gaps = times::gaps(&moments);
        let mut test = |kept: &[usize]| {
            let mut new = vec![0; gaps.len()];
            kept.iter().for_each(|index| new[*index] = gaps[*index]);
            self.attempt(times::with_gaps(&base, &moments, &new))
        };
        ddmin(gaps.len(), &mut test)?;
        let base = self.best.case.clone();
        let moments = times::moments(&base);
        let mut gaps = times::gaps(&moments);
        for index in 0..gaps.len() {
            let old = gaps[index];
            for new in times::simpler(old) {
                gaps[index] = new;
                if self.attempt(times::with_gaps(&base, &moments, &gaps))? {
                    break;
                }
                gaps[index] = old;
            }
        }
        Ok(())
    }

    /// As little payload as will do: none of any frame, or each as short as can be.
    fn payloads(&mut self) -> Result<(), Stop> {
        self.trying = "shorter frames";
        if self.edit_all(|frame| fields::with_payload(frame, 0))? {
            return Ok(());
        }
        for at in all_frames(&self.best.case) {
            let Some(len) = fields::payload_len(frame(&self.best.case, at)) else { continue };
            // Padding goes even if no payload can.
            self.edit(at, |frame| fields::with_payload(frame, len))?;
            if self.edit(at, |frame| fields::with_payload(frame, 0))? {
                continue;
            }
            let (mut too_short, mut enough) = (0, len);
            while enough - too_short > 1 {
                let middle = too_short + (enough - too_short) / 2;
                match self.edit(at, |frame| fields::with_payload(frame, middle))? {
                    true => enough = middle,
                    false => too_short = middle,
                }
            }
        }
        Ok(())
    }

    fn fields(&mut self) -> Result<(), Stop> {
        self.trying = "simpler frames";
        for edit in EDITS {
            if self.edit_all(edit)? {
                continue;
            }
            for at in all_frames(&self.best.case) {
                self.edit(at, edit)?;
            }
        }
        Ok(())
    }

    /// Edits one frame. Whether it could be edited, and did.
    fn edit(&mut self, at: At, edit: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Result<bool, Stop> {
        let Some(new) = edit(frame(&self.best.case, at)) else { return Ok(false) };
        let mut case = self.best.case.clone();
        case.inputs[at.0].frames[at.1].1 = new;
        self.attempt(case)
    }

    /// Edits all frames that can be edited. Whether that did.
    fn edit_all(&mut self, edit: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Result<bool, Stop> {
        let mut case = self.best.case.clone();
        for (_, frame) in case.inputs.iter_mut().flat_map(|input| &mut input.frames) {
            if let Some(new) = edit(frame) {
                *frame = new;
            }
        }
        self.attempt(case)
    }
}

/// Faults that are less than this one, the least first: fewer calls or frames in a row, for a shorter
/// time, earlier in the run.
fn less(fault: &Fault) -> Vec<Fault> {
    match fault {
        Fault::Call(Strike { kind, nth }) => {
            earlier(*nth).map(|nth| Fault::Call(Strike { kind: *kind, nth })).collect()
        }
        Fault::Calls { first, last } => {
            let one = |nth| Fault::Call(Strike { nth, ..*first });
            let row = |(nth, last)| Fault::Calls { first: Strike { nth, ..*first }, last };
            let ends = [one(first.nth), one(*last)].into_iter();
            ends.chain(halves(first.nth, *last).into_iter().map(row)).collect()
        }
        Fault::Short { nth, takes } => {
            earlier(*nth).map(|nth| Fault::Short { nth, takes: *takes }).collect()
        }
        Fault::Lose { port, first, last } => {
            let row = |(first, last)| Fault::Lose { port: port.clone(), first, last };
            rows(*first, *last).map(row).collect()
        }
        Fault::Peer { peer, way, first, last } => {
            let row = |(first, last)| Fault::Peer { peer: peer.clone(), way: *way, first, last };
            rows(*first, *last).map(row).collect()
        }
        Fault::Frame { .. } | Fault::Order { .. } => Vec::new(),
        Fault::Back { port, nth, by } => {
            let less = |by| Fault::Back { port: port.clone(), nth: *nth, by };
            shorter(*by).map(less).collect()
        }
        Fault::Down { port, at, lasts } => {
            let less = |lasts| Fault::Down { port: port.clone(), at: *at, lasts };
            shorter(*lasts).map(less).collect()
        }
        Fault::Cost { lcore, first, last, takes } => {
            let of = |first, last, takes| Fault::Cost { lcore: *lcore, first, last, takes };
            let rows = rows(*first, *last).map(|(from, to)| of(from, to, *takes));
            rows.chain(shorter(*takes).map(|takes| of(*first, *last, takes))).collect()
        }
        Fault::Ahead { lcore, by } => {
            let less = |by| Fault::Ahead { lcore: *lcore, by };
            shorter(*by).map(less).collect()
        }
        Fault::Drift { lcore, ppm } => {
            let less = |by: u64| {
                let by = i32::try_from(by).unwrap_or(i32::MAX);
                Fault::Drift { lcore: *lcore, ppm: if *ppm < 0 { -by } else { by } }
            };
            earlier(u64::from(ppm.unsigned_abs())).map(less).collect()
        }
        Fault::Stall { lcore, at, lasts } => {
            let less = |lasts| Fault::Stall { lcore: *lcore, at: *at, lasts };
            shorter(*lasts).map(less).collect()
        }
    }
}

/// Numbers before this one, the smallest first.
fn earlier(nth: u64) -> impl Iterator<Item = u64> {
    let powers = (0..u64::BITS).map(|bit| 1u64 << bit);
    let steps = powers.flat_map(|power| [power, power + power / 2]);
    let mut nths: Vec<u64> = steps.take_while(|step| *step < nth).collect();
    nths.dedup();
    nths.into_iter()
}

/// Times that are shorter than this one, the shortest first.
fn shorter(span: Nanos) -> impl Iterator<Item = Nanos> {
    earlier(span.get()).map(Nanos::new)
}

/// Rows that are less than a row of numbers: each end alone, then the halves.
fn rows(first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> {
    let ends = [(first, first), (last, last)].into_iter().filter(move |_| first < last);
    ends.chain(halves(first, last))
}

/// The first half of a row of numbers, and the second; nothing if they are no rows.
fn halves(first: u64, last: u64) -> Vec<(u64, u64)> {
    let middle = first + (last - first) / 2;
    let halves = [(first, middle), (middle + 1, last)];
    halves.into_iter().filter(|(from, to)| from < to).collect()
}

/// All frames of a case.
fn all_frames(case: &Case) -> Vec<At> {
    let inputs = case.inputs.iter().enumerate();
    inputs.flat_map(|(i, input)| (0..input.frames.len()).map(move |f| (i, f))).collect()
}

fn frame(case: &Case, (input, frame): At) -> &[u8] {
    &case.inputs[input].frames[frame].1
}

/// The groups of frames, in the order of their first ones.
fn groups(case: &Case, level: Level) -> Vec<Vec<At>> {
    let mut numbers: BTreeMap<Key, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<At>> = Vec::new();
    let mut all = all_frames(case);
    // In order of time, over all ports: neighbours in time are often needed together.
    all.sort_by_key(|at| (case.inputs[at.0].frames[at.1].0, *at));
    for (number, at) in all.into_iter().enumerate() {
        let key = key(level, frame(case, at), number);
        let group = *numbers.entry(key).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}

/// The case with only these frames, and the faults that find something among them.
fn with_frames(case: &Case, kept: &[At]) -> Case {
    let mut kept = kept.to_vec();
    kept.sort_unstable();
    let faults = renumber::faults(case, &kept);
    let inputs = case.inputs.iter().enumerate().map(|(i, input)| {
        let ours = kept.iter().filter(|(input, _)| *input == i);
        let frames = ours.map(|(_, f)| input.frames[*f].clone()).collect();
        CaseInput { port: input.port.clone(), frames }
    });
    let (tables, asked) = (case.tables.clone(), case.asked.clone());
    Case { inputs: inputs.collect(), tables, faults, asked }
}
