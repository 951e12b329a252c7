//! The small languages inside a scenario's strings: durations, rates, timings, seeds, hex.
//!
//! Everything is exact: a decimal fraction is read as an integer and a power of ten, and what does
//! not come out whole is refused. The command line reads its options with the same functions.
//!
//! Invariant: no float is made on the way. An error is a sentence of the form `what is wrong,
//! expected what`, which the caller may cut at the comma.

pub mod tc;

use crate::plan::{Ours, Snapped, Timing};
use dataplane::control::Target;
use dataplane::{LcoreId, Mac, Nanos};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// What a duration looks like.
pub const DURATION: &str =
    "a duration with its unit, such as \"250us\", \"1.5ms\", \"10s\" or \"1h\"";
/// What a rate looks like.
pub const RATE: &str = "bits a second, such as \"10G\", \"2.5G\" or \"64k\"";
/// What a timing looks like.
pub const TIMING: &str =
    "\"recorded\", \"scaled=0.5\", \"scaled=1/3\", \"gap=10us\" or \"back-to-back\"";
/// What a seed looks like.
pub const SEED: &str = "a whole number from 0 to 18446744073709551615, or a git commit hash \
                        of 7 to 40 hexadecimal digits";
/// What an Ethernet address looks like.
pub const MAC: &str = "an Ethernet address, such as \"02:00:00:00:01:01\"";
/// What an address looks like.
pub const ADDRESS: &str = "an IPv4 address, such as \"192.0.2.9\"";
/// What an address with its subnet looks like.
pub const SUBNET: &str = "an IPv4 address with its prefix length, such as \"198.51.100.1/24\"";
/// What a destination looks like.
pub const DESTINATION: &str = "a prefix, such as \"203.0.113.0/24\", or \"default\"";
/// What tells the recorded device's frames.
pub const OURS: &str = "an Ethernet or IPv4 address of the recorded device";
/// What a share of lost frames looks like.
pub const LOSS: &str = "a share, such as \"1%\" or \"0.05%\", from 0% to 100%";
/// What the target of a message looks like.
pub const TARGET: &str = "the number of an lcore, or \"workers\"";
/// What a frame looks like.
pub const HEX: &str = "the bytes of a frame in hexadecimal digits; blanks and colons may part them";

/// The longest frame that a scenario may spell out: what net_pcap can carry.
const FRAME_MAX: usize = 65_535;

/// `12.345` as (12345, 3): digits, and how many of them are decimals.
fn decimal(text: &str) -> Option<(u128, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.len() + fraction.len();
    if whole.is_empty() || digits > 30 || text.ends_with('.') {
        return None;
    }
    let mut value = 0u128;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u128::from(byte - b'0');
    }
    Some((value, u32::try_from(fraction.len()).ok()?))
}

/// `digits / 10^decimals × unit`, if that is whole and fits.
fn whole(digits: u128, decimals: u32, unit: u128) -> Option<u64> {
    let product = digits.checked_mul(unit)?;
    let divisor = 10u128.checked_pow(decimals)?;
    if product % divisor != 0 {
        return None;
    }
    u64::try_from(product / divisor).ok()
}

