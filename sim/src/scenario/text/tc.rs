//! What traffic control is told in words: handles, ranges, protocols, types of frames.

use dataplane::tc::{Handle, Range};
use dataplane::wire::ethernet::EtherType;
use dataplane::wire::l4::Protocol;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// What a handle looks like.
pub const HANDLE: &str =
    "a handle: \"root\", \"ingress\", or hexadecimal numbers such as \"1:\" or \"1:10\"";
/// What addresses look like.
pub const ADDRESSES: &str =
    "addresses, such as \"192.0.2.9\", \"192.0.2.0/24\" or \"192.0.2.9-192.0.2.20\"";
/// What ports look like.
pub const PORTS: &str = "ports, such as 53 or \"1024-65535\"";
/// What a protocol looks like.
pub const PROTOCOL: &str =
    "a protocol: \"icmp\", \"tcp\", \"udp\", \"sctp\", or a number up to 255";
/// What the type of a frame looks like.
pub const ETHER_TYPE: &str =
    "the type of a frame: \"ipv4\", \"arp\", \"vlan\", \"ipv6\", or a number such as \"0x88cc\"";

/// Reads a handle.
///
/// # Errors
/// What is wrong with it.
pub fn handle(text: &str) -> Result<Handle, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no handle, expected {HANDLE}"))
}

/// Reads an address, a prefix, or a range.
///
/// # Errors
/// What is wrong with it.
pub fn addresses(text: &str) -> Result<Range<Ipv4Addr>, String> {
    let wrong = || format!("\"{text}\" is no range of addresses, expected {ADDRESSES}");
    let range = if let Some((first, last)) = text.split_once('-') {
        let address = |text: &str| text.trim().parse::<Ipv4Addr>().map_err(|_| wrong());
        Range(address(first)?, address(last)?)
    } else if text.contains('/') {
        let net: Ipv4Net = text.parse().map_err(|_| wrong())?;
        if net.addr() != net.network() {
            return Err(format!("\"{text}\" has bits behind the prefix, expected {}", net.trunc()));
        }
        Range(net.network(), net.broadcast())
    } else {
        let address = text.parse().map_err(|_| wrong())?;
        Range(address, address)
    };
    if range.is_valid() { Ok(range) } else { Err(format!("\"{text}\" ends before it begins")) }
}

/// Reads a port, or a range of ports.
///
/// # Errors
/// What is wrong with it.
pub fn ports(text: &str) -> Result<Range<u16>, String> {
    let wrong = || format!("\"{text}\" is no range of ports, expected {PORTS}");
    let port = |text: &str| text.trim().parse::<u16>().map_err(|_| wrong());
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = Range(port(first)?, port(last)?);
    if range.is_valid() { Ok(range) } else { Err(format!("\"{text}\" ends before it begins")) }
}

/// Reads a protocol: its name or its number.
///
/// # Errors
/// What is wrong with it.
pub fn protocol(text: &str) -> Result<u8, String> {
    let named = match text {
        "icmp" => Protocol::ICMP,
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "sctp" => Protocol::SCTP,
        _ => {
            let number = text.parse();
            return number.map_err(|_| format!("\"{text}\" is no protocol, expected {PROTOCOL}"));
        }
    };
    Ok(named.0)
}

/// Reads the type of a frame: its name or its number.
///
/// # Errors
/// What is wrong with it.
pub fn ether_type(text: &str) -> Result<EtherType, String> {
    let number = text.strip_prefix("0x").map(|digits| u16::from_str_radix(digits, 16));
    match (text, number) {
        ("ipv4", _) => Ok(EtherType::IPV4),
        ("arp", _) => Ok(EtherType::ARP),
        ("vlan", _) => Ok(EtherType::VLAN),
        ("ipv6", _) => Ok(EtherType::IPV6),
        (_, Some(Ok(number))) => Ok(EtherType(number)),
        _ => Err(format!("\"{text}\" is no type of a frame, expected {ETHER_TYPE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_one_or_a_prefix_or_a_range() {
        let shown = |text: &str| match addresses(text) {
            Ok(Range(first, last)) => format!("{first} to {last}"),
            Err(why) => why,
        };
        assert_eq!(shown("192.0.2.9"), "192.0.2.9 to 192.0.2.9");
        assert_eq!(shown("192.0.2.0/30"), "192.0.2.0 to 192.0.2.3");
        assert_eq!(shown("192.0.2.9-192.0.2.20"), "192.0.2.9 to 192.0.2.20");
        assert_eq!(shown("192.0.2.9-192.0.2.8"), "\"192.0.2.9-192.0.2.8\" ends before it begins");
        let wrong = "\"192.0.2.1/24\" has bits behind the prefix, expected 192.0.2.0/24";
        assert_eq!(shown("192.0.2.1/24"), wrong);
        assert!(shown("192.0.2").contains("is no range of addresses"));
    }

    #[test]
    fn ports_protocols_and_types_are_read() {
        assert_eq!(ports("53"), Ok(Range(53, 53)));
        assert_eq!(ports("1024-65535"), Ok(Range(1024, 65_535)));
        assert!(ports("2-1").is_err() && ports("65536").is_err() && ports("").is_err());
        assert_eq!((protocol("udp"), protocol("47")), (Ok(17), Ok(47)));
        assert!(protocol("256").is_err() && protocol("gre").is_err());
        assert_eq!(ether_type("arp"), Ok(EtherType::ARP));
        assert_eq!(ether_type("0x88cc"), Ok(EtherType(0x88cc)));
        assert!(ether_type("88cc").is_err() && ether_type("0x10000").is_err());
        assert!(handle("root").is_ok() && handle("1").is_err());
    }
}
