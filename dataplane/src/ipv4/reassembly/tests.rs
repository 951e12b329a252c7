use super::super::tests::{Rig, bytes, part, payload};
use super::*;
use crate::heap::HeapBuf;
use crate::time::{Instant, Nanos};
use crate::wire::ipv4::View;
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, DUT_WAN, Frame, ipv4, udp};
use proptest::prelude::*;

/// Every order of `n` things.
fn orders(n: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![vec![]];
    for new in 0..n {
        orders = orders
            .iter()
            .flat_map(|order: &Vec<usize>| {
                (0..=order.len()).map(move |at| {
                    let mut longer = order.clone();
                    longer.insert(at, new);
                    longer
                })
            })
            .collect();
    }
    orders
}

/// The datagram, whole: header right, and the payload of [`payload`].
fn assert_whole(rig: &mut Rig, whole: Datagram<HeapBuf>, len: usize) {
    let all = bytes(&whole.buf);
    let view = View::new(&all).unwrap();
    assert!(view.checksum_ok(), "the checksum is right");
    assert_eq!((usize::from(view.total_len()), view.is_fragment()), (all.len(), false));
    assert!(all[view.header_len()..] == payload(len), "the bytes are where they belong");
    rig.world.free(whole.buf);
}

/// What becomes of fragments that come one after the other: the lengths of the datagrams that
/// became whole, and what was dropped.
fn outcome(script: &str) -> String {
    let mut rig = Rig::new();
    let mut told = String::new();
    for what in script.split(' ') {
        if let Some(whole) = rig.fragment(&part(what)) {
            let len = usize::from(whole.ip().total_len) - 20;
            told += &format!("{len} bytes, ");
            assert_whole(&mut rig, whole, len);
        }
    }
    for (reason, n) in rig.drops() {
        told += &format!("{reason} {n}, ");
    }
    format!("{told}held {}", rig.table.held())
}

#[test]
#[cfg_attr(miri, ignore = "minutes there")]
fn every_order_of_up_to_six_fragments_gives_the_same_datagram() {
    // DPVS: a datagram that the first fragment completes is freed twice (defect B45).
    for n in 2..=6 {
        let last = 8 * (n - 1);
        let parts: Vec<Frame> = (0..n)
            .map(|i| match i + 1 == n {
                true => part(&format!("{last}+5L")),
                false => part(&format!("{}+8M", i * 8)),
            })
            .collect();
        for order in orders(n) {
            let mut rig = Rig::new();
            let (front, end) = order.split_at(n - 1);
            for i in front {
                assert!(rig.fragment(&parts[*i]).is_none(), "{order:?}");
            }
            rig.assert_held(n as u64 - 1);
            let whole = rig.fragment(&parts[end[0]]).unwrap();
            assert_whole(&mut rig, whole, last + 5);
            rig.assert_held(0);
            let counters = &rig.counters;
            assert_eq!((counters.reasm_ok, counters.consumed), (1, n as u64 - 1), "{order:?}");
        }
    }
}

