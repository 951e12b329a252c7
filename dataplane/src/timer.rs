//! Timers: when each is due and what it is for.
//!
//! A timer is data: its key comes out of [`TimerWheel::pop_due`] when its time has come, and the
//! lcore acts on it. Time is in ticks, absolute multiples of 1 ms, counted in 64 bits.
//!
//! Invariant: timers leave by due tick, then in the order in which they were armed; none leaves
//! early; [`TimerWheel::next_due`] is exact after each operation.
//! Not here: reading a clock, periodic timers (a handler arms the next turn), and random delays.
//!
//! DPVS: timer.c has two wheels of 524,288 slots and moves timers from one to the other as they
//! turn, relative to two cursors; most faults in its history are such moves. Here a timer's place
//! follows from its due tick alone, whatever the time is when it is armed.

use crate::planted::{Defect, Planted};
use crate::time::{Instant, Nanos};

/// The length of a tick (DPVS: `DPVS_TIMER_HZ` is 1000).
pub const TICK: Nanos = Nanos::from_millis(1);

/// The longest delay: 0xffff_ffff ticks, 49.7 days.
pub const MAX_DELAY: Nanos = Nanos::from_millis(0xffff_ffff);

/// What the inner wheel of DPVS holds: 2^19 ticks.
const WHEEL: Nanos = Nanos::from_millis(1 << 19);

/// The delay is longer than [`MAX_DELAY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a timer cannot be {0} ahead")]
pub struct TooFar(pub Nanos);

/// Names one armed timer. It is never reused: when the timer has fired or was cancelled, its name
/// names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId {
    entry: u32,
    sequence: u64,
}

/// All timers of an lcore.
///
/// A radix tree over the due tick, 64 slots a node. A slot is empty, a list of timers in the order
/// in which they were armed, or a node that spreads the same timers by the next six bits. A list is
/// split only when its earliest timer has to be known, so a timer that is cancelled long before has
/// cost one insertion. All timers of one tick always are in the same list: that keeps them in
/// order.
#[derive(Clone, Debug)]
pub struct TimerWheel<K> {
    /// Armed timers, and free entries between them.
    entries: Vec<Entry<K>>,
    /// The first free entry; the others follow by `next`.
    free_entries: u32,
    /// The tree; `nodes[ROOT]` is its root.
    nodes: Vec<Node>,
    /// The first free node; the others follow by the first slot's `first`.
    free_nodes: u32,
    armed: usize,
    /// The timer that leaves first, [`NONE`] if there is none.
    first: u32,
    /// Its tick, [`NEVER`] if there is none.
    earliest: u64,
    /// How many timers were ever armed.
    sequence: u64,
    planted: Planted,
}

#[derive(Clone, Copy, Debug)]
struct Entry<K> {
    due: u64,
    /// The number of the timer that is here; 0 in a free entry.
    sequence: u64,
    previous: u32,
    next: u32,
    key: K,
}

#[derive(Clone, Debug)]
struct Node {
    /// A bit for each slot that is not empty.
    used: u64,
    /// A bit for each slot that is a node of its own.
    split: u64,
    slots: [Slot; FAN],
}

/// Valid while the node's `used` has its bit: the ends of a list, or in `first` a node.
#[derive(Clone, Copy, Debug)]
struct Slot {
    first: u32,
    last: u32,
}

const BITS: u32 = 6;
const FAN: usize = 1 << BITS;
/// Levels of the tree; the root has the highest.
const LEVELS: u32 = 8;
/// The last tick whose instant 64 bits of nanoseconds can hold.
const LAST_TICK: u64 = u64::MAX / TICK.get();
const NEVER: u64 = u64::MAX;
const NONE: u32 = u32::MAX;
const ROOT: u32 = 0;

const _: () = assert!(LAST_TICK >> (BITS * LEVELS) == 0, "the tree tells all ticks apart");

impl<K: Copy> Default for TimerWheel<K> {
    fn default() -> TimerWheel<K> {
        TimerWheel::new()
    }
}

