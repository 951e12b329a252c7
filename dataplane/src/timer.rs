//! Timers: when each is due and what it is for.
//!
//! A timer is data: its key comes out of [`TimerWheel::pop_due`] when its time has come, and the
//! lcore acts on it. Time is in ticks, absolute multiples of 1 ms, counted in 64 bits.
//!
//! Invariant: timers leave by due tick, then in the order in which they were armed; none leaves
//! early; [`TimerWheel::next_due`] is exact after each operation.
//! Not here: reading a clock, periodic timers (a handler arms the next turn), and random delays.
//!
//! DPVS: timer.c has two wheels of 524,288 slots and moves timers from one to the other as it turns,
//! relative to two cursors; each fault in its history is one of these moves. Here a timer's place
//! follows from its due tick alone, whatever the time is when it is armed.

use crate::time::{Instant, Nanos};

/// The length of a tick (DPVS: `DPVS_TIMER_HZ` is 1000).
pub const TICK: Nanos = Nanos::from_millis(1);

/// The longest delay: 0xffff_ffff ticks, 49.7 days.
pub const MAX_DELAY: Nanos = Nanos::from_millis(0xffff_ffff);

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
/// in which they were armed, or a node that spreads the same timers by the next six bits. Lists are
/// split only when the earliest timer of one has to be known, so a timer that is cancelled early has
/// cost one list insertion. All timers of one tick always are in the same list: that keeps them in
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
    /// The tick up to which the wheel has turned.
    cursor: u64,
    /// How many timers were ever armed.
    sequence: u64,
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

const _: () = assert!(
    LAST_TICK >> (BITS * LEVELS) == 0,
    "the tree tells all ticks apart"
);

impl<K: Copy> Default for TimerWheel<K> {
    fn default() -> TimerWheel<K> {
        TimerWheel::new()
    }
}

impl<K: Copy> TimerWheel<K> {
    /// No timers; the wheel stands at the epoch.
    pub fn new() -> TimerWheel<K> {
        TimerWheel::starting_at(Instant::EPOCH)
    }

    /// No timers; the wheel stands at the tick of `now`. Only [`TimerWheel::one_tick`] can tell.
    pub fn starting_at(now: Instant) -> TimerWheel<K> {
        TimerWheel {
            entries: Vec::new(),
            free_entries: NONE,
            nodes: vec![Node::EMPTY],
            free_nodes: NONE,
            armed: 0,
            first: NONE,
            earliest: NEVER,
            cursor: tick_of(now),
            sequence: 0,
        }
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
        if self.earliest == NEVER {
            None
        } else {
            Some(instant_of(self.earliest))
        }
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
        let due = not_before.max(tick_of(now) + 1).min(LAST_TICK);
        self.sequence += 1;
        let sequence = self.sequence;
        let entry = self.new_entry(Entry {
            due,
            sequence,
            previous: NONE,
            next: NONE,
            key,
        });
        self.insert(entry);
        self.armed += 1;
        // At the same tick, the one that was armed before leaves before.
        if due < self.earliest {
            self.first = entry;
            self.earliest = due;
        }
        Ok(TimerId { entry, sequence })
    }

    /// Forgets a timer. False if it has fired or was cancelled before, which is no fault.
    pub fn cancel(&mut self, id: TimerId) -> bool {
        match self.entries.get(index(id.entry)) {
            Some(entry) if entry.sequence == id.sequence => {
                self.remove(id.entry);
                true
            }
            _ => false,
        }
    }

    /// Takes the first timer that is due at `upto` or before, and its instant. The wheel turns to
    /// that tick, or to `upto` when no such timer is left.
    ///
    /// Timers armed between two calls join in at their place: one whose tick is not after `upto`
    /// leaves in the same drain.
    pub fn pop_due(&mut self, upto: Instant) -> Option<(Instant, K)> {
        let upto = tick_of(upto);
        if self.earliest > upto {
            self.cursor = self.cursor.max(upto);
            return None;
        }
        let due = self.earliest;
        let Entry { key, .. } = self.entries[index(self.first)];
        self.cursor = self.cursor.max(due);
        self.remove(self.first);
        Some((instant_of(due), key))
    }

    /// How far to drain in a call that may turn the wheel by one tick only: one tick further than
    /// it stands, but not beyond `now`.
    ///
    /// This is how a DPVS wheel behaves after a stall: `while let Some(…) = pop_due(one_tick(now))`
    /// with the limit taken once, before the loop.
    // DPVS: rte_timer_manage runs an expired periodic timer once a call, and the wheel is one.
    pub fn one_tick(&self, now: Instant) -> Instant {
        instant_of(tick_of(now).min(self.cursor + 1))
    }

    /// The instant that the wheel has turned to: its own time, which lags in one-tick mode.
    pub const fn turned_to(&self) -> Instant {
        instant_of(self.cursor)
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
            here.slots[slot] = Slot {
                first: entry,
                last: entry,
            };
        } else {
            let last = here.slots[slot].last;
            here.slots[slot].last = entry;
            self.entries[index(last)].next = entry;
            self.entries[index(entry)].previous = last;
        }
    }

    /// Takes an entry out of its list and frees it.
    fn remove(&mut self, entry: u32) {
        let Entry {
            due,
            previous,
            next,
            ..
        } = self.entries[index(entry)];
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
    const EMPTY: Node = Node {
        used: 0,
        split: 0,
        slots: [Slot {
            first: NONE,
            last: NONE,
        }; FAN],
    };
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
