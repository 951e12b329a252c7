//! Which lcore drains which ring, and how much each holds.

use super::Config;
use crate::job::Role;
use crate::world::{Ring, RingPlan};

impl Config {
    /// Every ring between lcores, always in the same order: by the lcore that drains it.
    pub fn rings(&self) -> Vec<RingPlan> {
        let limits = &self.limits;
        let mut lcores: Vec<_> = self.lcores.iter().collect();
        lcores.sort_by_key(|lcore| lcore.id);
        let mut rings = Vec::new();
        for lcore in lcores {
            let mut add = |ring, room| rings.push(RingPlan { owner: lcore.id, ring, room });
            if lcore.role == Role::Worker {
                add(Ring::Arp, limits.arp_ring);
                add(Ring::Neigh, limits.neigh_ring);
            }
        }
        rings
    }
}