#[test]
fn what_is_not_plain_is_treated_as_linux_treats_it() {
    // The cases are those of Linux 6.18's captures, the lengths shorter (05-frag-local).
    for (what, script, expected) in [
        ("duplicate of the first", "0+80M 0+80M 80+8L", "88 bytes, reasm_duplicate 1, held 0"),
        ("of the middle", "0+80M 80+80M 80+80M 160+8L", "168 bytes, reasm_duplicate 1, held 0"),
        ("of the last", "0+80M 160+8L 160+8L 80+80M", "168 bytes, reasm_duplicate 1, held 0"),
        ("late duplicate", "0+80M 80+8L 80+8L", "88 bytes, held 1"),
        ("within one", "0+800M 400+80M 800+8L", "808 bytes, reasm_duplicate 1, held 0"),
        ("within two", "0+80M 80+80M 40+80M 160+8L", "168 bytes, reasm_duplicate 1, held 0"),
        ("within two, reversed", "80+80M 0+80M 40+80M", "reasm_duplicate 1, held 2"),
        ("overlap forward", "0+80M 72+88M 160+8L", "reasm_overlap 2, held 1"),
        ("overlap backward", "0+80M 160+80L 80+88M", "reasm_overlap 3, held 0"),
        ("over a hole", "0+80M 160+80M 40+160M", "reasm_overlap 3, held 0"),
        ("containing", "40+40M 0+160M 160+8L", "reasm_overlap 2, held 1"),
        ("teardrop", "0+36M 24+4L", "reasm_end 2, held 0"),
        ("tail beyond a multiple of 8", "0+84M 80+8L", "88 bytes, held 0"),
        ("empty in the middle", "0+80M 80+0M 80+80M", "reasm_empty 2, held 1"),
        ("less than 8 bytes", "0+80M 80+7M 80+80M", "reasm_empty 2, held 1"),
        ("empty at the end", "0+80M 80+80M 160+0L", "reasm_empty 3, held 0"),
        ("empty alone", "80+0M", "reasm_empty 1, held 0"),
        ("two ends", "80+40L 120+120L 0+80M", "reasm_end 2, held 1"),
        ("an end within", "0+160M 80+8L", "reasm_end 2, held 0"),
        ("beyond the end", "0+80M 160+80L 240+8M 80+80M", "reasm_end 3, held 1"),
        ("ping of death", "0+80M 65528+100L", "reasm_oversize 1, held 1"),
        ("the last byte of all", "65504+11L", "held 1"),
        ("one byte more", "65504+12L", "reasm_oversize 1, held 0"),
        ("a hole", "0+80M 160+8L", "held 2"),
    ] {
        assert_eq!(outcome(script), expected, "{what}: {script}");
    }
}

#[test]
fn a_datagram_with_its_header_is_no_longer_than_its_length_field_can_say() {
    // The last fragment has the short header, and so ends where it may; the first has not.
    let mut rig = Rig::new();
    let mut fragments = ipv4(ALICE, DUT_LAN, 253, &payload(65_515)).fragments(9000);
    fragments[0] = fragments[0].clone().options(&[1; 4]);
    for fragment in &fragments {
        assert!(rig.fragment(fragment).is_none());
    }
    assert_eq!(rig.drops(), [(DropReason::ReassemblyOversize, 8)]);
    rig.assert_held(0);
    // Without it, all 65,535 bytes come together.
    fragments[0] = ipv4(ALICE, DUT_LAN, 253, &payload(65_515)).fragment(0, 9000);
    let whole = fragments.iter().filter_map(|fragment| rig.fragment(fragment)).next().unwrap();
    // 9,000 bytes of payload and their header take 5 segments each.
    assert_eq!(whole.buf.segments(), 7 * 5 + 2);
    assert_whole(&mut rig, whole, 65_515);
    rig.assert_held(0);
}

#[test]
fn no_byte_of_payload_is_moved() {
    let mut rig = Rig::new();
    rig.fragment(&part("80+80M"));
    rig.fragment(&part("160+5L"));
    let address = |slice: &[u8]| slice.as_ptr();
    let held = rig.table.queue(rig.table.oldest().unwrap()).held.iter();
    let before: Vec<_> = held.map(|h| address(&h.packet.buf.head()[20..])).collect();
    let whole = rig.fragment(&part("0+80M")).unwrap();
    let after: Vec<_> = whole.buf.slices().skip(1).map(address).collect();
    assert_eq!(before, after);
    assert_whole(&mut rig, whole, 165);
}

#[test]
fn the_header_is_the_first_fragments() {
    let mut rig = Rig::new();
    let whole = ipv4(ALICE, DUT_LAN, 253, &payload(88)).id(9).options(&[0x94, 4, 0, 0]);
    let first = whole.fragment(0, 80).ttl(3).tos(0x20).df().evil();
    let last = whole.fragment(80, 8).ttl(200).tos(0x40);
    assert!(rig.fragment(&last).is_none());
    let datagram = rig.fragment(&first).unwrap();
    // The reserved flag is gone, as in Linux; DF stays.
    let expected = whole.ttl(3).tos(0x20).df().build();
    assert_eq!(bytes(&datagram.buf), expected[14..]);
    rig.world.free(datagram.buf);
}

