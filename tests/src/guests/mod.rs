//! Policies to serve: real ones, compiled from Rust, and hostile ones of a few lines of WebAssembly text.

mod hostile;
mod reply;
mod rust;

pub use hostile::{Guest, importing, of_another_world, policy_of, section};
pub use reply::Reply;
pub use rust::{built, built_from, example, options, target};
