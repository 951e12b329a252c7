//! What leaves a tbf keeps to its rate: in every window at most `rate × window + burst`, and with a
//! peak rate also `peak × window + minburst`. And nothing leaves one without tokens.
//!
//! Of all windows that end now, the fullest counts: with `lacks` bits above the rate before, it is
//! `max(0, lacks − rate × elapsed) + bits` now (Lindley's recursion), which is to be no more than the
//! burst. Bits are counted in billionths, so that nothing is rounded. Where the clock of a tbf is
//! floored to a quantum, as DPVS does, a window may hold what comes in one quantum more.
//!
//! Rates and bursts are those that the control plane told, and all lcores share one bucket, whatever
//! they say: as long as nobody changed traffic control, a tbf of one name is one.
//!
//! Invariant: time is that of the packets that leave, not that which the tbf was asked for. Not here:
//! the tokens themselves (`dataplane`, `tc/bucket.rs`).

use super::Findings;
use crate::trace::Run;
use dataplane::config::Config;
use dataplane::control::Order;
use dataplane::tc::{BucketId, Handle, Kind, QschConfig, Tbf, TcChange, TokenRate};
use dataplane::{Instant, LcoreId, Nanos, PacketId, PortId};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the oracle.
const NAME: &str = "shaping";
/// Billionths of a bit in a byte.
const BYTE: u128 = 8_000_000_000;

/// How far above its rate a tbf was, at a time.
#[derive(Clone, Copy, Debug, Default)]
struct Above {
    at: Instant,
    rate: u128,
    peak: u128,
}

/// What left all tbfs.
#[derive(Debug, Default)]
pub(super) struct Shaping {
    /// The tbfs of each lcore, as far as is known.
    tbfs: BTreeSet<(LcoreId, PortId, Handle)>,
    /// One for each bucket that tokens were drawn from.
    above: BTreeMap<BucketId, Above>,
    /// Tokens that the running step drew for a packet that has not left yet.
    drawn: Option<(BucketId, Tbf)>,
    quantum: Nanos,
    /// What each tbf was ever told by the control plane.
    told: BTreeMap<(PortId, Handle), Vec<Tbf>>,
    /// Whether tbfs may be other ones than at the start: then a bucket may be a new one.
    changed: bool,
}

impl Shaping {
    /// Nothing has left yet.
    pub fn new(config: &Config) -> Shaping {
        let tbfs = config.qschs.iter().filter(|qsch| matches!(qsch.kind, Kind::Tbf(_)));
        let names =
            tbfs.flat_map(|qsch| config.workers().map(|lcore| (lcore, qsch.dev, qsch.handle)));
        let quantum = config.policy.tbf_quantum;
        let mut shaping = Shaping { tbfs: names.collect(), quantum, ..Shaping::default() };
        config.qschs.iter().for_each(|qsch| shaping.allow(qsch));
        shaping
    }

    /// The lcores look at clocks that differ from that of the run by a tenth at most: so does a quantum, and
    /// each time is rounded.
    pub fn skewed(&mut self) {
        self.quantum = self.quantum.saturating_mul(2) + Nanos::new(2);
    }

    fn allow(&mut self, qsch: &QschConfig) {
        if let Kind::Tbf(tbf) = qsch.kind {
            self.told.entry((qsch.dev, qsch.handle)).or_default().push(tbf);
        }
    }

    /// The control plane was told something.
    pub fn told(&mut self, order: &Order) {
        match order {
            Order::Tc(change) => {
                self.changed = true;
                if let TcChange::Qsch(_, qsch) = change {
                    self.allow(qsch);
                }
            }
            Order::Reload(reload) => {
                self.changed = true;
                let config = reload.config.as_ref();
                config.iter().flat_map(|config| &config.qschs).for_each(|qsch| self.allow(qsch));
            }
            _ => {}
        }
    }