/// Splits `12.5ms` into `12.5` and `ms…`, at the first byte that no number has.
fn number_and_rest(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

/// Reads a duration: numbers with units, the sum of them if there are several (`1h30m`).
///
/// # Errors
/// What is wrong with it.
pub fn duration(text: &str) -> Result<Nanos, String> {
    let mut rest = text.trim();
    let mut total = 0u64;
    if rest.is_empty() {
        return Err(format!("an empty duration, expected {DURATION}"));
    }
    while !rest.is_empty() {
        let (number, tail) = number_and_rest(rest);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let ns: u128 = match unit.trim() {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" | "min" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "" if number == "0" && rest == "0" && total == 0 => 1,
            "" => return Err(format!("\"{text}\" has no unit, expected {DURATION}")),
            _ => return Err(format!("\"{text}\" is no duration, expected {DURATION}")),
        };
        let (digits, decimals) = decimal(number)
            .ok_or_else(|| format!("\"{text}\" is no duration, expected {DURATION}"))?;
        let part = whole(digits, decimals, ns).ok_or_else(|| {
            format!("\"{text}\" is no whole number of nanoseconds below 2^64, expected {DURATION}")
        })?;
        total = total
            .checked_add(part)
            .ok_or_else(|| format!("\"{text}\" is 2^64 ns or more, expected {DURATION}"))?;
        rest = tail;
    }
    Ok(Nanos::new(total))
}

/// Reads a rate in bits a second: a number, then perhaps `k`, `M`, `G` or `T` (powers of 1000),
/// then perhaps `bit`, `bit/s` or `bps`.
///
/// # Errors
/// What is wrong with it.
pub fn rate(text: &str) -> Result<u64, String> {
    let bad = || format!("\"{text}\" is no rate, expected {RATE}");
    let (number, unit) = number_and_rest(text.trim());
    let unit = unit.trim_start();
    let unit = ["bit/s", "bps", "bit"].iter().find_map(|s| unit.strip_suffix(s)).unwrap_or(unit);
    let factor: u128 = match unit {
        "" => 1,
        "k" | "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => return Err(bad()),
    };
    let (digits, decimals) = decimal(number).ok_or_else(bad)?;
    match whole(digits, decimals, factor) {
        Some(0) => Err(format!("a rate of zero passes nothing, expected {RATE}")),
        Some(rate) => Ok(rate),
        None => Err(bad()),
    }
}

/// Reads when the frames of a capture arrive.
///
/// # Errors
/// What is wrong with it.
pub fn timing(text: &str) -> Result<Timing, String> {
    let bad = || format!("\"{text}\" is no timing, expected {TIMING}");
    match text.trim().split_once('=') {
        None if text.trim() == "recorded" => Ok(Timing::Recorded),
        None if text.trim() == "back-to-back" => Ok(Timing::BackToBack),
        Some(("scaled", factor)) => scaled(factor),
        Some(("gap", gap)) => match duration(gap)? {
            Nanos::ZERO => Err("a gap of zero is \"back-to-back\", expected a longer one".into()),
            gap => Ok(Timing::Gap(gap)),
        },
        _ => Err(bad()),
    }
}

/// Reads a factor, a decimal number or a fraction, as a quotient of two 32-bit numbers.
fn scaled(text: &str) -> Result<Timing, String> {
    const WANTED: &str = "a factor such as 0.5, 2 or 1/3";
    let bad = || format!("\"{text}\" is no factor, expected {WANTED}");
    let (num, den) = match text.split_once('/') {
        Some((num, den)) => {
            let (Some((num, 0)), Some((den, 0))) = (decimal(num), decimal(den)) else {
                return Err(bad());
            };
            (num, den)
        }
        None => {
            let (digits, decimals) = decimal(text).ok_or_else(bad)?;
            (digits, 10u128.pow(decimals))
        }
    };
    if num == 0 || den == 0 {
        return Err(format!("a factor of {text} leaves no time at all, expected {WANTED}"));
    }
    let common = gcd(num, den);
    match (u32::try_from(num / common), u32::try_from(den / common)) {
        (Ok(num), Ok(den)) => Ok(Timing::Scaled { num, den }),
        _ => Err(format!("\"{text}\" has more digits than 32 bits hold, expected {WANTED}")),
    }
}

/// Euclid's; neither number is zero.
fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Reads a seed. Digits alone are the number itself, up to 2^64 − 1; else it is a commit hash, of
/// which the seed is the XXH3-64 of the text in lower case.
///
/// # Errors
/// What is wrong with it.
pub fn seed(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Ok(number) = text.parse::<u64>()
        && digits
    {
        return Ok(number);
    }
    // Digits alone are a number, but for a whole hash; and this one is too large.
    let too_large = digits && text.len() != 40;
    if too_large || !(7..=40).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return Err(format!("\"{text}\" is no seed, expected {SEED}"));
    }
    Ok(xxhash_rust::xxh3::xxh3_64(text.to_ascii_lowercase().as_bytes()))
}

/// Reads a share in per cent, as millionths.
///
/// # Errors
/// What is wrong with it.
pub fn loss(text: &str) -> Result<u32, String> {
    let bad = || format!("\"{text}\" is no share, expected {LOSS}");
    let number = text.trim().strip_suffix('%').ok_or_else(bad)?;
    let (digits, decimals) = decimal(number.trim_end()).ok_or_else(bad)?;
    let millionths = whole(digits, decimals, 10_000).ok_or_else(bad)?;
    let millionths = u32::try_from(millionths).map_err(|_| bad())?;
    (millionths <= 1_000_000).then_some(millionths).ok_or_else(bad)
}

/// Reads the target of a message.
///
/// # Errors
/// What is wrong with it.
pub fn target(text: &str) -> Result<Target, String> {
    match text.parse() {
        Ok(id) if id <= LcoreId::MAX => Ok(Target::Lcore(LcoreId(id))),
        Err(_) if text == "workers" => Ok(Target::Workers),
        Ok(_) | Err(_) => Err(format!("\"{text}\" is no target, expected {TARGET}")),
    }
}

/// Reads an Ethernet address.
///
/// # Errors
/// What is wrong with it.
pub fn mac(text: &str) -> Result<Mac, String> {
    text.trim().parse().map_err(|_| format!("\"{text}\" is no Ethernet address, expected {MAC}"))
}

