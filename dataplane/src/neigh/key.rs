//! What a neighbour is found by.
//!
//! Invariant: keys are in the order of device and address. Not here: who is found (`neigh.rs`).

use crate::index;
use crate::types::PortId;
use std::net::Ipv4Addr;

/// A device and an address on its link, in the order of both, and in one word: it is compared with
/// others for each packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

impl Key {
    pub fn new(port: PortId, address: Ipv4Addr) -> Key {
        Key(u64::from(port.0) << 32 | u64::from(address.to_bits()))
    }

    #[inline]
    pub fn hash(self) -> u32 {
        index::hash(self.0, 0)
    }

    pub fn port(self) -> PortId {
        let [.., low, high, _, _] = self.0.to_le_bytes();
        PortId(u16::from_le_bytes([low, high]))
    }

    pub fn address(self) -> Ipv4Addr {
        let [a, b, c, d, ..] = self.0.to_le_bytes();
        Ipv4Addr::from_bits(u32::from_le_bytes([a, b, c, d]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn neighbours_are_in_the_order_of_device_and_address(
            (a, b) in any::<((u16, Ipv4Addr), (u16, Ipv4Addr))>(),
        ) {
            let key = |(port, address)| Key::new(PortId(port), address);
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
            prop_assert_eq!((key(a).port().0, key(a).address()), a);
        }
    }
}
