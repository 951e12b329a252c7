use super::super::tests::{Rig, bytes, payload};
use crate::drop::DropReason;
use crate::packet::Buf;
use crate::wire::ipv4::View;
use crate::world::World;
use fixtures::{ALICE, BOB, DUT_LAN, Frame, ipv4};
use proptest::prelude::*;

/// `0+1376M` for each piece: where it begins, the bytes of its payload, and whether more follow.
fn layout(pieces: &[Vec<u8>]) -> String {
    let pieces: Vec<String> = pieces
        .iter()
        .map(|piece| {
            let view = View::new(piece).unwrap();
            assert!(view.checksum_ok());
            assert_eq!(usize::from(view.total_len()), piece.len());
            let flag = if view.more_fragments() { 'M' } else { 'L' };
            format!("{}+{}{flag}", view.fragment_offset().bytes(), piece.len() - view.header_len())
        })
        .collect();
    pieces.join(" ")
}

fn cut(frame: &Frame, mtu: u16) -> Vec<Vec<u8>> {
    let mut rig = Rig::new();
    let packet = rig.receive(&frame.build());
    let pieces = rig.cut(packet, mtu);
    rig.assert_held(0);
    pieces
}

// e6e7472b
#[test]
fn pieces_are_laid_out_as_linux_lays_them_out() {
    // Linux 6.18, captures 05b-frag-transit-table.
    let of = |len| ipv4(ALICE, BOB, 253, &payload(len));
    for (frame, mtu, expected) in [
        (of(1381), 1400, "0+1376M 1376+5L"),
        (of(1480), 1400, "0+1376M 1376+104L"),
        (of(1480), 576, "0+552M 552+552M 1104+376L"),
        (of(1480), 1006, "0+984M 984+496L"),
        // A fragment keeps its place, and all but the last piece of the last one have MF (B44).
        (of(1480).mf(), 1400, "0+1376M 1376+104M"),
        (of(1480).mf().offset(1480), 1400, "1480+1376M 2856+104M"),
        (of(1480).offset(2960), 1400, "2960+1376M 4336+104L"),
        // What is odd about it stays so: we are not its receiver.
        (of(1477).mf(), 1400, "0+1376M 1376+101M"),
        // The smallest MTU and the longest header: 8 bytes in each piece, where DPVS turns for ever.
        (of(20).options(&[1; 40]), 68, "0+8M 8+8M 16+4L"),
        // The last place that a piece can have.
        (of(16).offset(65_512).options(&[1; 40]), 68, "65512+8M 65520+8L"),
    ] {
        assert_eq!(layout(&cut(&frame, mtu)), expected, "{frame:?}");
    }
}