impl<K: Copy> TimerWheel<K> {
    /// No timers.
    pub fn new() -> TimerWheel<K> {
        TimerWheel {
            entries: Vec::new(),
            free_entries: NONE,
            nodes: vec![Node::EMPTY],
            free_nodes: NONE,
            armed: 0,
            first: NONE,
            earliest: NEVER,
            sequence: 0,
            planted: Planted::default(),
        }
    }

    /// The same with this defect planted, if it is one of timers.
    #[must_use]
    pub(crate) fn planted(self, planted: Planted) -> TimerWheel<K> {
        TimerWheel { planted, ..self }
    }

    /// How many timers are armed.
    pub const fn len(&self) -> usize {
        self.armed
    }

    /// Whether no timer is armed.
    pub const fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// The instant of the earliest timer, which may be in the past.
    #[inline]
    pub const fn next_due(&self) -> Option<Instant> {
        if self.earliest == NEVER { None } else { Some(instant_of(self.earliest)) }
    }

    /// Arms a timer. It is due at the first tick that is not before `now + delay` and is after
    /// `now`: never early, and less than a tick late.
    ///
    /// # Errors
    /// The delay is longer than [`MAX_DELAY`]; nothing has changed.
    // DPVS: timer.c floors the delay to milliseconds and counts from the tick that the wheel is at,
    // so a timer may fire up to 2 ms early; ours rounds up.
    pub fn arm(&mut self, now: Instant, delay: Nanos, key: K) -> Result<TimerId, TooFar> {
        if delay > MAX_DELAY {
            return Err(TooFar(delay));
        }
        let not_before = now.saturating_add(delay).as_nanos().div_ceil(TICK.get());
        let not_before = self.mistaken(not_before, delay);
        let due = not_before.max(tick_of(now) + 1).min(LAST_TICK);
        self.sequence += 1;
        let sequence = self.sequence;
        let entry = self.new_entry(Entry { due, sequence, previous: NONE, next: NONE, key });
        self.insert(entry);
        self.armed += 1;
        // At the same tick, the one that was armed before leaves before.
        if due < self.earliest {
            self.first = entry;
            self.earliest = due;
        }
        Ok(TimerId { entry, sequence })
    }

    /// The tick of a timer that should be due at `tick`: another one, if a defect is planted.
    fn mistaken(&self, tick: u64, delay: Nanos) -> u64 {
        let off = |defect| self.planted.is(defect);
        match tick {
            _ if off(Defect::TimerEarly) => tick.saturating_sub(1),
            _ if off(Defect::WheelCarry) && digit(tick, 0) == 0 => tick + FAN as u64,
            _ if off(Defect::WheelWrap) && delay > WHEEL => tick - (1 << 19),
            _ => tick,
        }
    }

    /// Forgets a timer. False if it has fired or was cancelled before, which is no fault.
    pub fn cancel(&mut self, id: TimerId) -> bool {
        match self.entries.get(index(id.entry)) {
            Some(entry) if entry.sequence == id.sequence => {
                if !self.planted.is(Defect::CancelledFires) {
                    self.remove(id.entry);
                }
                true
            }
            _ => false,
        }
    }

    /// Takes the first timer that is due at `upto` or before, and its instant.
    ///
    /// Timers armed between two calls join in at their place: one whose tick is not after `upto`
    /// leaves in the same drain.
    pub fn pop_due(&mut self, upto: Instant) -> Option<(Instant, K)> {
        let upto = tick_of(upto);
        if self.earliest > upto {
            return None;
        }
        let due = self.earliest;
        let Entry { key, .. } = self.entries[index(self.first)];
        self.remove(self.first);
        Some((instant_of(due), key))
    }

    /// Appends an entry to the list of its tick.
    fn insert(&mut self, entry: u32) {
        let due = self.entries[index(entry)].due;
        let (mut node, mut level) = (ROOT, LEVELS - 1);
        loop {
            let slot = digit(due, level);
            let here = &self.nodes[index(node)];
            if here.split & (1 << slot) == 0 {
                return self.append(node, slot, entry);
            }
            node = here.slots[slot].first;
            level -= 1;
        }
    }

