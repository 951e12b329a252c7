//! Link types: what the frames of a capture begin with.

/// The name of a link type, in tcpdump's or Wireshark's words.
pub(super) fn name(link_type: u16) -> &'static str {
    match link_type {
        0 => "BSD loopback",
        1 => "Ethernet",
        6 => "token ring",
        9 => "PPP",
        12 | 14 | 101 => "raw IP",
        50 => "PPP in HDLC framing",
        51 => "PPPoE",
        104 => "Cisco HDLC",
        105 => "802.11",
        107 => "frame relay",
        108 => "OpenBSD loopback",
        113 => "Linux cooked",
        117 => "pflog",
        119 | 127 | 163 | 192 => "802.11 with radio header",
        147..=162 => "private use",
        189 | 220 | 249 => "USB",
        197 => "ERF",
        201 | 187 => "Bluetooth",
        228 => "raw IPv4",
        229 => "raw IPv6",
        239 => "nflog",
        253 => "netlink",
        276 => "Linux cooked v2",
        _ => "not known here",
    }
}

/// What to do with a capture of this link type.
pub(super) fn remedy(link_type: u16) -> &'static str {
    match link_type {
        12 | 14 | 101 | 228 | 229 => {
            "re-capture on an Ethernet interface: a tunnel or tun device has no Ethernet header"
        }
        113 | 276 => {
            "it was captured with `-i any`: re-capture with `-i` and the name of one interface"
        }
        0 | 108 => "re-capture on an Ethernet interface, not on the loopback",
        105 | 119 | 127 | 163 | 192 => {
            "re-capture without monitor mode, or on the wired side of the access point"
        }
        _ => "re-capture on an Ethernet interface",
    }
}