// B44
#[test]
fn options_without_the_copied_flag_are_in_the_first_piece_only() {
    // Linux 6.18, case d25: no-operations, security (copied), record route (not), no-operations.
    let options =
        [1, 1, 1, 1, 0x82, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
    let blanked =
        [1, 1, 1, 1, 0x82, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
    let pieces = cut(&ipv4(ALICE, BOB, 253, &payload(1448)).options(&options), 576);
    assert_eq!(layout(&pieces), "0+528M 528+528M 1056+392L");
    let found: Vec<&[u8]> = pieces.iter().map(|piece| &piece[20..48]).collect();
    assert_eq!(found, [&options, &blanked, &blanked]);
}

#[test]
fn a_piece_that_no_offset_could_say_is_not_made() {
    let mut rig = Rig::new();
    let packet = rig.receive(&ipv4(ALICE, BOB, 253, &payload(600)).offset(65_528).build());
    assert_eq!(rig.cut(packet, 576), [[0_u8; 0]; 0]);
    // The first piece was made.
    assert_eq!(rig.drops(), [(DropReason::FragmentBeyondEnd, 2)]);
    assert_eq!((rig.counters.frag_fails, rig.counters.frag_creates), (1, 0));
    rig.assert_held(0);
}

#[test]
fn a_packet_is_cut_as_a_whole_or_not_at_all() {
    for (pool, whole) in [(68, true), (67, false)] {
        let mut rig = Rig::new();
        rig.config.limits.pool = pool;
        rig.world = crate::heap::HeapWorld::new(&rig.config);
        // 23 buffers for the packet, then 22 pieces of two segments each and one of one.
        let packet = rig.receive(&ipv4(ALICE, BOB, 253, &payload(48_000)).build());
        assert_eq!(packet.buf.segments(), 23);
        let pieces = rig.cut(packet, 2200);
        assert_eq!(pieces.len(), if whole { 23 } else { 0 });
        let dropped = rig.counters.drops[DropReason::FragmentNoBuffer];
        assert_eq!(
            dropped,
            if whole { 0 } else { 23 },
            "the packet, and the pieces that were made"
        );
        rig.assert_held(0);
    }
}

/// Options, padded, and a fragment of some place, size and kind.
fn any_packet() -> impl Strategy<Value = Frame> {
    let option = prop_oneof![
        Just(vec![1_u8]),
        Just(vec![0x82, 3, 9]),
        Just(vec![7, 7, 4, 0, 0, 0, 0]),
        Just(vec![0x94, 4, 0, 0]),
    ];
    let options = proptest::collection::vec(option, 0..4).prop_map(|all| all.concat());
    (options, 0_u16..2000, 1_usize..9000, any::<bool>(), any::<u8>()).prop_map(
        |(options, block, len, more, tos)| {
            let frame = ipv4(ALICE, DUT_LAN, 253, &payload(len)).options(&options).tos(tos);
            let frame = frame.offset(block * 8);
            if more { frame.mf() } else { frame }
        },
    )
}

proptest! {
    // e6e7472b
    #[test]
    fn pieces_fit_and_are_the_packet(frame in any_packet(), mtu in 68_u16..=9000) {
        let whole = frame.build();
        let view = View::new(&whole[14..]).unwrap();
        let (total, header_len) = (usize::from(view.total_len()), view.header_len());
        prop_assume!(total > usize::from(mtu));
        let pieces = cut(&frame, mtu);
        prop_assert!(pieces.len() > 1);
        let mut rest = &whole[14 + header_len..];
        let mut place = usize::from(view.fragment_offset().bytes());
        for (n, piece) in pieces.iter().enumerate() {
            let last = n + 1 == pieces.len();
            let this = View::new(piece).unwrap();
            prop_assert!(piece.len() <= mtu.into());
            prop_assert!(this.checksum_ok());
            prop_assert_eq!(usize::from(this.fragment_offset().bytes()), place);
            prop_assert_eq!(this.more_fragments(), view.more_fragments() || !last);
            let bytes = &piece[this.header_len()..];
            prop_assert!(last || bytes.len().is_multiple_of(8));
            prop_assert!(rest.starts_with(bytes));
            // As many as fit, or the next router would have to forward more than it must.
            prop_assert!(last || piece.len() + 8 > mtu.into());
            prop_assert_eq!((this.id(), this.tos(), this.ttl()), (view.id(), view.tos(), view.ttl()));
            rest = &rest[bytes.len()..];
            place += bytes.len();
        }
        prop_assert_eq!(rest, [0_u8; 0]);
    }

    #[test]
    fn what_is_cut_and_joined_is_what_it_was(
        len in 9_usize..9000,
        mtu in 68_u16..1500,
        reverse in any::<bool>(),
    ) {
        let frame = ipv4(ALICE, DUT_LAN, 253, &payload(len)).id(3);
        prop_assume!(len + 20 > mtu.into());
        let mut pieces = cut(&frame, mtu);
        // Cut again, for a narrower link.
        if mtu > 300 {
            let narrower: Vec<_> = pieces
                .iter()
                .flat_map(|piece| {
                    let mut rig = Rig::new();
                    let packet = rig.receive(&[&frame.build()[..14], piece].concat());
                    match piece.len() > 300 {
                        true => rig.cut(packet, 300),
                        false => vec![piece.clone()],
                    }
                })
                .collect();
            pieces = narrower;
        }
        if reverse {
            pieces.reverse();
        }
        let mut rig = Rig::new();
        let mut whole = None;
        for piece in &pieces {
            prop_assert!(whole.is_none());
            whole = rig.join(&[&frame.build()[..14], piece].concat());
        }
        let whole = whole.unwrap();
        prop_assert_eq!(&bytes(&whole.buf)[..], &frame.build()[14..]);
        rig.world.free(whole.buf);
        rig.assert_held(0);
    }
}
