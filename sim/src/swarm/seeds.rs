//! Which seeds, and which of them are a shard's.
//!
//! Shard `i` of `n` takes the seeds with `seed mod n = i − 1`. One seed of a hundred, chosen by its
//! hash, is also taken by the shard after its own: the two must agree, so that a merge finds what
//! differs between machines.
//!
//! Invariant: all shards of `n` together take every seed, and no other. Not here: where the number of
//! a shard comes from (`environment.rs`).

use std::fmt;
use std::str::FromStr;
use xxhash_rust::xxh3::xxh3_64;

/// One seed of so many is taken by two shards.
const OVERLAP: u64 = 100;

/// Seeds in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// The one behind the last.
    pub end: u64,
}

impl FromStr for Seeds {
    type Err = String;

    /// `0..1000`, the end exclusive; `_` may group digits.
    fn from_str(text: &str) -> Result<Seeds, String> {
        let wrong = || format!("\"{text}\" are no seeds, expected A..B, such as 0..1000");
        let (first, end) = text.split_once("..").ok_or_else(wrong)?;
        let number = |digits: &str| digits.replace('_', "").parse().map_err(|_| wrong());
        match (number(first)?, number(end)?) {
            (first, end) if first < end => Ok(Seeds { first, end }),
            _ => Err(format!("\"{text}\" has no seed: B is the one behind the last")),
        }
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.end)
    }
}

/// A part of the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 1.
    number: u64,
    /// How many there are.
    of: u64,
}

impl Shard {
    /// All there is to do.
    pub const WHOLE: Shard = Shard { number: 1, of: 1 };

    /// Shard `number` of `of`.
    ///
    /// # Errors
    /// There is no such shard.
    pub fn new(number: u64, of: u64) -> Result<Shard, String> {
        match (1..=of).contains(&number) {
            true => Ok(Shard { number, of }),
            false => Err(format!("there is no shard {number}/{of}: they are 1/{of} to {of}/{of}")),
        }
    }

    /// Whether this shard takes the seed.
    pub fn takes(self, seed: u64) -> bool {
        let owner = seed % self.of;
        owner == self.number - 1 || is_taken_twice(seed) && (owner + 1) % self.of == self.number - 1
    }

    /// How many of the seeds are its own, without those that it takes to compare.
    pub fn own(self, seeds: Seeds) -> u64 {
        // How many seeds below this one are the shard's.
        let below = |seed: u64| seed / self.of + u64::from(seed % self.of >= self.number);
        below(seeds.end) - below(seeds.first)
    }

    /// The seeds that it takes, in order.
    pub fn seeds(self, seeds: Seeds) -> impl Iterator<Item = u64> + Clone {
        (seeds.first..seeds.end).filter(move |seed| self.takes(*seed))
    }

    /// `shard 3/8: 1,250 seeds`
    pub fn line(self, seeds: Seeds) -> String {
        let own = grouped(self.own(seeds));
        let again = match self.of {
            1 => String::new(),
            _ => format!(", and 1 in {OVERLAP} of another shard's, to compare"),
        };
        format!("shard {self}: {own} seeds{again}")
    }
}

fn is_taken_twice(seed: u64) -> bool {
    xxh3_64(&seed.to_le_bytes()).is_multiple_of(OVERLAP)
}

impl FromStr for Shard {
    type Err = String;

    /// `3/8`
    fn from_str(text: &str) -> Result<Shard, String> {
        let wrong = || format!("\"{text}\" is no shard, expected I/N, such as 3/8, or env");
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let parse = |digits: &str| digits.parse().map_err(|_| wrong());
        Shard::new(parse(number)?, parse(of)?)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// A number with commas: `1,250`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read_as_they_are_written() {
        assert_eq!("0..1_000".parse(), Ok(Seeds { first: 0, end: 1000 }));
        let all = format!("0..{}", u64::MAX);
        assert_eq!(all.parse::<Seeds>().unwrap().to_string(), all);
        for (text, why) in [
            ("5", "are no seeds"),
            ("a..5", "are no seeds"),
            ("..5", "are no seeds"),
            ("5..5", "has no seed"),
            ("6..5", "has no seed"),
        ] {
            let error = text.parse::<Seeds>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_shard_is_one_of_them() {
        assert_eq!("8/8".parse::<Shard>().unwrap().to_string(), "8/8");
        for (text, why) in [
            ("0/8", "no shard 0/8: they are 1/8 to 8/8"),
            ("9/8", "no shard 9/8"),
            ("1/0", "no shard 1/0"),
            ("3", "is no shard"),
            ("x/8", "is no shard"),
        ] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn the_shards_take_all_seeds_and_some_twice() {
        for (of, seeds) in [(1, 0..40), (2, 3..1000), (3, 17..1234), (7, 0..10_000), (50, 90..99)] {
            let seeds = Seeds { first: seeds.start, end: seeds.end };
            let shards: Vec<Shard> = (1..=of).map(|i| Shard::new(i, of).unwrap()).collect();
            let mut twice = 0;
            for seed in seeds.first..seeds.end {
                let takers = shards.iter().filter(|shard| shard.takes(seed)).count();
                assert_eq!(takers, 1 + usize::from(of > 1 && is_taken_twice(seed)), "{seed}/{of}");
                twice += u64::from(takers == 2);
            }
            let own: u64 = shards.iter().map(|shard| shard.own(seeds)).sum();
            assert_eq!(own, seeds.end - seeds.first);
            let taken: usize = shards.iter().map(|shard| shard.seeds(seeds).count()).sum();
            assert_eq!(taken as u64, own + twice);
            assert!(own < 9_000 || (80..120).contains(&twice), "{twice} of {own}");
        }
    }

    #[test]
    fn a_shard_says_how_much_it_has_to_do() {
        let seeds = Seeds { first: 0, end: 10_000 };
        assert_eq!(
            Shard::new(3, 8).unwrap().line(seeds),
            "shard 3/8: 1,250 seeds, and 1 in 100 of another shard's, to compare"
        );
        assert_eq!(Shard::WHOLE.line(seeds), "shard 1/1: 10,000 seeds");
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1000, 1_234_567].map(grouped)[..]);
    }
}
