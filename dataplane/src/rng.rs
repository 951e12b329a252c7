//! All randomness of a run: one seed, and streams that are forked from it by name.
//!
//! A stream is named by where it is used, such as `lcore.1.neigh`. What it draws depends on the seed and
//! on its name alone, so that a new consumer shifts the draws of no other.

/// A stream of random numbers: xoshiro256** by Blackman and Vigna, seeded through SplitMix64.
#[derive(Clone, Debug)]
pub struct Rng {
    seed: u64,
    state: [u64; 4],
}

impl Rng {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Rng {
        let mut mixer = SplitMix64(seed);
        Rng { seed, state: std::array::from_fn(|_| mixer.next()) }
    }

    /// The stream `name` below this one. It is the same whatever was drawn or forked before.
    #[must_use]
    pub fn fork(&self, name: &str) -> Rng {
        // FNV-1a over the name, mixed with the seed: fixed for ever, on every machine.
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
        Rng::new(SplitMix64(self.seed ^ hash).next())
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let (c1, d1) = (c ^ a, d ^ b);
        self.state = [a ^ d1, b ^ c1, c1 ^ (b << 17), d1.rotate_left(45)];
        b.wrapping_mul(5).rotate_left(7).wrapping_mul(9)
    }

    /// A number below `bound`, each as likely as the other. `bound` must not be zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below zero");
        // What lies beyond the last whole multiple of the bound would favour small numbers.
        let reject = (u64::MAX % bound + 1) % bound;
        loop {
            let draw = self.next_u64();
            if draw <= u64::MAX - reject {
                return draw % bound;
            }
        }
    }
}

struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generators_are_those_that_were_published() {
        // SplitMix64 from seed 1234567: the first outputs of Vigna's splitmix64.c.
        let mut mixer = SplitMix64(1_234_567);
        assert_eq!(mixer.next(), 6_457_827_717_110_365_317);
        assert_eq!(mixer.next(), 3_203_168_211_198_807_973);
        assert_eq!(mixer.next(), 9_817_491_932_198_370_423);
        // xoshiro256** from state 1, 2, 3, 4: the first outputs of Vigna's xoshiro256starstar.c.
        let mut rng = Rng { seed: 0, state: [1, 2, 3, 4] };
        let draws: [u64; 5] = std::array::from_fn(|_| rng.next_u64());
        assert_eq!(
            draws,
            [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360]
        );
    }

    #[test]
    fn a_stream_depends_on_seed_and_name_alone() {
        let mut root = Rng::new(7);
        let first = root.fork("wire.lan").next_u64();
        let _ = root.next_u64();
        let _ = root.fork("nobody.uses.this").next_u64();
        assert_eq!(root.fork("wire.lan").next_u64(), first);
        assert_ne!(root.fork("wire.wan").next_u64(), first);
        assert_ne!(Rng::new(8).fork("wire.lan").next_u64(), first);
    }

    #[test]
    fn a_bound_is_never_reached() {
        let mut rng = Rng::new(1);
        let mut seen = [false; 7];
        for _ in 0..1000 {
            seen[usize::try_from(rng.below(7)).unwrap()] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(rng.below(1), 0);
    }
}