/// Reads an IPv4 address.
///
/// # Errors
/// What is wrong with it.
pub fn address(text: &str) -> Result<Ipv4Addr, String> {
    text.trim().parse().map_err(|_| format!("\"{text}\" is no IPv4 address, expected {ADDRESS}"))
}

/// Reads an address with the length of its prefix.
///
/// # Errors
/// What is wrong with it.
pub fn subnet(text: &str) -> Result<Ipv4Net, String> {
    text.trim().parse().map_err(|_| match text.trim().parse::<Ipv4Addr>() {
        Ok(_) => format!("{text} lacks its prefix length, expected {SUBNET}"),
        Err(_) => format!("\"{text}\" is no IPv4 subnet, expected {SUBNET}"),
    })
}

/// Reads a destination; `default` is 0.0.0.0/0, and an address alone is itself, /32.
///
/// # Errors
/// What is wrong with it.
pub fn destination(text: &str) -> Result<Ipv4Net, String> {
    if text.trim() == "default" {
        return Ok(Ipv4Net::default());
    }
    if let Ok(host) = text.trim().parse::<Ipv4Addr>() {
        return Ok(Ipv4Net::from(host));
    }
    let net: Ipv4Net = text
        .trim()
        .parse()
        .map_err(|_| format!("\"{text}\" is no destination, expected {DESTINATION}"))?;
    match net.trunc() == net {
        true => Ok(net),
        false => Err(format!("{net} has bits set behind its prefix, expected {}", net.trunc())),
    }
}

/// Reads what tells the recorded device's frames from others'.
///
/// # Errors
/// What is wrong with it.
pub fn ours(text: &str) -> Result<Ours, String> {
    if let Ok(mac) = text.trim().parse() {
        return Ok(Ours::Mac(mac));
    }
    match text.trim().parse() {
        Ok(ip) => Ok(Ours::Ip(ip)),
        Err(_) => Err(format!("\"{text}\" is neither a MAC nor an IPv4 address, expected {OURS}")),
    }
}

/// Reads what happens to a frame of which a capture holds only the front.
///
/// # Errors
/// What is wrong with it.
pub fn snapped(text: &str) -> Result<Snapped, String> {
    match text {
        "pad" => Ok(Snapped::Pad),
        "drop" => Ok(Snapped::Drop),
        _ => Err(format!("\"{text}\" is no choice, expected \"pad\" or \"drop\"")),
    }
}

/// A timing as [`timing`] reads it.
pub fn timing_text(timing: Timing) -> String {
    match timing {
        Timing::Recorded => "recorded".to_owned(),
        Timing::Scaled { num, den: 1 } => format!("scaled={num}"),
        Timing::Scaled { num, den } => format!("scaled={num}/{den}"),
        Timing::Gap(gap) => format!("gap={gap}"),
        Timing::BackToBack => "back-to-back".to_owned(),
    }
}

/// What [`ours`] reads.
pub fn ours_text(ours: Ours) -> String {
    match ours {
        Ours::Mac(mac) => mac.to_string(),
        Ours::Ip(ip) => ip.to_string(),
    }
}

