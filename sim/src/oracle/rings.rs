//! A ring between lcores refuses only when it is full, and holds no more than it was told to.
//!
//! Invariant: what a ring may hold is read from the limits, by its kind. A call that was made to fail is
//! not asked about. Not here: what becomes of what was refused (`ledger.rs`).

use super::Findings;
use crate::trace::Run;
use dataplane::config::Limits;
use dataplane::world::Ring;
use dataplane::{Instant, LcoreId};

/// The name of the oracle.
const NAME: &str = "rings";

/// What each ring may hold.
#[derive(Debug)]
pub(super) struct Rings(Limits);

impl Rings {
    /// By these limits.
    pub fn new(limits: &Limits) -> Rings {
        Rings(limits.clone())
    }

    fn room(&self, ring: Ring) -> u32 {
        match ring {
            Ring::Arp => self.0.arp_ring,
            Ring::Neigh => self.0.neigh_ring,
            Ring::Msg => self.0.msg_ring,
            Ring::IcmpRedirect => self.0.icmp_redirect_ring,
            Ring::Isol(..) => self.0.isol_ring,
            Ring::Kni(_) => self.0.kni_ring,
            Ring::Iftraf(_) => self.0.iftraf_ring,
        }
    }

    /// A ring of `to` was given something when it held `held`: whether it took it.
    pub fn given(
        &self,
        (at, run): (Instant, Run),
        (to, ring): (LcoreId, Ring),
        (held, took): (u32, bool),
        found: &mut Findings,
    ) {
        let room = self.room(ring);
        if took == (held < room) {
            return;
        }
        let did = if took { "took one more" } else { "refused" };
        found.say(NAME, || {
            format!(
                "{} of lcore {to} {did} when it held {held}, of {room} that it may: at {at} s ({run})",
                ring.name()
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataplane::job::JobKind;

    #[test]
    fn a_ring_that_refuses_too_early_or_takes_too_much_is_told() {
        let rings = Rings::new(&Limits { arp_ring: 4, ..Limits::default() });
        let run = Run { lcore: LcoreId(1), tick: 3, job: JobKind::RecvFwd };
        let mut found = Findings::default();
        for given in [(3, true), (4, false), (3, false), (4, true)] {
            rings.given((Instant::EPOCH, run), (LcoreId(2), Ring::Arp), given, &mut found);
        }
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(list.join("\n"), @r"
        rings: arp_ring of lcore 2 refused when it held 3, of 4 that it may: at 0.000000000 s (lcore 1, tick 3, recv_fwd)
        rings: arp_ring of lcore 2 took one more when it held 4, of 4 that it may: at 0.000000000 s (lcore 1, tick 3, recv_fwd)
        ");
    }
}
