//! Delta debugging: the smallest part of a list that still does it.
//!
//! Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28(2), 2002,
//! algorithm ddmin. Invariant: of what is left nothing can be left out alone, unless it was stopped.

/// Which of `count` things have to stay for `test` to hold, by their numbers. It holds for all of
/// them; it need not be monotone.
///
/// # Errors
/// What `test` was stopped by.
pub(super) fn ddmin<E>(
    count: usize,
    test: &mut dyn FnMut(&[usize]) -> Result<bool, E>,
) -> Result<Vec<usize>, E> {
    let mut kept: Vec<usize> = (0..count).collect();
    if kept.is_empty() || test(&[])? {
        return Ok(Vec::new());
    }
    let mut parts = 2;
    while kept.len() >= 2 {
        match reduce(&kept, parts, test)? {
            Some(Reduced::To(subset)) => (kept, parts) = (subset, 2),
            Some(Reduced::By(rest)) => (kept, parts) = (rest, (parts - 1).max(2)),
            None if parts < kept.len() => parts = (2 * parts).min(kept.len()),
            None => break,
        }
    }
    Ok(kept)
}

enum Reduced {
    /// One part is enough.
    To(Vec<usize>),
    /// One part is not needed.
    By(Vec<usize>),
}

fn reduce<E>(
    kept: &[usize],
    parts: usize,
    test: &mut dyn FnMut(&[usize]) -> Result<bool, E>,
) -> Result<Option<Reduced>, E> {
    let bounds = |part: usize| (part * kept.len() / parts, (part + 1) * kept.len() / parts);
    for part in 0..parts {
        let (from, to) = bounds(part);
        if test(&kept[from..to])? {
            return Ok(Some(Reduced::To(kept[from..to].to_vec())));
        }
    }
    // Of two parts, the rest of one is the other.
    for part in (0..parts).filter(|_| parts > 2) {
        let (from, to) = bounds(part);
        let rest = [&kept[..from], &kept[to..]].concat();
        if test(&rest)? {
            return Ok(Some(Reduced::By(rest)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    fn least(count: usize, holds: impl Fn(&BTreeSet<usize>) -> bool) -> (Vec<usize>, usize) {
        let mut tests = 0;
        let mut test = |kept: &[usize]| {
            tests += 1;
            Ok::<_, Infallible>(holds(&kept.iter().copied().collect()))
        };
        let kept = ddmin(count, &mut test).unwrap();
        (kept, tests)
    }

    #[test]
    fn what_is_needed_stays_and_nothing_else() {
        for needed in [vec![], vec![0], vec![7], vec![3, 4], vec![0, 99], vec![1, 50, 98]] {
            let set: BTreeSet<usize> = needed.iter().copied().collect();
            let (kept, tests) = least(100, |kept| kept.is_superset(&set));
            assert_eq!(kept, needed);
            assert!(tests <= 200, "{tests} tests for {needed:?}");
        }
        assert_eq!(least(0, |_| true), (vec![], 0));
        assert_eq!(least(1, |kept| kept.len() == 1), (vec![0], 1));
    }

    #[test]
    fn it_can_be_stopped() {
        let mut left = 3;
        let mut test = |_: &[usize]| {
            left -= 1;
            if left == 0 { Err("stopped") } else { Ok(false) }
        };
        assert_eq!(ddmin(100, &mut test), Err("stopped"));
    }

    proptest! {
        /// Also where it is not monotone: an even number of the marked ones, say.
        #[test]
        fn nothing_that_is_left_can_be_left_out_alone(
            marked in prop::collection::btree_set(0usize..24, 1..8),
            parity in any::<bool>(),
        ) {
            let holds = |kept: &BTreeSet<usize>| {
                let n = kept.intersection(&marked).count();
                if parity { n % 2 == marked.len() % 2 && n > 0 } else { n == marked.len() }
            };
            let (kept, _) = least(24, holds);
            let all: BTreeSet<usize> = kept.iter().copied().collect();
            prop_assert!(holds(&all));
            for one in &kept {
                let mut rest = all.clone();
                rest.remove(one);
                prop_assert!(!holds(&rest), "{one} of {kept:?}");
            }
        }
    }
}