#[test]
fn fragments_of_different_datagrams_are_kept_apart() {
    // DPVS joins fragments of different protocols.
    let of = |src, dst, protocol, id| ipv4(src, dst, protocol, &payload(88)).id(id);
    let [a, others @ ..] = [
        of(ALICE, DUT_LAN, 253, 1),
        of(CAROL, DUT_LAN, 253, 1),
        of(ALICE, DUT_WAN, 253, 1),
        of(ALICE, DUT_LAN, 254, 1),
        of(ALICE, DUT_LAN, 253, 2),
    ];
    for other in others {
        let mut rig = Rig::new();
        assert!(rig.fragment(&a.fragment(0, 80)).is_none());
        assert!(rig.fragment(&other.fragment(80, 8)).is_none());
        rig.assert_held(2);
        for rest in [a.fragment(80, 8), other.fragment(0, 80)] {
            let whole = rig.fragment(&rest).unwrap();
            assert_whole(&mut rig, whole, 88);
        }
        rig.assert_held(0);
    }
}

#[test]
fn ecn_is_what_rfc_3168_makes_of_the_fragments() {
    // Linux's ip_frag_ecn_table, in full. Codepoints: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE.
    for seen in 1_u8..16 {
        let mut rig = Rig::new();
        let codepoints = (0..4).filter(|codepoint| seen >> codepoint & 1 == 1);
        let codepoints: Vec<u8> = codepoints.collect();
        let all = ipv4(ALICE, DUT_LAN, 253, &payload(8 * (codepoints.len() + 1))).tos(0x28);
        let mut whole = None;
        for (n, fragment) in all.fragments(8).iter().enumerate() {
            let codepoint = codepoints[n % codepoints.len()];
            whole = rig.fragment(&fragment.clone().tos(0x28 | codepoint));
        }
        let tos = whole.map(|whole| {
            let tos = whole.ip().tos;
            rig.world.free(whole.buf);
            tos
        });
        let expected = match (seen & 1 != 0, seen & 8 != 0) {
            (true, _) if seen != 1 => None,
            (_, true) => Some(0x2b),
            _ => Some(0x28 | codepoints[0]),
        };
        assert_eq!(tos, expected, "seen {seen:#06b}");
        let refused = expected.is_none();
        assert_eq!(rig.counters.reasm_fails, u64::from(refused));
        assert_eq!(rig.counters.drops[DropReason::ReassemblyEcn] > 0, refused);
        rig.assert_held(0);
    }
}

#[test]
fn the_timer_runs_from_the_first_fragment_and_ends_to_the_nanosecond() {
    let start = Nanos::from_millis(7);
    let end = start.get() + 30_000_000_000;
    for (late, whole) in [(end - 1, true), (end, false)] {
        let mut rig = Rig::new();
        rig.at(start);
        rig.fragment(&part("80+80M"));
        rig.at(Nanos::from_secs(20));
        rig.fragment(&part("160+8L"));
        assert_eq!(rig.table.next_due(), Some(Instant::from_nanos(end)), "it is not refreshed");
        rig.at(Nanos::new(late));
        let datagram = rig.fragment(&part("0+80M"));
        assert_eq!(datagram.is_some(), whole);
        if let Some(datagram) = datagram {
            assert_whole(&mut rig, datagram, 168);
            continue;
        }
        // What comes too late begins a new datagram.
        assert_eq!(rig.drops(), [(DropReason::ReassemblyTimeout, 2)]);
        assert_eq!((rig.counters.reasm_fails, rig.counters.reasm_timeouts), (1, 1));
        assert_eq!(rig.errors, [], "nobody is told who sent no first fragment");
        rig.assert_held(1);
    }
}

#[test]
fn whoever_sent_a_first_fragment_is_told_that_the_others_did_not_come() {
    for (first, told) in [
        (part("0+80M"), true),
        (part("80+80M"), false),
        (ipv4(BOB, DUT_LAN, 1, &[3, 3, 0, 0, 0, 0, 0, 0]).mf(), false),
    ] {
        for icmp in [true, false] {
            let mut rig = Rig::new();
            rig.config.policy.reassembly_icmp = icmp;
            rig.fragment(&first);
            rig.at(Nanos::new(29_999_999_999));
            assert_eq!(rig.expire(), 0);
            rig.at(Nanos::from_secs(30));
            assert_eq!(rig.expire(), 1);
            assert_eq!(rig.errors.len(), usize::from(told && icmp), "{first:?}");
            assert!(rig.errors.iter().all(|error| *error == (11, 1)));
            assert_eq!(rig.told(), [Reassembly::Held, Reassembly::Expired]);
            rig.assert_held(0);
        }
    }
}

