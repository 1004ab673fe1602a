//! The black-box suite: one binary, one module for each behaviour. How a test is written is in the crate's library.

mod architecture;
mod readme;
mod reference;
