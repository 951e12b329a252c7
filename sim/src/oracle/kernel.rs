//! The kernel gets a frame once: what it has a copy of does not go there itself.
//!
//! Invariant: a copy is a packet of its own, and may find its ring full; the frame it is a copy of stays
//! with us all the same. Not here: what the kernel gets (`dataplane`, `kni.rs`).

use super::identity::Life;
use dataplane::Event;
use dataplane::world::Ring;

/// The name of the oracle.
pub(super) const NAME: &str = "kernel";

/// What is wrong with what happens to a packet.
///
/// # Errors
/// A sentence without its beginning: the packet.
pub(super) fn event(life: &Life, event: &Event) -> Result<(), String> {
    match event {
        Event::RingTx { ring: Ring::Kni(dev), .. } if life.copied => {
            Err(format!("goes to the kernel side of device {}, which has a copy of it", dev.0))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::identity::Birth;
    use dataplane::{LcoreId, PacketId, PortId, QueueId};

    #[test]
    fn a_frame_of_which_the_kernel_has_a_copy_does_not_go_there() {
        let (packet, to) = (PacketId(4), LcoreId(0));
        let mut life = Life::of(packet, Birth::Wire(PortId(0), QueueId(0)));
        let goes = Event::RingTx { packet, ring: Ring::Kni(PortId(0)), to };
        assert_eq!(event(&life, &goes), Ok(()));
        life.copied = true;
        let wrong = event(&life, &goes).unwrap_err();
        assert_eq!(wrong, "goes to the kernel side of device 0, which has a copy of it");
        let other = Event::RingTx { packet, ring: Ring::IcmpRedirect, to };
        assert_eq!(event(&life, &other), Ok(()));
    }
}
