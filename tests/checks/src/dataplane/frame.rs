//! A frame out of a few bytes: mostly one that a host would send, then perhaps damaged.

use arbitrary::{Result, Unstructured};
use fixtures::{
    ALICE, BOB, CAROL, DUT_LAN, DUT_WAN, Frame, GW, Host, arp_announce, arp_probe, arp_reply,
    arp_request, frag_needed, icmp, icmp_echo, icmp_echo_reply, ipv4, tcp, time_exceeded, udp,
};

/// A first byte from here on says that the bytes of the frame follow, after their number.
pub const RAW: u8 = 0xf0;
/// The longest frame that is spelled out.
pub const RAW_MAX: u16 = 2048;

const HOSTS: [Host; 8] =
    [ALICE, BOB, GW, CAROL, DUT_LAN, DUT_WAN, ALICE.with_ip([198, 51, 100, 8]), VLAN_HOST];
/// Behind the VLAN device.
const VLAN_HOST: Host = Host::new(0x0e, [10, 0, 100, 9]);

/// The frame at the front of `u`.
pub fn frame(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let kind: u8 = u.arbitrary()?;
    if kind >= RAW {
        let len = usize::from(u.arbitrary::<u16>()? % (RAW_MAX + 1));
        return u.bytes(len.min(u.len())).map(<[u8]>::to_vec);
    }
    let hosts: u8 = u.arbitrary()?;
    let (src, dst) = (HOSTS[usize::from(hosts % 8)], HOSTS[usize::from(hosts >> 4) % 8]);
    let frame = match kind % 16 {
        0 => arp_request(src, dst),
        1 => arp_reply(src, dst),
        2 => arp_announce(src),
        3 => arp_probe(src),
        _ => datagram(kind, (src, dst), u)?,
    };
    let shape: u8 = u.arbitrary()?;
    let frame = match shape & 7 {
        1 => frame.vlan(100),
        2 => frame.vlan(5).pcp(3),
        3 => frame.vlan(0),
        4 => frame.vlan(100).vlan(5),
        _ => frame,
    };
    let frame = if shape & 8 != 0 { frame.padded() } else { frame };
    let mut bytes = frame.build();
    for _ in 0..shape >> 6 {
        let (at, value) = u.arbitrary::<(u16, u8)>()?;
        let len = bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(usize::from(at) % len) {
            *byte = value;
        }
    }
    if shape & 16 != 0 {
        let len = usize::from(u.arbitrary::<u16>()?) % (bytes.len() + 1);
        bytes.truncate(len);
    }
    Ok(bytes)
}

fn datagram(kind: u8, (src, dst): (Host, Host), u: &mut Unstructured<'_>) -> Result<Frame> {
    let [a, b, len, flags] = u.arbitrary::<[u8; 4]>()?;
    let (ports, id) = ((u16::from(a) + 4000, u16::from(b)), u16::from(a % 4));
    let long = usize::from(len) * if flags & 1 == 0 { 1 } else { 13 };
    let frame = match kind % 16 {
        4 | 5 => udp(src, dst).ports(ports.0, ports.1).len(long),
        6 => tcp(src, dst).ports(ports.0, ports.1).flags(b).len(long),
        7..=9 => icmp_echo(src, dst).echo_id_seq(id, ports.1).len(long),
        10 => icmp_echo_reply(src, dst).echo_id_seq(id, ports.1).len(long),
        11 => icmp(src, dst, a, b, [0, 0, len, flags], &[]).len(long),
        12 => time_exceeded(src, &udp(dst, CAROL).ttl(1)),
        13 => frag_needed(src, 600 + ports.1, &udp(dst, CAROL)),
        14 => icmp(src, dst, 5, 1, GW.ip.octets(), &udp(dst, CAROL).build()[14..]),
        _ => ipv4(src, dst, if matches!(b, 1 | 6 | 17) { 253 } else { b }, &[]).len(long),
    };
    let frame = frame.id(id).ttl([64, 1, 0, 2, 255, 64, 64, 64][usize::from(flags >> 1) % 8]);
    let frame = if flags & 0x10 != 0 { frame.df().tos(b) } else { frame };
    let frame = match flags >> 5 {
        1 => frame.options(&[148, 4, 0, 0]),
        2 => frame.options(&[7, 7, 4, 0, 0, 0, 0]),
        3 => frame.options(&u.arbitrary::<[u8; 4]>()?),
        4 => frame.options(&[131, 7, 4, 192, 0, 2, 254]),
        _ => frame,
    };
    if flags >> 5 < 6 {
        return Ok(frame);
    }
    let part: u8 = u.arbitrary()?;
    Ok(frame.fragment(u16::from(part % 16) * 8, usize::from(part >> 4) * 8 + 3))
}