    /// Appends an entry to the list in `slot`, or starts one.
    fn append(&mut self, node: u32, slot: usize, entry: u32) {
        let here = &mut self.nodes[index(node)];
        if here.used & (1 << slot) == 0 {
            here.used |= 1 << slot;
            here.slots[slot] = Slot { first: entry, last: entry };
        } else {
            let last = here.slots[slot].last;
            here.slots[slot].last = entry;
            self.entries[index(last)].next = entry;
            self.entries[index(entry)].previous = last;
        }
    }

    /// Takes an entry out of its list and frees it.
    fn remove(&mut self, entry: u32) {
        let Entry { due, previous, next, .. } = self.entries[index(entry)];
        if previous != NONE {
            self.entries[index(previous)].next = next;
        }
        if next != NONE {
            self.entries[index(next)].previous = previous;
        }
        if previous == NONE || next == NONE {
            self.move_ends(due, previous, next);
        }
        let free = &mut self.entries[index(entry)];
        free.sequence = 0;
        free.next = self.free_entries;
        self.free_entries = entry;
        self.armed -= 1;
        if entry == self.first {
            self.first = self.find_first();
            self.earliest = match self.entries.get(index(self.first)) {
                Some(first) => first.due,
                None => NEVER,
            };
        }
    }

    /// After the entry between `previous` and `next` has left the list of tick `due`: updates the
    /// ends of the list, and frees the nodes that have become empty.
    fn move_ends(&mut self, due: u64, previous: u32, next: u32) {
        let mut path = [ROOT; LEVELS as usize];
        let mut level = LEVELS - 1;
        loop {
            let node = path[index(level)];
            let slot = digit(due, level);
            let here = &mut self.nodes[index(node)];
            if here.split & (1 << slot) == 0 {
                if previous == NONE && next == NONE {
                    return self.clear(&path, level, due);
                }
                let ends = &mut here.slots[slot];
                if previous == NONE {
                    ends.first = next;
                }
                if next == NONE {
                    ends.last = previous;
                }
                return;
            }
            level -= 1;
            path[index(level)] = here.slots[slot].first;
        }
    }

    /// Empties a slot at `level`, and above it each node that this leaves empty. The root stays.
    fn clear(&mut self, path: &[u32; LEVELS as usize], level: u32, due: u64) {
        for level in level..LEVELS {
            let node = path[index(level)];
            let here = &mut self.nodes[index(node)];
            let bit = 1 << digit(due, level);
            here.used &= !bit;
            here.split &= !bit;
            if here.used != 0 || node == ROOT {
                return;
            }
            here.slots[0].first = self.free_nodes;
            self.free_nodes = node;
        }
    }

    /// The timer that leaves first. On its way down, splits lists until it finds one whose timers
    /// are due at one tick, or that has one timer only.
    fn find_first(&mut self) -> u32 {
        if self.armed == 0 {
            return NONE;
        }
        let (mut node, mut level) = (ROOT, LEVELS - 1);
        loop {
            let here = &self.nodes[index(node)];
            let slot = here.used.trailing_zeros();
            let Slot { first, last } = here.slots[index(slot)];
            if here.split & (1 << slot) != 0 {
                node = first;
            } else if level == 0 || first == last {
                return first;
            } else {
                node = self.split(node, index(slot), level - 1);
            }
            level -= 1;
        }
    }

    /// Turns the list in `slot` into a node at `level`, and returns it.
    fn split(&mut self, node: u32, slot: usize, level: u32) -> u32 {
        let child = self.new_node();
        let here = &mut self.nodes[index(node)];
        let mut entry = here.slots[slot].first;
        here.split |= 1 << slot;
        here.slots[slot].first = child;
        while entry != NONE {
            let moved = &mut self.entries[index(entry)];
            let (due, next) = (moved.due, moved.next);
            moved.previous = NONE;
            moved.next = NONE;
            self.append(child, digit(due, level), entry);
            entry = next;
        }
        child
    }

    fn new_entry(&mut self, entry: Entry<K>) -> u32 {
        if self.free_entries == NONE {
            self.entries.push(entry);
            return last_index(self.entries.len());
        }
        let place = self.free_entries;
        let free = &mut self.entries[index(place)];
        assert!(free.sequence == 0, "a free entry holds no timer");
        self.free_entries = free.next;
        *free = entry;
        place
    }