#[test]
fn as_many_datagrams_are_held_as_may_and_the_oldest_gives_way() {
    let mut rig = Rig::new();
    rig.config.limits.reasm_datagrams = 2;
    for id in [1, 2] {
        rig.fragment(&part("0+80M").id(id));
    }
    assert_eq!(rig.drops(), [], "at the limit");
    rig.fragment(&part("80+80M").id(1));
    assert_eq!(rig.drops(), [], "one that is known needs no room");
    rig.fragment(&part("0+80M").id(3));
    assert_eq!(rig.drops(), [(DropReason::ReassemblyEvicted, 2)], "both of the oldest");
    let left: Vec<u16> = rig.table.keys(|_| true).iter().map(|key| key.id).collect();
    assert_eq!(left, [2, 3]);
    assert_eq!((rig.errors.len(), rig.counters.reasm_fails), (0, 1));
}

#[test]
fn as_many_fragments_are_held_as_may_and_the_oldest_datagram_gives_way() {
    let mut rig = Rig::new();
    rig.config.limits.reasm_fragments = 3;
    for (id, what) in [(1, "0+80M"), (2, "0+80M"), (2, "80+80M")] {
        rig.fragment(&part(what).id(id));
    }
    assert_eq!((rig.drops(), rig.table.held()), (vec![], 3), "at the limit");
    rig.fragment(&part("160+80M").id(2));
    assert_eq!(rig.drops(), [(DropReason::ReassemblyEvicted, 1)]);
    rig.assert_held(3);
    // The oldest may be the one whose turn it is: what came begins it anew.
    rig.fragment(&part("240+80M").id(2));
    assert_eq!(rig.drops(), [(DropReason::ReassemblyEvicted, 4)]);
    rig.assert_held(1);
}

#[test]
fn as_many_bytes_are_held_as_may_and_the_oldest_datagram_gives_way() {
    let mut rig = Rig::new();
    rig.config.limits.reasm_bytes = 65_535;
    rig.fragment(&part("0+32768M").id(1));
    rig.fragment(&part("32768+32747L").id(2));
    rig.fragment(&part("0+20L").id(3));
    assert_eq!(rig.drops(), []);
    rig.fragment(&part("8+20L").id(4));
    assert_eq!((rig.drops(), rig.table.totals().2), (vec![], 65_535), "at the limit");
    rig.fragment(&part("0+8M").id(5));
    assert_eq!(rig.drops(), [(DropReason::ReassemblyEvicted, 1)]);
    assert_eq!(rig.table.totals().2, 65_535 - 32_768 + 8);
}

#[test]
fn a_datagram_has_as_many_fragments_as_the_policy_lets_it() {
    // DPVS: eight, and the ninth has all of them dropped.
    for (fragments, whole) in [(8, true), (9, false)] {
        let mut rig = Rig::new();
        rig.config.policy.reassembly_fragments = 8;
        let all = ipv4(ALICE, DUT_LAN, 253, &payload(fragments * 8)).fragments(8);
        let datagram = all.iter().filter_map(|fragment| rig.fragment(fragment)).next();
        match datagram {
            Some(datagram) => assert_whole(&mut rig, datagram, fragments * 8),
            None => assert_eq!(rig.drops(), [(DropReason::ReassemblyTooMany, 9)]),
        }
        assert_eq!(rig.counters.reasm_ok, u64::from(whole));
        rig.assert_held(0);
    }
}

#[test]
#[cfg_attr(miri, ignore = "minutes there")]
fn a_datagram_of_eight_thousand_fragments_becomes_whole() {
    let mut rig = Rig::new();
    rig.config.limits.pool = 16_383;
    let all = ipv4(ALICE, DUT_LAN, 253, &payload(65_515)).fragments(8);
    assert_eq!(all.len(), 8190);
    let whole = all.iter().rev().filter_map(|fragment| rig.fragment(fragment)).next().unwrap();
    assert_eq!(whole.buf.segments(), 8190);
    assert_whole(&mut rig, whole, 65_515);
    rig.assert_held(0);
}

#[test]
fn what_is_held_at_the_end_goes_home() {
    let mut rig = Rig::new();
    rig.fragment(&part("0+80M"));
    rig.fragment(&part("0+3000M").id(2));
    rig.assert_held(2);
    rig.table.release(&mut rig.world);
    rig.assert_held(0);
    assert_eq!(rig.drops(), [], "that is no drop");
}

