//! Numbers with a meaning: each index and address is a type of its own.

use std::fmt;
use std::str::FromStr;

/// An lcore: a core that runs one loop of jobs. Range 0..=63 (`DPVS_MAX_LCORE` is 64).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LcoreId(pub u8);

/// A device: physical ports first, in the order of the configuration, then VLAN devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortId(pub u16);

/// A receive or transmit queue of a port. Range 0..=15 (`NETIF_MAX_QUEUES` is 16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueId(pub u16);

/// The VLAN identifier of IEEE 802.1Q. Range 1..=4094: 0 is a priority tag, 4095 is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VlanId(u16);

/// An Ethernet address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

/// The name of a device, by value: 1 to 47 bytes of visible ASCII. An order names its device so, and
/// the master finds out its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceName {
    bytes: [u8; DeviceName::MAX],
    len: u8,
}

impl DeviceName {
    /// The longest name, in bytes: one of 32 with the `.4094.kni` of its VLAN's kernel side fits.
    pub const MAX: usize = 47;

    /// The name, if a device can have it.
    pub fn try_new(name: &str) -> Option<DeviceName> {
        let visible = name.bytes().all(|b| b.is_ascii_graphic());
        let len = u8::try_from(name.len()).ok().filter(|len| *len > 0 && visible)?;
        let mut bytes = [0; DeviceName::MAX];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(DeviceName { bytes, len })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl LcoreId {
    /// The highest lcore there may be.
    pub const MAX: u8 = 63;
}

impl PortId {
    /// This port as an index into a table of ports.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl QueueId {
    /// This queue as an index into a table of queues.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl VlanId {
    /// The VLAN `vid`, or nothing for 0, 4095 and what 12 bits cannot hold.
    pub const fn try_new(vid: u16) -> Option<VlanId> {
        match vid {
            1..=4094 => Some(VlanId(vid)),
            _ => None,
        }
    }

    /// The number, 1..=4094.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Mac {
    /// ff:ff:ff:ff:ff:ff
    pub const BROADCAST: Mac = Mac([0xff; 6]);
    /// 00:00:00:00:00:00
    pub const ZERO: Mac = Mac([0; 6]);

    /// Whether the group bit is set (broadcast included).
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether this is ff:ff:ff:ff:ff:ff.
    pub fn is_broadcast(self) -> bool {
        self == Mac::BROADCAST
    }
}

impl fmt::Display for LcoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The text is not six pairs of hexadecimal digits with colons between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an Ethernet address is six pairs of hexadecimal digits, such as 02:00:00:00:00:0a")]
pub struct BadMac;

impl FromStr for Mac {
    type Err = BadMac;

    fn from_str(text: &str) -> Result<Mac, BadMac> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|p| p.len() == 2).ok_or(BadMac)?;
            if !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(BadMac);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| BadMac)?;
        }
        match parts.next() {
            None => Ok(Mac(octets)),
            Some(_) => Err(BadMac),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // B22
    #[test]
    fn an_address_prints_as_it_is_read() {
        let mac: Mac = "02:00:00:00:0a:ff".parse().unwrap();
        assert_eq!(mac, Mac([2, 0, 0, 0, 0x0a, 0xff]));
        assert_eq!(mac.to_string(), "02:00:00:00:0a:ff");
    }

    // B22
    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "02", "02:00:00:00:00", "02:00:00:00:00:00:00", "2:0:0:0:0:0", "+2:00:00:00:00:00"]
        {
            assert_eq!(text.parse::<Mac>(), Err(BadMac), "{text}");
        }
    }

    // B25
    #[test]
    fn a_name_of_47_bytes_fits_and_one_more_does_not() {
        let name = |n| DeviceName::try_new(&"x".repeat(n));
        assert_eq!(name(47).map(|name| name.to_string()), Some("x".repeat(47)));
        assert_eq!((name(0), name(48), DeviceName::try_new("a b")), (None, None, None));
    }

    // B25
    #[test]
    fn vlan_0_and_4095_are_no_vlans() {
        assert_eq!(VlanId::try_new(0), None);
        assert_eq!(VlanId::try_new(1).map(VlanId::get), Some(1));
        assert_eq!(VlanId::try_new(4094).map(VlanId::get), Some(4094));
        assert_eq!(VlanId::try_new(4095), None);
    }
}
