//! Traffic samples are in a book: what workers put into their iftraf_rings was summed up by the master, or
//! came too late, or still waits there.
//!
//! Invariant: it is asked when the run ends, before the rings are emptied. Not here: what is sampled
//! (`dataplane`, `iftraf.rs`), and samples that found no room (event `sample_lost`).

use super::Breach;
use dataplane::Counters;

/// The name of the oracle.
const NAME: &str = "samples";

/// What is wrong with what all lcores counted, when `waiting` samples are in the rings.
pub(crate) fn check<'a>(
    counters: impl Iterator<Item = &'a Counters>,
    waiting: u64,
) -> Option<Breach> {
    let (mut put, mut summed, mut late) = (0, 0, 0);
    for counters in counters {
        put += counters.iftraf_samples;
        summed += counters.iftraf_summed;
        late += counters.iftraf_late;
    }
    (put != summed + late + waiting).then(|| {
        let why = format!(
            "{put} were put into rings, and {summed} summed up + {late} late + {waiting} waiting were \
             not so many"
        );
        Breach::new(NAME, why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_that_is_nowhere_is_told() {
        let worker = Counters { iftraf_samples: 5, ..Counters::default() };
        let master = Counters { iftraf_summed: 3, iftraf_late: 1, ..Counters::default() };
        let all = [worker, master];
        assert_eq!(check(all.iter(), 1), None);
        let told = check(all.iter(), 0).map(|breach| breach.to_string());
        let told = told.unwrap();
        assert_eq!(
            told,
            "samples: 5 were put into rings, and 3 summed up + 1 late + 0 waiting were not so many"
        );
    }
}
