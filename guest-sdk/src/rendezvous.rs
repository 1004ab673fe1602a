//! Rendezvous hashing: every device ranks all hubs and takes the best.
//!
//! Without any memory it gives a device the same hub every time, moves only the devices of a hub that goes away, and
//! spreads in proportion to weights. Not for keeping a device where it is: a hub that joins draws devices to itself.
//!
//! The recipe is fixed, so that SDKs in other languages reach the same hub: the stability tests below hold it.

use twox_hash::XxHash64;

/// How much a key prefers a hub: the hub with the highest score wins.
///
/// 1. `h` is the XXH64 hash, with seed 0, of the key, one zero byte and the hub's host name. Both are UTF-8 with the
///    letters `A` to `Z` made lower-case.
/// 2. `u` is `(floor(h / 2^12) + 0.5) / 2^52`: above 0, below 1, and exact as a 64-bit float.
/// 3. The score is `weight / -ln(u)`.
///
/// The logarithm is the series in this crate's source, which uses nothing but additions, multiplications and divisions
/// of 64-bit floats. These have one right result in every language, which a library's logarithm has not.
///
/// A weight that is not above zero, or not finite, scores negative infinity: such a hub never wins.
///
/// ```
/// let low = berth_sdk::hub_score("sensor-7", "north.azure-devices.net", 1.0);
/// let high = berth_sdk::hub_score("sensor-7", "north.azure-devices.net", 2.0);
/// assert_eq!(high, 2.0 * low);
/// ```
#[must_use]
pub fn hub_score(key: &str, hub: &str, weight: f64) -> f64 {
    if !(weight.is_finite() && weight > 0.0) {
        return f64::NEG_INFINITY;
    }
    let mut bytes = Vec::with_capacity(key.len() + 1 + hub.len());
    bytes.extend(key.bytes().map(|byte| byte.to_ascii_lowercase()));
    bytes.push(0);
    bytes.extend(hub.bytes().map(|byte| byte.to_ascii_lowercase()));
    let hash = XxHash64::oneshot(0, &bytes);
    weight / -ln(unit(hash))
}

/// The hub that the key prefers; of equal scores, the hub whose lower-case name comes first.
///
/// `None` if no hub has a weight above zero.
pub(crate) fn best<'a>(
    key: &str,
    hubs: impl Iterator<Item = &'a str>,
    weight: impl Fn(&str) -> f64,
) -> Option<&'a str> {
    hubs.map(|hub| (hub_score(key, hub, weight(hub)), hub))
        .filter(|(score, _)| score.is_finite())
        .reduce(|best, next| {
            let earlier_name = || next.1.to_ascii_lowercase() < best.1.to_ascii_lowercase();
            if next.0 > best.0 || (next.0 == best.0 && earlier_name()) { next } else { best }
        })
        .map(|(_, hub)| hub)
}

/// The upper 52 bits of a hash as a number between 0 and 1, neither of which it can be.
fn unit(hash: u64) -> f64 {
    const STEPS: f64 = (1_u64 << 52) as f64;
    ((hash >> 12) as f64 + 0.5) / STEPS
}

