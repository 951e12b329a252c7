use super::*;
use dataplane::job::JobKind;
use dataplane::tc::{Tbf, TokenRate};

const ROOT: (PortId, Handle) = (PortId(1), Handle::ROOT);
const TBF: Kind =
    Kind::Tbf(Tbf { rate: TokenRate { bits: 8000, burst: 100 }, peak: None, limit: 1000 });
const FAST: Kind = Kind::PfifoFast { limit: 9 };

/// What happens to packets of the root, by their numbers.
enum Act {
    /// It is taken, as of this band; so many wait now.
    In(u64, Option<u8>, u32),
    Out(u64),
    Gone(u64),
}
use Act::{Gone, In, Out};

fn at(lcore: u8) -> (Instant, Run) {
    (Instant::EPOCH, Run { lcore: LcoreId(lcore), tick: 3, job: JobKind::QschSched })
}

fn told(kinds: &[Kind]) -> Bands {
    let mut bands = Bands::default();
    for kind in kinds {
        let (dev, handle) = ROOT;
        bands.told(&QschConfig { dev, handle, parent: Handle::NONE, kind: *kind });
    }
    bands
}

fn said(kinds: &[Kind], acts: &[Act]) -> String {
    let (mut bands, mut found) = (told(kinds), Findings::default());
    for act in acts {
        match *act {
            In(id, band, qlen) => {
                bands.queued(at(1), (PacketId(id), band), ROOT, qlen, &mut found);
            }
            Out(id) => bands.sent(at(1), PacketId(id), ROOT, &mut found),
            Gone(id) => bands.dropped(LcoreId(1), PacketId(id)),
        }
    }
    let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
    list.join("\n")
}

#[test]
fn what_came_first_to_a_tbf_leaves_first_and_a_later_one_before_it_is_told() {
    let come = || [In(4, Some(2), 1), In(5, Some(0), 2), In(6, None, 3)];
    let acts = |rest: Vec<Act>| come().into_iter().chain(rest).collect::<Vec<_>>();
    assert_eq!(said(&[TBF], &acts(vec![Out(4), Out(5), In(7, None, 2), Out(6), Out(7)])), "");
    insta::assert_snapshot!(said(&[TBF], &acts(vec![Out(5), Out(4), Out(6)])), @"bands: packet 5 leaves Qsch root of device 1 before packet 4, which came first, at 0.000000000 s (lcore 1, tick 3, qsch_sched)");
    assert_eq!(said(&[TBF], &acts(vec![Gone(4), Gone(9), Out(5), In(7, None, 2)])), "");
}

#[test]
fn no_packet_leaves_a_pfifo_fast_while_one_of_a_better_band_waits_there() {
    let acts = |leave: [u64; 4]| {
        let mut acts =
            vec![In(4, Some(2), 1), In(5, Some(1), 2), In(6, Some(2), 3), In(7, Some(0), 4)];
        acts.extend(leave.map(Out));
        acts
    };
    let fast = |acts: &[Act]| {
        let all = said(&[FAST], acts);
        let told: Vec<_> = all.lines().filter(|line| !line.contains("finds packet 4")).collect();
        told.join("\n")
    };
    assert_eq!(fast(&acts([7, 5, 4, 6])), "");
    let told = fast(&acts([5, 7, 4, 6]));
    insta::assert_snapshot!(told, @"bands: packet 5 leaves Qsch root of device 1 in band 1 before packet 7 in band 0, at 0.000000000 s (lcore 1, tick 3, qsch_sched)");
    let told = fast(&acts([7, 5, 6, 4]));
    insta::assert_snapshot!(told, @"bands: packet 6 leaves Qsch root of device 1 before packet 4, which came first to band 2, at 0.000000000 s (lcore 1, tick 3, qsch_sched)");
    assert_eq!(said(&[FAST, TBF], &acts([6, 4, 5, 7])), "", "it may be of any kind");
    let unknown = [In(4, Some(1), 1), In(5, None, 2), Out(5), In(6, None, 2), Out(4), Out(6)];
    assert_eq!(fast(&unknown), "", "who has no band that is known is in nobody's way");
}

#[test]
fn a_packet_that_finds_another_where_nothing_is_held_back_is_told() {
    for kind in [Kind::Pfifo { limit: 9 }, Kind::Bfifo { limit: 900 }, FAST] {
        assert_eq!(said(&[kind], &[In(4, None, 1), Out(4), In(5, None, 1), Out(5)]), "");
    }
    insta::assert_snapshot!(said(&[FAST], &[In(4, Some(1), 1), In(5, Some(1), 2)]), @"bands: packet 5 finds packet 4, which nothing holds back, in Qsch root of device 1, at 0.000000000 s (lcore 1, tick 3, qsch_sched)");
    assert_eq!(said(&[TBF], &[In(4, Some(1), 1), In(5, Some(1), 2)]), "");
}

#[test]
fn a_packet_that_leaves_and_was_not_there_is_told_and_so_is_a_wrong_number() {
    insta::assert_snapshot!(said(&[], &[In(4, None, 2), Out(4), Out(4)]), @r"
    bands: with packet 4 wait 1 packets, and 2 are told, in Qsch root of device 1, at 0.000000000 s (lcore 1, tick 3, qsch_sched)
    bands: packet 4 leaves Qsch root of device 1 and did not wait there, at 0.000000000 s (lcore 1, tick 3, qsch_sched)
    ");
}

#[test]
fn each_lcore_has_a_queue_of_its_own() {
    let (mut bands, mut found) = (told(&[TBF]), Findings::default());
    bands.queued(at(1), (PacketId(4), None), ROOT, 1, &mut found);
    bands.queued(at(2), (PacketId(5), None), ROOT, 1, &mut found);
    bands.sent(at(2), PacketId(5), ROOT, &mut found);
    bands.dropped(LcoreId(2), PacketId(4));
    bands.sent(at(1), PacketId(4), ROOT, &mut found);
    assert_eq!(found.into_list(), []);
}
