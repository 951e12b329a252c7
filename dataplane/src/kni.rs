//! The kernel side of a device: what we do not handle goes there, and what it sends leaves by us.
//!
//! Called from ranks 0 to 4 of the path, and by the jobs kni_loop and kni_master_proc. Spec 10.
//!
//! Invariant: the kernel gets the frame as the device received it, from its Ethernet header on and
//! without the tag of a VLAN device; it gets a frame once.
//! Not here: the kernel. It is behind a port, as a wire is.
//!
//! DPVS: kni.c, netif.c `kni_ingress`. A frame that found the ring full was freed and not counted
//! (defect B92); with FORWARD2KNI on a VLAN device nobody got it (B101).

use crate::device::Device;
use crate::drop::DropReason;
use crate::env::Env;
use crate::event::{Consumer, Event, Made};
use crate::packet::{Buf, Meta};
use crate::planted::Defect;
use crate::types::PortId;
use crate::wire::ethernet;
use crate::world::{Parcel, Ring, World};

/// Hands a packet, without its Ethernet header, to the kernel side of `device`; drops it for the
/// reason `otherwise` when there is none.
pub fn packet<W: World>(
    mut buf: W::Buf,
    device: PortId,
    otherwise: DropReason,
    env: &mut Env<'_, W>,
) {
    if env.devices.get(device).kni.is_none() {
        return env.drop(buf, otherwise);
    }
    match buf.unstrip(ethernet::HEADER_LEN) {
        Ok(()) => frame(buf, device, otherwise, env),
        Err(_) => env.drop(buf, DropReason::NoHeadroom),
    }
}

/// The same for a packet that has its Ethernet header.
pub fn frame<W: World>(buf: W::Buf, device: PortId, otherwise: DropReason, env: &mut Env<'_, W>) {
    if env.devices.get(device).kni.is_none() {
        return env.drop(buf, otherwise);
    }
    let copied = buf.meta().flags & Meta::COPIED != 0;
    if copied && !env.planted.is(Defect::KniTwice) {
        return env.consume(buf, Consumer::Kni);
    }
    enqueue(buf, device, env);
}

/// Gives the kernel a copy of every frame of a device that asks for it (`FORWARD2KNI`).
#[inline]
pub fn copy<W: World>(frames: &mut [W::Buf], device: &Device, env: &mut Env<'_, W>) {
    if !device.kni.is_some_and(|kni| kni.forward) {
        return;
    }
    for buf in frames {
        if let Some(mut copy) = env.duplicate(buf, Made::KniCopy) {
            copy.meta_mut().flags = 0;
            buf.meta_mut().flags |= Meta::COPIED;
            enqueue(copy, device.id, env);
        }
    }
}

fn enqueue<W: World>(mut buf: W::Buf, device: PortId, env: &mut Env<'_, W>) {
    let Some(kni) = env.devices.get(device).kni else { unreachable!("the callers looked") };
    buf.meta_mut().port = device;
    let (packet, ring) = (buf.meta().id, Ring::Kni(device));
    match env.world.send(kni.lcore, ring, Parcel::Frame(buf)) {
        Ok(()) => env.world.observe(Event::RingTx { packet, ring, to: kni.lcore }),
        Err(_) if env.planted.is(Defect::KniRingLost) => {}
        Err(Parcel::Frame(buf)) => env.drop(buf, DropReason::KniRingFull),
        Err(_) => unreachable!("what came back is what was sent"),
    }
}