    fn new_node(&mut self) -> u32 {
        if self.free_nodes == NONE {
            self.nodes.push(Node::EMPTY);
            return last_index(self.nodes.len());
        }
        let place = self.free_nodes;
        let free = &mut self.nodes[index(place)];
        assert!(free.used == 0, "a free node holds no timer");
        self.free_nodes = free.slots[0].first;
        place
    }
}

impl Node {
    const EMPTY: Node = Node { used: 0, split: 0, slots: [Slot { first: NONE, last: NONE }; FAN] };
}

/// The tick that `now` is in.
#[inline]
const fn tick_of(now: Instant) -> u64 {
    now.as_nanos() / TICK.get()
}

/// The instant at which `tick`, which is not after [`LAST_TICK`], begins.
#[inline]
const fn instant_of(tick: u64) -> Instant {
    Instant::from_nanos(tick.saturating_mul(TICK.get()))
}

/// The slot of tick `due` in a node at `level`.
#[inline]
const fn digit(due: u64, level: u32) -> usize {
    ((due >> (BITS * level)) & 63) as usize
}

#[inline]
const fn index(number: u32) -> usize {
    number as usize
}

/// The index of the last of `len` elements.
fn last_index(len: usize) -> u32 {
    match u32::try_from(len - 1) {
        Ok(last) if last != NONE => last,
        _ => unreachable!("2^32 timers need more memory than an lcore has"),
    }
}

#[cfg(test)]
mod tests {
    mod model;

    use super::*;
    use proptest::prelude::*;

    fn ns(n: u64) -> Instant {
        Instant::from_nanos(n)
    }

    fn ms(n: u64) -> Instant {
        Instant::EPOCH.saturating_add(Nanos::from_millis(n))
    }

    fn after_ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    /// All that is due, as milliseconds and keys.
    fn drain(wheel: &mut TimerWheel<u32>, upto: Instant) -> Vec<(u64, u32)> {
        let mut popped = Vec::new();
        while let Some((due, key)) = wheel.pop_due(upto) {
            popped.push((due.as_nanos() / 1_000_000, key));
        }
        popped
    }

    #[test]
    fn a_timer_waits_for_the_first_tick_not_before_its_time() {
        // (armed at, delay, due), all in nanoseconds.
        for (now, delay, due) in [
            (0, 0, 1_000_000), // at least one tick
            (0, 1, 1_000_000), // B75: DPVS floors to 0 ms and complains
            (0, 999_999, 1_000_000),
            (0, 1_000_000, 1_000_000),
            (0, 1_000_001, 2_000_000), // B75: DPVS fires 1 ns early
            (999_999, 0, 1_000_000),
            (999_999, 1, 1_000_000),
            (999_999, 2, 2_000_000),
            (1_000_000, 0, 2_000_000), // the tick of now has begun: the next
            (1_500_000, 300_000, 2_000_000),
            (1_500_000, 1_000_000, 3_000_000), // DPVS fires at 2 ms, half a tick early
        ] {
            let mut wheel = TimerWheel::new();
            wheel.arm(ns(now), Nanos::new(delay), ()).unwrap();
            assert_eq!(wheel.next_due(), Some(ns(due)), "{delay} ns after {now}");
            assert_eq!(wheel.pop_due(ns(due - 1)), None);
            assert_eq!(wheel.pop_due(ns(due)), Some((ns(due), ())));
            assert_eq!(wheel.next_due(), None);
        }
    }

    #[test]
    fn timers_of_one_tick_leave_in_the_order_in_which_they_were_armed() {
        // Due at 70 s, armed at times that DPVS would have sorted by level and cascade.
        let mut wheel = TimerWheel::new();
        for (key, armed_at) in [0, 1, 69_000, 69_936, 69_999].into_iter().enumerate() {
            let now = ms(armed_at);
            assert_eq!(drain(&mut wheel, now), []);
            let key = u32::try_from(key).unwrap();
            wheel.arm(now, after_ms(70_000 - armed_at), key).unwrap();
        }
        let expected = [(70_000, 0), (70_000, 1), (70_000, 2), (70_000, 3), (70_000, 4)];
        assert_eq!(drain(&mut wheel, ms(70_000)), expected);
    }