    /// An lcore drew the tokens for a frame.
    pub fn drew(&mut self, lcore: LcoreId, bucket: BucketId, tbf: &Tbf, found: &mut Findings) {
        let BucketId { dev, handle, .. } = bucket;
        // Who was given its name by the control plane is not known by it here.
        let told = self.told.get(&(dev, handle));
        if told.is_some_and(|told| !told.contains(tbf)) {
            let TokenRate { bits, burst } = tbf.rate;
            found.say(NAME, || {
                format!(
                    "lcore {lcore} drew from tbf {handle} of device {} for {bits} bit/s and a burst of \
                     {burst} bytes, which nobody told it",
                    dev.0
                )
            });
        }
        // All lcores share one, whatever they call it.
        let made = if self.changed { bucket.made } else { 0 };
        let bucket = BucketId { made, ..bucket };
        self.tbfs.insert((lcore, bucket.dev, bucket.handle));
        self.drawn = Some((bucket, *tbf));
    }

    /// Traffic control was changed on an lcore.
    pub fn changed(&mut self, lcore: LcoreId, dev: PortId, handle: Handle) {
        // It may be no tbf any more, or its last; its next draw will say.
        self.tbfs.remove(&(lcore, dev, handle));
    }

    /// A Qsch let a frame of `len` bytes go.
    pub fn sent(
        &mut self,
        (at, run): (Instant, Run),
        packet: PacketId,
        (dev, handle, len): (PortId, Handle, u32),
        found: &mut Findings,
    ) {
        let drawn = self.drawn.take().filter(|(id, _)| (id.dev, id.handle) == (dev, handle));
        let Some((bucket, tbf)) = drawn else {
            if self.tbfs.contains(&(run.lcore, dev, handle)) {
                found.say(NAME, || {
                    format!(
                        "packet {} left tbf {handle} of device {} without tokens, at {at} s ({run})",
                        packet.0, dev.0
                    )
                });
            }
            return;
        };
        let above = self.above.entry(bucket).or_default();
        let elapsed = at.saturating_since(above.at);
        above.at = at;
        let more = |above: &mut u128, rate: TokenRate| {
            let gone = u128::from(rate.bits) * u128::from(elapsed.get());
            *above = above.saturating_sub(gone) + u128::from(len) * BYTE;
            let slack = u128::from(rate.bits) * u128::from(self.quantum.get());
            above.saturating_sub(u128::from(rate.burst) * BYTE + slack)
        };
        let over_rate = more(&mut above.rate, tbf.rate);
        let over_peak = tbf.peak.map_or(0, |peak| more(&mut above.peak, peak));
        for (over, rate) in [(over_rate, Some(tbf.rate)), (over_peak, tbf.peak)] {
            if let Some(TokenRate { bits, burst }) = rate.filter(|_| over > 0) {
                found.say(NAME, || {
                    format!(
                        "packet {} of {len} bytes left tbf {handle} of device {} at {at} s ({run}): \
                         {} bytes more than {bits} bit/s and a burst of {burst} bytes allow",
                        packet.0,
                        dev.0,
                        over.div_ceil(BYTE)
                    )
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataplane::job::JobKind;

    const ROOT: Handle = Handle::ROOT;
    const LAN: PortId = PortId(0);
    const BUCKET: BucketId = BucketId { dev: LAN, handle: ROOT, made: 0 };

    /// 8 Mbit/s: a byte a microsecond, and 1000 bytes at once; never more than 200 of them in a row,
    /// and two bytes a microsecond.
    const TBF: Tbf = Tbf {
        rate: TokenRate { bits: 8_000_000, burst: 1000 },
        peak: Some(TokenRate { bits: 16_000_000, burst: 200 }),
        limit: 10_000,
    };

    fn run(lcore: u8) -> Run {
        Run { lcore: LcoreId(lcore), tick: 3, job: JobKind::QschSched }
    }

    /// What is said of frames that left so: when, in nanoseconds, and how long.
    fn told(shaping: &mut Shaping, frames: &[(u64, u32)]) -> String {
        let mut found = Findings::default();
        for (nanos, len) in frames {
            let at = Instant::from_nanos(*nanos);
            shaping.drew(LcoreId(1), BUCKET, &TBF, &mut found);
            shaping.sent((at, run(1)), PacketId(7), (LAN, ROOT, *len), &mut found);
        }
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        list.join("\n")
    }

    #[test]
    fn what_just_keeps_to_both_rates_is_no_breach() {
        // At the peak rate until the burst is used up: 200 bytes and 2 a microsecond, of which one
        // comes in anew; then at the rate.
        let mut frames = vec![(0, 200)];
        frames.extend((1..9).map(|n| (n * 100_000, 200)));
        frames.extend((1..9).map(|n| (800_000 + n * 200_000, 200)));
        assert_eq!(told(&mut Shaping::default(), &frames), "");
    }

    #[test]
    fn a_nanosecond_early_is_a_breach_of_the_rate_or_of_the_peak() {
        let peak = told(&mut Shaping::default(), &[(0, 200), (99_999, 200)]);
        insta::assert_snapshot!(peak, @"shaping: packet 7 of 200 bytes left tbf root of device 0 at 0.000099999 s (lcore 1, tick 3, qsch_sched): 1 bytes more than 16000000 bit/s and a burst of 200 bytes allow");
        let mut frames: Vec<_> = (0..9).map(|n| (n * 100_000, 200)).collect();
        frames.push((999_999, 200));
        insta::assert_snapshot!(told(&mut Shaping::default(), &frames), @"shaping: packet 7 of 200 bytes left tbf root of device 0 at 0.000999999 s (lcore 1, tick 3, qsch_sched): 1 bytes more than 8000000 bit/s and a burst of 1000 bytes allow");
        let mut floored = Shaping { quantum: Nanos::new(1), ..Shaping::default() };
        assert_eq!(told(&mut floored, &frames), "");
    }

    #[test]
    fn what_nobody_told_a_tbf_is_told_and_so_is_a_bucket_of_ones_own() {
        let qsch =
            |tbf| QschConfig { dev: LAN, handle: ROOT, parent: Handle::NONE, kind: Kind::Tbf(tbf) };
        let mut shaping = Shaping::default();
        shaping.allow(&qsch(TBF));
        assert_eq!(told(&mut shaping, &[(0, 200)]), "");
        let mut found = Findings::default();
        let now = (Instant::from_nanos(0), run(2));
        shaping.drew(LcoreId(2), BucketId { made: 2 << 16, ..BUCKET }, &TBF, &mut found);
        shaping.sent(now, PacketId(8), (LAN, ROOT, 100), &mut found);
        let mut other = TBF;
        other.rate.burst += 1;
        shaping.drew(LcoreId(2), BUCKET, &other, &mut found);
        shaping.told(&Order::Tc(TcChange::Qsch(dataplane::tc::Verb::Change, qsch(other))));
        shaping.drew(LcoreId(2), BUCKET, &other, &mut found);
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(list.join("\n"), @r"
        shaping: packet 8 of 100 bytes left tbf root of device 0 at 0.000000000 s (lcore 2, tick 3, qsch_sched): 100 bytes more than 16000000 bit/s and a burst of 200 bytes allow
        shaping: lcore 2 drew from tbf root of device 0 for 8000000 bit/s and a burst of 1001 bytes, which nobody told it
        ");
    }

    #[test]
    fn a_tbf_that_lets_a_frame_go_without_tokens_is_told_until_it_is_changed() {
        let mut shaping = Shaping::default();
        assert_eq!(told(&mut shaping, &[(0, 100)]), "");
        let mut found = Findings::default();
        let sent = (LAN, ROOT, 100);
        let now = |lcore| (Instant::from_nanos(5), run(lcore));
        // Another lcore's Qsch of that name may be another.
        shaping.sent(now(2), PacketId(8), sent, &mut found);
        shaping.sent(now(1), PacketId(9), sent, &mut found);
        shaping.changed(LcoreId(1), LAN, ROOT);
        shaping.sent(now(1), PacketId(10), sent, &mut found);
        let list: Vec<_> = found.into_list().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(list.join("\n"), @"shaping: packet 9 left tbf root of device 0 without tokens, at 0.000000005 s (lcore 1, tick 3, qsch_sched)");
    }
}
