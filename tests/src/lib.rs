//! The harness of Berth's black-box suite. A test reads as a sentence:
//!
//! ```no_run
//! # async fn test() {
//! use berth_tests::{Berth, Catalogue, bodies, guests::example};
//!
//! let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("by-suffix", example("by-suffix"))).await;
//! let answer = berth.asks("contoso/by-suffix").with(bodies::first()).await;
//! answer.is_error(403, "rejected");
//! # }
//! ```
//!
//! Every test starts the real `berth serve` on ports the system chooses, with a catalogue in a folder of its own, and
//! talks to it through sockets only. What the server has done is learnt from its log: a test waits for a line, never
//! for time to pass, so the one limit on waiting is generous and only says that nothing will come any more.
//!
//! - [`Berth`]: a running server, its [`Log`](log::Log), and [`startup`] for servers that are not to run.
//! - [`Catalogue`] and [`Policy`]: what it serves, and [`Folder`]: changes to that while it serves.
//! - [`Ask`] and [`Answer`]: one request in HTTP as it should be; [`Line`](tcp::Line): bytes as they should not be.
//! - [`api`]: the admin API, and [`mod@metrics`].
//! - [`Siege`]: servers that many attacks are made against, each a test of its own.
//! - [`mod@tls`]: certificates, and a caller that speaks TLS.
//! - [`author`]: a policy's author, who uses `berth policy`.
//! - [`guests`]: policies compiled from Rust, and hostile ones of a few lines of WebAssembly text.
//! - [`fuzzing`]: what has to hold for any bytes.
//! - [`bodies`]: what DPS sends.
//! - [`load`]: load for benchmarks, and [`compare`]: that of Berth with others.
//! - [`local_dps`]: a running local DPS, its webhook, and devices with official clients.
//! - [`mod@reference`]: what the generated pages in `docs/` have to hold, and [`snippets`]: runs the commands on [`pages`].
//!
//! The binary is the one beside the test's own executable: `cargo build --release -p berth` comes before
//! `cargo test --release -p berth-tests`.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod answer;
pub mod api;
mod ask;
pub mod author;
mod berth;
pub mod bodies;
mod catalogue;
pub mod compare;
mod folder;
pub mod fuzzing;
pub mod guests;
pub mod load;
pub mod local_dps;
pub mod log;
pub mod metrics;
pub mod pages;
pub mod reference;
mod siege;
pub mod snippets;
pub mod startup;
pub mod tcp;
pub mod tls;
mod waiting;

pub use answer::Answer;
pub use ask::{Ask, Connection};
pub use berth::{Berth, binary, is_shipped, target_folder};
pub use catalogue::{Catalogue, Policy, key, key_hash, secondary_key};
pub use folder::Folder;
pub use siege::{Holding, Siege};
pub use waiting::{PATIENCE, within_patience};
