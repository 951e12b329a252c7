use crate::tc::{Tbf, TokenBucket, TokenRate};
use crate::time::{Instant, Nanos};
use proptest::prelude::*;

fn tbf(bits: u64, burst: u64) -> Tbf {
    Tbf { rate: TokenRate { bits, burst }, peak: None, limit: 1_000_000 }
}

fn ns(n: u64) -> Instant {
    Instant::from_nanos(n)
}

#[test]
fn a_full_bucket_lets_its_burst_pass_and_then_one_frame_per_its_time() {
    // The example of the specification: 8 Mbit/s and 10000 bytes.
    let tbf = tbf(8_000_000, 10_000);
    let mut bucket = TokenBucket::default();
    for _ in 0..10 {
        assert_eq!(bucket.draw(&tbf, 1000, ns(5)), Ok(()));
    }
    assert_eq!(bucket.draw(&tbf, 1000, ns(5)), Err(ns(1_000_005)));
    assert_eq!(
        bucket.draw(&tbf, 1000, ns(1_000_004)),
        Err(ns(1_000_005)),
        "not a nanosecond early"
    );
    assert_eq!(bucket.draw(&tbf, 1000, ns(1_000_005)), Ok(()));
    assert_eq!(bucket.draw(&tbf, 1, ns(1_000_005)), Err(ns(1_001_005)));
}

#[test]
fn a_failed_draw_takes_nothing_and_keeps_the_time_that_has_passed() {
    let tbf = tbf(8_000, 100);
    let mut asked = TokenBucket::default();
    let mut left_alone = TokenBucket::default();
    for bucket in [&mut asked, &mut left_alone] {
        bucket.draw(&tbf, 100, ns(0)).unwrap();
    }
    for at in 0..1_000 {
        assert!(asked.draw(&tbf, 100, ns(at * 7)).is_err());
    }
    assert_eq!(asked.draw(&tbf, 100, ns(100_000_000)), left_alone.draw(&tbf, 100, ns(100_000_000)));
    assert_eq!(asked, left_alone);
}

// Defect B65.
#[test]
fn a_rate_that_divides_nothing_is_not_rounded() {
    // 7 bits a second: a byte takes 8/7 s, which is no whole number of nanoseconds.
    let tbf = tbf(7, 1);
    let mut bucket = TokenBucket::default();
    bucket.draw(&tbf, 1, ns(0)).unwrap();
    let mut sent = 0;
    let mut now = ns(0);
    for _ in 0..7_000 {
        now = bucket.draw(&tbf, 1, now).unwrap_err();
        bucket.draw(&tbf, 1, now).unwrap();
        sent += 1;
    }
    // Each wait is rounded up by less than a nanosecond, and the next one begins with the rest.
    let exact = 8_000_000_000_u64 * sent / 7;
    assert!(now >= ns(exact) && now < ns(exact + sent), "{now} {exact}");
}

#[test]
fn the_peak_rate_spreads_what_the_burst_would_let_pass_at_once() {
    let peak = Some(TokenRate { bits: 2_000_000, burst: 1540 });
    let tbf = Tbf { peak, ..tbf(1_000_000, 10_240) };
    let mut bucket = TokenBucket::default();
    bucket.draw(&tbf, 1014, ns(0)).unwrap();
    // 1540 - 1014 are left, and 488 more take 1952 µs at 250000 bytes a second.
    assert_eq!(bucket.draw(&tbf, 1014, ns(161_790)), Err(ns(1_952_000)));
}

#[test]
fn largest_and_smallest_numbers_do_not_overflow() {
    let largest = tbf(10_000_000_000_000, u64::from(u32::MAX));
    let mut bucket = TokenBucket::default();
    bucket.draw(&largest, 65_535, ns(u64::MAX)).unwrap();
    bucket.draw(&largest, 65_535, ns(0)).unwrap();
    let slowest = tbf(1, 1);
    let mut bucket = TokenBucket::default();
    bucket.draw(&slowest, 1, ns(u64::MAX - 1)).unwrap();
    assert_eq!(bucket.draw(&slowest, 1, ns(u64::MAX)), Err(Instant::MAX));
}

/// Whoever wants to send frames of these lengths, each so long after the one before was sent or
/// tried, and waits as long as it is told.
fn departures(tbf: &Tbf, frames: &[(u64, usize)], quantum: u64) -> Vec<(Instant, usize)> {
    let mut bucket = TokenBucket::default();
    let mut now = Instant::EPOCH;
    let mut sent = Vec::new();
    for (gap, len) in frames.iter().filter(|(_, len)| *len as u64 <= tbf.max_frame()) {
        now += Nanos::new(*gap);
        loop {
            let clock = now.floor_to(Nanos::new(quantum));
            match bucket.draw(tbf, *len, clock) {
                Ok(()) => break sent.push((clock, *len)),
                Err(ready) => now = ready.ceil_to(Nanos::new(quantum)),
            }
        }
    }
    sent
}

/// Every window between two departures: never more than `rate × window + burst`.
fn conforms(sent: &[(Instant, usize)], rate: TokenRate) {
    for (from, (start, _)) in sent.iter().enumerate() {
        let mut bytes = 0_u128;
        for (end, len) in &sent[from..] {
            bytes += *len as u128;
            let window = u128::from((*end - *start).get());
            let allowed = u128::from(rate.bits) * window + u128::from(rate.burst) * 8_000_000_000;
            assert!(bytes * 8_000_000_000 <= allowed, "{bytes} bytes in {window} ns");
        }
    }
}

proptest! {
    #[test]
    fn every_window_has_at_most_rate_times_window_plus_burst(
        bits in 8_u64..10_000_000_000,
        burst in 1_u64..20_000,
        peak in prop::option::of((1_u64..4, 1500_u64..4000)),
        frames in prop::collection::vec((0_u64..3_000_000, 1_usize..1600), 1..120),
        quantum in prop::sample::select(vec![1, 1_000, 4_000_000]),
    ) {
        let peak = peak.map(|(times, burst)| TokenRate { bits: bits * times, burst });
        let tbf = Tbf { peak, ..tbf(bits, burst) };
        let sent = departures(&tbf, &frames, quantum);
        conforms(&sent, tbf.rate);
        if let Some(peak) = peak {
            conforms(&sent, peak);
        }
    }

    #[test]
    fn whoever_waits_as_long_as_it_is_told_waits_no_longer_than_needed(
        bits in 8_u64..10_000_000_000,
        lens in prop::collection::vec(1_usize..1500, 1..60),
    ) {
        let tbf = tbf(bits, 1500);
        let mut bucket = TokenBucket::default();
        let mut now = Instant::EPOCH;
        for len in lens {
            if let Err(ready) = bucket.draw(&tbf, len, now) {
                let before = ns(ready.as_nanos() - 1);
                prop_assert!(bucket.clone().draw(&tbf, len, before).is_err());
                now = ready;
                prop_assert_eq!(bucket.draw(&tbf, len, now), Ok(()));
            }
        }
    }
}