/// Where a datagram of `len` bytes is cut: at multiples of 8.
fn cuts(len: usize) -> impl Strategy<Value = Vec<usize>> {
    let blocks = (len - 1) / 8;
    proptest::collection::btree_set(1..=blocks, 1..=blocks.min(12))
        .prop_map(|cuts| cuts.into_iter().map(|block| block * 8).collect())
}

proptest! {
    // B45
    #[test]
    fn any_cuts_in_any_order_with_duplicates_give_the_same_datagram(
        (len, cuts) in (9_usize..9000).prop_flat_map(|len| (Just(len), cuts(len))),
        order in any::<u64>(),
        twice in any::<u16>(),
    ) {
        let whole = udp(ALICE, DUT_LAN).len(len - 8).id(77);
        let ends = cuts.iter().copied().chain([len]);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let mut parts: Vec<Frame> = starts
            .zip(ends)
            .map(|(start, end)| whole.fragment(u16::try_from(start).unwrap(), end - start))
            .collect();
        let doubles = (0..parts.len()).filter(|n| twice >> n & 1 == 1);
        let doubles: Vec<Frame> = doubles.map(|n| parts[n].clone()).collect();
        let (n, more) = (parts.len(), doubles.len() as u64);
        parts.extend(doubles);
        let mut rng = crate::rng::Rng::new(order);
        for at in (1..parts.len()).rev() {
            let other = rng.below(at as u64 + 1);
            parts.swap(at, usize::try_from(other).unwrap());
        }
        let mut rig = Rig::new();
        let mut found = 0;
        for part in &parts {
            if let Some(datagram) = rig.fragment(part) {
                found += 1;
                prop_assert_eq!(&bytes(&datagram.buf)[..], &whole.build()[14..]);
                rig.world.free(datagram.buf);
            }
        }
        // Duplicates that came later wait for a datagram that was here.
        prop_assert!(found >= 1);
        let late = rig.table.held() + (found - 1) * n as u64;
        prop_assert_eq!(rig.counters.drops[DropReason::ReassemblyDuplicate] + late, more);
        prop_assert_eq!(rig.counters.drops.total() + late, more);
    }

    #[test]
    fn what_comes_of_any_fragments_is_what_a_map_of_bytes_says(
        script in proptest::collection::vec((0_u16..8, 0_u16..34, any::<bool>()), 1..14),
    ) {
        let mut rig = Rig::new();
        let mut model = Model::default();
        for (block, len, last) in script {
            let flag = if last { 'L' } else { 'M' };
            let whole = rig.fragment(&part(&format!("{}+{len}{flag}", block * 8)));
            let len = if last { len } else { len & !7 };
            let expected = model.add(usize::from(block * 8), usize::from(len), last);
            prop_assert_eq!(whole.as_ref().map(|w| usize::from(w.ip().total_len) - 20), expected);
            if let Some(whole) = whole {
                let len = usize::from(whole.ip().total_len) - 20;
                assert_whole(&mut rig, whole, len);
            }
            let held = model.held.iter().filter(|b| **b).count();
            prop_assert_eq!(rig.table.totals().2 as usize, held);
        }
        rig.table.release(&mut rig.world);
        rig.assert_held(0);
    }
}

/// A datagram as a map of the bytes that are here: the rules of the module head, word by word.
#[derive(Default)]
struct Model {
    held: Vec<bool>,
    end: Option<usize>,
}

impl Model {
    /// The length of the datagram that became whole.
    fn add(&mut self, start: usize, len: usize, last: bool) -> Option<usize> {
        let end = start + len;
        self.held.resize(128, false);
        let furthest = self.held.iter().rposition(|held| *held).map_or(0, |at| at + 1);
        let contradicts = match (last, self.end) {
            (true, Some(known)) => end != known,
            (true, None) => end < furthest,
            (false, Some(known)) => end > known,
            (false, None) => false,
        };
        let here = &mut self.held[start..end];
        let news = here.iter().filter(|held| !**held).count();
        if contradicts || len == 0 || news != 0 && news != len {
            *self = Model::default();
            return None;
        }
        if news == 0 {
            return None;
        }
        here.fill(true);
        if last {
            self.end = Some(end);
        }
        let whole = self.end.filter(|end| self.held[..*end].iter().all(|held| *held))?;
        *self = Model::default();
        Some(whole)
    }
}