    #[test]
    fn the_longest_delay_is_kept_and_one_more_is_refused() {
        let now = ns(123);
        let mut wheel = TimerWheel::new();
        let one_more = MAX_DELAY + Nanos::new(1);
        assert_eq!(wheel.arm(now, one_more, ()), Err(TooFar(one_more)));
        assert_eq!((wheel.len(), wheel.next_due()), (0, None), "nothing has changed");
        wheel.arm(now, MAX_DELAY, ()).unwrap();
        let due = ms(0xffff_ffff + 1);
        assert_eq!(wheel.pop_due(ns(due.as_nanos() - 1)), None);
        assert_eq!(wheel.pop_due(due), Some((due, ())));
    }

    #[test]
    fn time_does_not_wrap_after_49_days() {
        // B73: DPVS counts milliseconds in 32 bits.
        let day_50 = ms(1 << 32);
        let mut wheel = TimerWheel::new();
        wheel.arm(ns(day_50.as_nanos() - 1), after_ms(0), 1).unwrap();
        wheel.arm(ns(day_50.as_nanos() - 1), after_ms(1), 2).unwrap();
        assert_eq!(drain(&mut wheel, day_50), [(1 << 32, 1)]);
        assert_eq!(drain(&mut wheel, ms((1 << 32) + 1)), [((1 << 32) + 1, 2)]);
    }

    #[test]
    fn the_last_tick_of_time_is_a_tick() {
        let mut wheel = TimerWheel::new();
        wheel.arm(Instant::MAX, after_ms(10), 7).unwrap();
        wheel.arm(ns(u64::MAX - 1_000_000), MAX_DELAY, 8).unwrap();
        assert_eq!(wheel.next_due(), Some(ms(LAST_TICK)));
        assert_eq!(drain(&mut wheel, Instant::MAX), [(LAST_TICK, 7), (LAST_TICK, 8)]);
    }

    // 56b4aefb
    #[test]
    fn a_name_is_good_for_one_timer_only() {
        let mut wheel = TimerWheel::new();
        let first = wheel.arm(ms(0), after_ms(5), 1).unwrap();
        assert!(wheel.cancel(first));
        assert!(!wheel.cancel(first));
        let second = wheel.arm(ms(0), after_ms(5), 2).unwrap();
        assert_eq!(second.entry, first.entry, "the place is used again");
        assert!(!wheel.cancel(first), "the old name does not hit the new timer");
        assert_eq!(drain(&mut wheel, ms(5)), [(5, 2)]);
        assert!(!wheel.cancel(second), "it has fired");
        let foreign = TimerId { entry: 99, sequence: 1 };
        assert!(!wheel.cancel(foreign));
    }

    // B72, B74, 843f76ca, 1915057c, 56b4aefb
    #[test]
    fn a_handler_may_cancel_itself_the_next_one_and_arm_anew() {
        // DPVS fixed each of these once: a lock taken twice, a freed "next", a freed self.
        let mut wheel = TimerWheel::new();
        let ids = [0, 1, 2, 3].map(|key| wheel.arm(ms(0), after_ms(10), key).unwrap());
        assert_eq!(wheel.pop_due(ms(12)), Some((ms(10), 0)));
        assert!(!wheel.cancel(ids[0]), "itself");
        assert!(wheel.cancel(ids[1]), "the next of its tick");
        assert!(wheel.cancel(ids[3]), "the last of its tick");
        wheel.arm(ms(10), after_ms(1), 10).unwrap();
        wheel.arm(ms(10), after_ms(2), 20).unwrap();
        wheel.arm(ms(10), after_ms(3), 30).unwrap();
        assert_eq!(wheel.len(), 4);
        assert_eq!(drain(&mut wheel, ms(12)), [(10, 2), (11, 10), (12, 20)], "same drain, if due");
        assert_eq!(drain(&mut wheel, ms(13)), [(13, 30)]);
    }

