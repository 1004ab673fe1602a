//! Runs the commands of a Markdown page as a reader would: in order, in one folder, each after the one before it.
//!
//! What a fenced block is for stands after its opening backticks:
//!
//! | block | what happens |
//! | --- | --- |
//! | `` ```sh `` | runs; has to succeed |
//! | `` ```sh fails `` | runs; has to fail |
//! | `` ```sh background until="TEXT" `` | runs on; the next block waits until it has printed a line with `TEXT` |
//! | `` ```sh until="TEXT" `` | runs; then waits until a background block has printed another line with `TEXT` |
//! | `` ```sh NAME `` | is not run here, but [`Page::elsewhere`] tells of it by this name |
//! | `` ```rust file=src/lib.rs `` | is written to that file, whatever the language |
//! | `` ```text ``, `` ```json `` next after a `sh` | what the command prints to standard output |
//! | `` ```text stderr `` next after a `sh` | what it prints to standard error |
//! | any other | is only shown |
//!
//! In expected text, `…` stands for anything within a line, and a line of nothing but `…` for any number of lines. JSON
//! is compared as values: `"…"` stands for any value, other texts may hold `…`, and a member `"…"` allows further members.
//! After a background block, what is expected is compared with what it printed up to readiness, on either stream.
//!
//! Variables and the working directory carry over from block to block. Nothing waits for time to pass: a background
//! block is ready when its log says so.

mod expected;
mod page;
mod reader;
mod shell;

pub use page::{Block, Page, Role};
pub use shell::Walk;
