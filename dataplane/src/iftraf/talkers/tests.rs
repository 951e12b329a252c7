use super::*;
use crate::rng::Rng;
use Direction::{In, Out};

/// The same by brute force: every sample is kept, and all is counted anew at each look.
#[derive(Default)]
struct Model {
    room: usize,
    samples: Vec<(u64, u8, Direction, u64)>,
}

impl Model {
    fn add(&mut self, key: u8, direction: Direction, bytes: u64, slot: u64) -> bool {
        let live = self.keys(slot);
        let full = live.len() >= self.room && !live.contains(&key);
        if full {
            let last = |key| self.samples.iter().rposition(|sample| sample.1 == key);
            let oldest = live.into_iter().min_by_key(|key| last(*key)).unwrap();
            self.samples.retain(|sample| sample.1 != oldest);
        }
        self.samples.push((slot, key, direction, bytes));
        full
    }

    /// Who was sampled within the history.
    fn keys(&self, slot: u64) -> Vec<u8> {
        let live = self.samples.iter().filter(|sample| sample.0 + SLOTS > slot);
        let mut keys: Vec<u8> = live.map(|sample| sample.1).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn top(&self, slot: u64) -> Vec<Talker<u8>> {
        let sum = |key, way| {
            let mine = self.samples.iter().filter(|s| (s.1, s.2) == (key, way));
            mine.filter(|s| s.0 + SLOTS > slot).map(|s| s.3).sum()
        };
        let talker = |key| Talker { key, recv: sum(key, In), sent: sum(key, Out) };
        let mut all: Vec<_> = self.keys(slot).into_iter().map(talker).collect();
        // Stable: those that talk as much stay in the order of their keys.
        all.sort_by_key(|talker| Reverse(talker.recv + talker.sent));
        all.truncate(TOP);
        all
    }
}

#[test]
#[cfg_attr(miri, ignore = "minutes there")]
fn a_history_is_what_counting_every_sample_anew_comes_to() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let room = 1 + rng.below(30);
        let keys = 1 + rng.below(40);
        let mut talkers = Talkers::new(u32::try_from(room).unwrap());
        let mut model = Model { room: usize::try_from(room).unwrap(), samples: vec![] };
        let mut slot = rng.below(100);
        for step in 0..200 {
            // Mostly the same slot, often the next, sometimes a whole history later.
            slot += match rng.below(10) {
                0..6 => 0,
                6..9 => 1,
                _ => rng.below(70),
            };
            let key = u8::try_from(rng.below(keys)).unwrap();
            let direction = if rng.below(2) == 0 { In } else { Out };
            let bytes = rng.below(4);
            let evicted = talkers.add(key, direction, bytes, slot);
            assert_eq!(evicted, model.add(key, direction, bytes, slot), "seed {seed} step {step}");
            let look = slot + rng.below(40);
            assert_eq!(talkers.top(look, |_| true), model.top(look), "seed {seed} step {step}");
            assert!(talkers.len() <= talkers.room);
            assert_eq!(talkers.len(), talkers.ages.len());
        }
    }
}

#[test]
fn a_sample_counts_for_thirty_slots_and_no_longer() {
    let mut talkers = Talkers::new(8);
    talkers.add('a', In, 100, 7);
    talkers.add('a', Out, 5, 8);
    let seen = |slot| talkers.top(slot, |_| true).first().map(|t| (t.recv, t.sent));
    assert_eq!(seen(36), Some((100, 5)));
    assert_eq!(seen(37), Some((0, 5)));
    assert_eq!(seen(38), None);
}

#[test]
fn a_full_table_gives_up_the_one_that_was_silent_longest() {
    let mut talkers = Talkers::new(2);
    assert!(!talkers.add('a', In, 900, 0));
    assert!(!talkers.add('b', In, 1, 0));
    assert!(!talkers.add('a', In, 1, 0), "at the limit");
    assert!(talkers.add('c', In, 1, 0), "one over");
    let keys: Vec<_> = talkers.top(0, |_| true).iter().map(|t| t.key).collect();
    assert_eq!(keys, ['a', 'c']);
}

// B85
#[test]
fn who_is_too_old_makes_room_without_being_counted_as_given_up() {
    let mut talkers = Talkers::new(2);
    talkers.add('a', In, 1, 0);
    talkers.add('b', In, 1, 29);
    assert!(!talkers.add('c', In, 1, 30), "a is over");
    assert!(talkers.add('d', In, 1, 58), "b is not");
    assert_eq!(talkers.len(), 2);
}

#[test]
fn twenty_are_shown_and_those_that_talk_as_much_come_by_key() {
    let mut talkers = Talkers::new(64);
    for key in (0..40u8).rev() {
        talkers.add(key, if key % 2 == 0 { In } else { Out }, u64::from(key / 10), 0);
    }
    let keys: Vec<u8> = talkers.top(0, |_| true).iter().map(|t| t.key).collect();
    assert_eq!(keys, (30..40).chain(20..30).collect::<Vec<_>>());
    let odd = talkers.top(0, |key| key % 2 == 1);
    assert_eq!((odd.len(), odd[0].key, odd[0].sent), (20, 31, 3));
}

#[test]
fn totals_have_64_bits() {
    let mut talkers = Talkers::new(1);
    for _ in 0..2 {
        talkers.add((), In, u64::from(u32::MAX), 0);
    }
    assert_eq!(talkers.top(0, |()| true)[0].recv, 8_589_934_590);
}