    // b1dbccf7
    #[test]
    fn a_handler_that_arms_for_the_past_is_served_before_what_is_later() {
        let mut wheel = TimerWheel::new();
        wheel.arm(ms(0), after_ms(10), 1).unwrap();
        wheel.arm(ms(0), after_ms(90), 2).unwrap();
        assert_eq!(wheel.pop_due(ms(100)), Some((ms(10), 1)));
        // It is late, and reckons from the time when it was due.
        wheel.arm(ms(10), after_ms(30), 3).unwrap();
        assert_eq!(drain(&mut wheel, ms(100)), [(40, 3), (90, 2)]);
        wheel.arm(ms(10), after_ms(30), 4).unwrap();
        assert_eq!(wheel.next_due(), Some(ms(40)), "even after the drain");
        assert_eq!(drain(&mut wheel, ms(100)), [(40, 4)]);
    }

    // f9e7422e, 87fbf8dc
    #[test]
    fn long_timers_are_exact_at_every_offset_from_the_wrap_of_a_dpvs_wheel() {
        // B71: a wheel of DPVS wraps every 524,288 ticks; what a handler armed at that tick fired
        // 524.288 s early. Each timer here arms itself anew in its handler, ten times.
        const WRAP: u64 = 524_288;
        for start in [0, 1, 63, 64, 4_095, 4_096, 300_007, WRAP - 1, WRAP, WRAP + 1, 3 * WRAP] {
            let mut wheel = TimerWheel::new();
            let mut expected = Vec::new();
            for delay in [523_000, WRAP - 1, WRAP, 525_000, 1_050_000] {
                wheel.arm(ms(start), after_ms(delay), delay).unwrap();
                expected.extend((1..=10).map(|turn| start + turn * delay));
            }
            expected.sort_unstable();
            let mut fired = Vec::new();
            while let Some(due) = wheel.next_due() {
                let (at, delay) = wheel.pop_due(due).unwrap();
                assert_eq!(at, due);
                fired.push(at.as_nanos() / 1_000_000);
                if at < ms(start + 10 * delay) {
                    wheel.arm(at, after_ms(delay), delay).unwrap();
                }
            }
            assert_eq!(fired, expected, "armed at {start} ms");
        }
    }

    #[test]
    fn a_drained_wheel_keeps_no_node_but_the_root() {
        let mut wheel = TimerWheel::new();
        for turn in 0..3 {
            for n in 0..5_000_u32 {
                let delay = u64::from(n).wrapping_mul(2_654_435_761) % 2_000_000;
                wheel.arm(ms(turn * 2_000_000), after_ms(delay), n).unwrap();
            }
            assert_eq!(drain(&mut wheel, ms((turn + 1) * 2_000_000)).len(), 5_000);
            assert_eq!(wheel.entries.len(), 5_000, "entries are used again");
            assert_eq!(wheel.nodes[0].used, 0);
            let mut free = 0;
            let mut node = wheel.free_nodes;
            while node != NONE {
                free += 1;
                node = wheel.nodes[index(node)].slots[0].first;
            }
            assert_eq!(free, wheel.nodes.len() - 1);
        }
    }

    fn spans() -> impl Strategy<Value = Nanos> {
        let edges = (0..31_u32, -2..=2_i64)
            .prop_map(|(bit, off)| Nanos::from_millis((1_u64 << bit).saturating_add_signed(off)));
        let dpvs = prop::sample::select(vec![523_000, 524_287, 524_288, 525_000, 1_050_000]);
        prop_oneof![
            4 => (0..5_000_000_u64).prop_map(Nanos::new),
            4 => (0..200_u64).prop_map(Nanos::from_millis),
            2 => (0..70_000_000_000_u64).prop_map(Nanos::new),
            2 => dpvs.prop_map(Nanos::from_millis),
            2 => edges,
            1 => (0..=MAX_DELAY.get()).prop_map(Nanos::new),
        ]
    }

    proptest! {
        // 87fbf8dc
        #[test]
        fn a_timer_is_never_early_and_less_than_a_tick_late(now: u64, delay in spans()) {
            let now = ns(now / 2);
            let mut wheel = TimerWheel::new();
            wheel.arm(now, delay, ()).unwrap();
            let due = wheel.next_due().unwrap();
            prop_assert_eq!(due.floor_to(TICK), due);
            prop_assert!(due > now);
            let wanted = now + delay;
            prop_assert!(due >= wanted);
            prop_assert!(due - wanted < TICK || (delay == Nanos::ZERO && due - wanted == TICK));
        }
    }
}