/// Reads the bytes of a frame.
///
/// # Errors
/// What is wrong with it.
pub fn hex(text: &str) -> Result<Vec<u8>, String> {
    let mut digits = Vec::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_whitespace() && *c != ':') {
        match c.to_digit(16).and_then(|d| u8::try_from(d).ok()) {
            Some(digit) => digits.push(digit),
            None => return Err(format!("'{c}' is no hexadecimal digit, expected {HEX}")),
        }
    }
    let (pairs, odd) = digits.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(format!("{} digits make no whole bytes, expected {HEX}", digits.len()));
    }
    match pairs.len() {
        0 => Err(format!("a frame without a byte, expected {HEX}")),
        1..=FRAME_MAX => Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect()),
        n => Err(format!("a frame of {n} bytes, expected at most {FRAME_MAX}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(text: &str) -> u64 {
        duration(text).unwrap().get()
    }

    #[test]
    fn durations_are_exact() {
        assert_eq!(ns("10ms"), 10_000_000);
        assert_eq!(ns("1.5ms"), 1_500_000);
        assert_eq!(ns("0.000000001s"), 1);
        assert_eq!(ns("1h"), 3_600_000_000_000);
        assert_eq!(ns("1h30m"), 5_400_000_000_000);
        assert_eq!(ns("250 us"), 250_000);
        assert_eq!(ns("250µs"), 250_000);
        assert_eq!(ns("0"), 0);
        assert_eq!(ns("18446744073709551615ns"), u64::MAX);
    }

    #[test]
    fn what_is_no_duration_says_why() {
        let why = |text| duration(text).unwrap_err();
        assert!(why("10").starts_with("\"10\" has no unit"));
        assert!(why("").starts_with("an empty"));
        assert!(why("1h30").starts_with("\"1h30\" has no unit"));
        for text in ["ms", "-1s", "1.2.3s", "1e3s", "1 fortnight", "+1s", ".5s", "5.s", "1_0s"] {
            assert!(why(text).contains("is no duration"), "{text}: {}", why(text));
        }
        for text in ["0.5ns", "1.0000000001s", "18446744073709551616ns", "999999999999999999h"] {
            assert!(why(text).contains("no whole number of nanoseconds"), "{text}");
        }
        assert!(why("18446744073709551615ns1ns").contains("2^64"));
    }

    #[test]
    fn rates_count_in_powers_of_a_thousand() {
        assert_eq!(rate("10G"), Ok(10_000_000_000));
        assert_eq!(rate("2.5G"), Ok(2_500_000_000));
        assert_eq!(rate("64 kbit/s"), Ok(64_000));
        assert_eq!(rate("9600"), Ok(9600));
        for text in ["0", "G", "10g", "-1", "1.5", "10GB"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn timings_are_exact_quotients() {
        let scaled = |num, den| Ok(Timing::Scaled { num, den });
        assert_eq!(timing("recorded"), Ok(Timing::Recorded));
        assert_eq!(timing("back-to-back"), Ok(Timing::BackToBack));
        assert_eq!(timing("scaled=0.5"), scaled(1, 2));
        assert_eq!(timing("scaled=1/3"), scaled(1, 3));
        assert_eq!(timing("scaled=2"), scaled(2, 1));
        assert_eq!(timing("scaled=4294967295"), scaled(u32::MAX, 1));
        assert_eq!(timing("gap=1.5us"), Ok(Timing::Gap(Nanos::new(1500))));
        for text in ["", "scaled=0", "scaled=1/0", "scaled=4294967296", "gap=0s", "gap=5", "asap"] {
            assert!(timing(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_as_it_was() {
        for text in ["recorded", "scaled=3", "scaled=1/3", "gap=1500ns", "back-to-back"] {
            assert_eq!(timing_text(timing(text).unwrap()), text);
        }
        for text in ["02:00:00:00:00:0a", "192.0.2.9"] {
            assert_eq!(ours_text(ours(text).unwrap()), text);
        }
    }

    #[test]
    fn a_seed_is_a_number_or_the_hash_of_a_hash() {
        assert_eq!(seed("42"), Ok(42));
        assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
        assert!(seed("18446744073709551616").is_err() && seed(&"1".repeat(39)).is_err());
        // XXH3-64 of "deadbeef": pinned, since recorded runs name it.
        assert_eq!(seed("deadbeef"), seed("DEADBEEF"));
        assert_eq!(seed("deadbeef"), Ok(6908366311272898100));
        // Forty digits that happen to be decimal are no number of 64 bits: a hash.
        assert!(seed(&"1".repeat(40)).is_ok());
        for text in ["", "-1", "abcdef", "xyz12345", "1.5"] {
            assert!(seed(text).is_err(), "{text}");
        }
        assert!(seed(&"a".repeat(41)).is_err());
    }

    #[test]
    fn shares_are_exact_millionths() {
        assert_eq!(loss("1%"), Ok(10_000));
        assert_eq!(loss("0.0001 %"), Ok(1));
        assert_eq!(loss("100%"), Ok(1_000_000));
        assert_eq!(loss("0%"), Ok(0));
        for text in ["1", "%", "100.0001%", "0.00001%", "-1%", "1%%", "1e2%"] {
            assert!(loss(text).is_err(), "{text}");
        }
    }

    // B32
    #[test]
    fn destinations_have_no_bits_behind_their_prefix() {
        assert_eq!(destination("default").unwrap().to_string(), "0.0.0.0/0");
        assert_eq!(destination("192.0.2.9").unwrap().to_string(), "192.0.2.9/32");
        assert_eq!(destination("0.0.0.0/0").unwrap().prefix_len(), 0);
        for text in ["192.0.2.9/33", "0.0.0.0/-1", "0.0.0.0/256", "192.0.2.9/"] {
            assert!(destination(text).is_err(), "{text}");
        }
        let why = destination("192.0.2.9/24").unwrap_err();
        assert_eq!(why, "192.0.2.9/24 has bits set behind its prefix, expected 192.0.2.0/24");
    }

    #[test]
    fn frames_are_whole_bytes() {
        assert_eq!(hex("02:00 0a\nFF"), Ok(vec![2, 0, 10, 255]));
        for text in ["", "0", "0g", " "] {
            assert!(hex(text).is_err(), "{text}");
        }
        assert!(hex(&"00".repeat(65_535)).is_ok());
        assert!(hex(&"00".repeat(65_536)).is_err());
    }
}
