//! Long runs: swaps under a constant load, a server that is killed again and again, starts of many policies, millions of
//! decisions counted, and a fleet of devices whose DPS is killed. Short in `cargo xtask test`, long in `cargo xtask soak`,
//! which sets the counts.

mod accounts;
mod fleet;
mod kills;
mod random;
mod starts;
mod swaps;

use std::{fmt::Debug, str::FromStr};

/// A count from the environment, or the one of the short form.
fn count<T: FromStr<Err: Debug>>(variable: &str, short: T) -> T {
    std::env::var(variable).map_or(short, |text| text.parse().unwrap())
}
