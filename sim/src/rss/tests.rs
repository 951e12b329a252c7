use super::*;
use std::net::SocketAddrV4;

/// The key of Microsoft's "Verifying the RSS hash calculation".
const MICROSOFT: [u8; KEY] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

fn under(key: &[u8; KEY], input: &[u8]) -> u32 {
    let table = table(key);
    input.iter().zip(&table).fold(0, |hash, (byte, row)| hash ^ row[usize::from(*byte)])
}

#[test]
fn the_hash_is_the_published_one() {
    // Source, destination, and the hashes over addresses alone and with ports.
    for (from, to, addresses, with_ports) in [
        ("66.9.149.187:2794", "161.142.100.80:1766", 0x323e_8fc2, 0x51cc_c178),
        ("199.92.111.2:14230", "65.69.140.83:4739", 0xd718_262a, 0xc626_b0ea),
        ("24.19.198.95:12898", "12.22.207.184:38024", 0xd2d0_a5de, 0x5c2b_394a),
        ("38.27.205.30:48228", "209.142.163.6:2217", 0x8298_9176, 0xafc7_327f),
        ("153.39.163.191:44251", "202.188.127.2:1303", 0x5d18_09c5, 0x10e8_28a2),
    ] {
        let (from, to): (SocketAddrV4, SocketAddrV4) = (from.parse().unwrap(), to.parse().unwrap());
        let mut input = [from.ip().octets(), to.ip().octets()].concat();
        assert_eq!(under(&MICROSOFT, &input), addresses);
        input.extend(from.port().to_be_bytes());
        input.extend(to.port().to_be_bytes());
        assert_eq!(under(&MICROSOFT, &input), with_ports);
    }
}

fn udp(src: [u8; 4], sport: u16, dst: [u8; 4], dport: u16) -> Vec<u8> {
    let mut frame = vec![0x02; 12];
    frame.extend([0x08, 0x00]);
    frame.extend([0x45, 0, 0, 32, 0, 1, 0x40, 0, 64, 17, 0, 0]);
    frame.extend(src);
    frame.extend(dst);
    frame.extend(sport.to_be_bytes());
    frame.extend(dport.to_be_bytes());
    frame.extend([0, 12, 0, 0, 1, 2, 3, 4]);
    frame
}

#[test]
fn both_directions_of_a_flow_meet() {
    for n in 0..200_u8 {
        let there = udp([192, 0, 2, n], 4000 + u16::from(n), [198, 51, 100, 7], 53);
        let back = udp([198, 51, 100, 7], 53, [192, 0, 2, n], 4000 + u16::from(n));
        assert_eq!(hash(&there), hash(&back));
        assert_ne!(hash(&there), 0);
    }
}

#[test]
fn flows_spread_over_all_queues() {
    let mut seen = [0; 4];
    for n in 0..=255 {
        let frame = udp([192, 0, 2, n], 4000, [198, 51, 100, 7], 53);
        seen[queue(&frame, 4).index()] += 1;
    }
    assert!(seen.iter().all(|n| *n > 32), "{seen:?}");
}

#[test]
fn a_tag_changes_nothing_and_a_fragment_has_no_ports() {
    let plain = udp([192, 0, 2, 1], 4000, [198, 51, 100, 7], 53);
    let mut tagged = plain.clone();
    tagged.splice(12..12, [0x81, 0x00, 0x00, 0x64]);
    assert_eq!(hash(&tagged), hash(&plain));

    let mut first = plain.clone();
    first[20] = 0x20;
    let mut last = first.clone();
    last[20..22].copy_from_slice(&[0x00, 0x10]);
    last[34..38].copy_from_slice(&[9, 9, 9, 9]);
    assert_eq!(hash(&first), hash(&last));
    assert_ne!(hash(&first), hash(&plain));
}

#[test]
fn what_is_no_ip_goes_to_the_first_queue() {
    let mut arp = [0xff; 42];
    arp[12..14].copy_from_slice(&[0x08, 0x06]);
    for frame in [&arp[..], &[], &arp[..13], &udp([1; 4], 1, [2; 4], 2)[..30]] {
        assert_eq!(queue(frame, 16), QueueId(0));
    }
}
