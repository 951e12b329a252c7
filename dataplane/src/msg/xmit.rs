//! What the master has to send: it has no transmit queue, so a worker sends it. Spec 2.5.

use super::{Call, Messages, Payload, Request, Then};
use crate::env::Env;
use crate::planted::Defect;
use crate::types::PortId;
use crate::world::World;

/// Rank 11 on the master: gives a frame to the worker whose turn it is, in the order of their ids.
///
/// The worker takes it through its own rank 11: traffic control and tag are there, once. DPVS: the
/// frame goes through the master's traffic control too, where a tbf keeps it until the next one
/// comes (defect B60); and the turn starts over at each lcore that is no worker (B12).
pub fn master_xmit<W: World>(
    messages: &mut Messages,
    frame: W::Buf,
    device: PortId,
    env: &mut Env<'_, W>,
) {
    let to = env.peers[messages.turn];
    if !env.planted.is(Defect::TurnStuck) {
        messages.turn = (messages.turn + 1) % env.peers.len();
    }
    let payload = Payload::MasterXmit { frame, device };
    let request = Request { payload, call: Call::Async, timeout: None, then: Then::Nothing };
    if let Err(unsent) = messages.unicast(to, request, env) {
        unsent.discard(env);
    }
}