/// The natural logarithm of a normal number above zero.
///
/// With `x = m * 2^e` and `m` between `1/sqrt(2)` and `sqrt(2)`, and `s = (m - 1) / (m + 1)`, it is
/// `e * ln(2) + 2 * (s + s^3/3 + s^5/5 + … + s^23/23)`, summed from the smallest term.
fn ln(x: f64) -> f64 {
    const FRACTION: u64 = (1 << 52) - 1;
    const EXPONENT_OF_ONE: u64 = 1023;
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i64 - EXPONENT_OF_ONE as i64;
    let mut mantissa = f64::from_bits((bits & FRACTION) | (EXPONENT_OF_ONE << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = (0..=11).rev().fold(0.0, |sum, k| sum * square + 1.0 / f64::from(2 * k + 1));
    exponent as f64 * std::f64::consts::LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const HUBS: [&str; 4] =
        ["north.azure-devices.net", "south.azure-devices.net", "east.azure-devices.net", "west.azure-devices.net"];

    fn spread(key: &str, hubs: &[&'static str]) -> &'static str {
        best(key, hubs.iter().copied(), |_| 1.0).expect("hubs")
    }

    fn ids(count: usize) -> impl Iterator<Item = String> {
        (0..count).map(|n| format!("device-{n}"))
    }

    #[test]
    fn the_hash_is_the_published_one() {
        // The first value is from the algorithm's own description; the second holds how a key and a hub are joined.
        assert_eq!(XxHash64::oneshot(0, b""), 0xEF46_DB37_51D8_E999);
        assert_eq!(XxHash64::oneshot(0, b"device-1\0north.azure-devices.net"), 0x0713_B4F3_1319_571E);
    }

    #[test]
    fn scores_never_change() {
        let scores = HUBS.map(|hub| hub_score("breakroom499-contoso-tstrsd-007", hub, 1.0).to_bits());
        assert_eq!(
            scores,
            [0x3FEB_E58E_F948_846E, 0x4003_48BF_4B29_239F, 0x3FE2_27B1_2F99_A9D0, 0x400A_EB4E_5F46_7D77,]
        );
    }

    #[test]
    fn hubs_never_change() {
        let found: Vec<&str> = ids(12).map(|id| spread(&id, &HUBS).split('.').next().unwrap_or_default()).collect();
        assert_eq!(
            found,
            ["west", "east", "south", "west", "east", "north", "east", "north", "south", "west", "east", "west"]
        );
    }

    #[test]
    fn neither_order_nor_case_matters() {
        let reversed: Vec<&str> = HUBS.iter().rev().copied().collect();
        for id in ids(500) {
            let hub = spread(&id, &HUBS);
            assert_eq!(hub, spread(&id, &reversed));
            assert_eq!(hub, spread(&id.to_uppercase(), &HUBS));
        }
        let shouted = HUBS.map(str::to_uppercase);
        for id in ids(500) {
            let hub = best(&id, shouted.iter().map(String::as_str), |_| 1.0).expect("hubs");
            assert_eq!(hub.to_lowercase(), spread(&id, &HUBS));
        }
    }

    #[test]
    fn only_the_devices_of_a_removed_hub_move() {
        let mut moved = 0;
        for id in ids(2000) {
            let before = spread(&id, &HUBS);
            let after = spread(&id, &HUBS[..3]);
            if before == HUBS[3] {
                moved += 1;
            } else {
                assert_eq!(before, after, "{id}");
            }
        }
        assert!((400..600).contains(&moved), "{moved} of 2000");
    }

    #[test]
    fn a_growing_weight_only_attracts() {
        for id in ids(1000) {
            let before = spread(&id, &HUBS);
            let after = best(&id, HUBS.into_iter(), |hub| if hub == HUBS[0] { 2.0 } else { 1.0 }).expect("hubs");
            assert!(after == before || after == HUBS[0], "{id}");
        }
    }

    #[test]
    fn shares_follow_weights() {
        let weights = BTreeMap::from([(HUBS[0], 1.0), (HUBS[1], 2.0), (HUBS[2], 0.0), (HUBS[3], 5.0)]);
        let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
        for id in ids(8000) {
            let hub = best(&id, HUBS.into_iter(), |hub| weights[hub]).expect("hubs");
            *counts.entry(hub).or_default() += 1.0;
        }
        assert_eq!(counts.get(HUBS[2]), None);
        for (hub, wanted) in [(HUBS[0], 1000.0), (HUBS[1], 2000.0), (HUBS[3], 5000.0)] {
            let share: f64 = counts[hub] / wanted;
            assert!((0.9..1.1).contains(&share), "{hub}: {}", counts[hub]);
        }
    }

    #[test]
    fn hubs_without_weight_never_win() {
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(best("id", HUBS.into_iter(), |_| weight), None);
        }
    }

    #[test]
    fn the_logarithm_is_right() {
        for hash in (0..64).flat_map(|bit| [1_u64 << bit, u64::MAX >> bit]) {
            let x = unit(hash);
            assert!(x > 0.0 && x < 1.0, "{hash:x}");
            let error = (ln(x) - x.ln()).abs() / x.ln().abs();
            assert!(error < 1e-15, "ln({x}): {error:e}");
        }
    }
}
