//! Long runs: swaps under a constant load, and a server that is killed again and again. Short in `cargo xtask test`, long
//! in `cargo xtask soak`, which sets the counts.

mod kills;
mod random;
mod swaps;

use std::{fmt::Debug, str::FromStr};

/// A count from the environment, or the one of the short form.
fn count<T: FromStr<Err: Debug>>(variable: &str, short: T) -> T {
    std::env::var(variable).map_or(short, |text| text.parse().unwrap())
}
