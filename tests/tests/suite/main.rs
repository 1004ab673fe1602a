//! The black-box suite: one binary, one module for each behaviour. How a test is written is in the crate's library.

fn main() {}
