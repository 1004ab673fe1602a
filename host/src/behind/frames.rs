//! What crosses between the server and the process behind it, and how.
//!
//! A frame is its length in four bytes, a message in postcard's form, and perhaps bytes that belong to it. The process
//! believes what it is told. The server takes what comes back for what a policy may say, and no more than so many bytes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::words::{LimitsWord, Ran};
use crate::contract::Limits;

/// Bytes of a frame's length.
pub(super) const HEAD: usize = 4;

/// What the server tells the process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// The first: no decision may have more than this.
    Begin(#[serde(with = "LimitsWord")] Limits),
    /// From now on this number is the program whose code comes with it.
    Program(u64),
    /// From now on this number is the surroundings that come with it: settings and tables.
    Surroundings(u64),
    /// Nothing more will be asked of the program that has this number.
    ForgetProgram(u64),
    /// Nothing more will be asked with the surroundings that have this number.
    ForgetSurroundings(u64),
    /// Make the decision about the body that comes with it.
    Decide(Question),
    /// Nobody waits for the decision that has this number any more.
    Drop(u64),
}

/// A decision to be made.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question {
    /// What the answer says that it is the answer to.
    pub(super) number: u64,
    /// Whose turn it is made in.
    pub(super) tenant: u64,
    /// Whether it is likely to be very long.
    pub(super) long: bool,
    /// The program's number.
    pub(super) program: u64,
    /// The surroundings' number.
    pub(super) surroundings: u64,
    /// What it may use.
    #[serde(with = "LimitsWord")]
    pub(super) limits: Limits,
}

/// What the process tells the server.
#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "nearly all are of the large one, and none is kept")]
pub(super) enum Report {
    /// It takes orders.
    Ready,
    /// A decision is made: the question's number, the processor time it took, and what it came to.
    Ran(u64, Duration, Ran),
}

/// A message as it crosses, with the bytes that belong to it. `None` if it is too long for any frame.
pub(super) fn frame(message: &impl Serialize, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut frame = postcard::to_extend(message, vec![0; HEAD]).ok()?;
    frame.extend_from_slice(bytes);
    let length = u32::try_from(frame.len() - HEAD).ok()?;
    frame.get_mut(..HEAD)?.copy_from_slice(&length.to_le_bytes());
    Some(frame)
}

/// The message that crossed, and the bytes that belong to it. `None` if it is none.
pub(super) fn message<'a, T: Deserialize<'a>>(frame: &'a [u8]) -> Option<(T, &'a [u8])> {
    postcard::take_from_bytes(frame).ok()
}

/// Most bytes of a report about a decision within these limits: of the answer as much may cross as of the calls, the log
/// has its own bounds, and so has a fault. What describes a string is shorter than the engine counts for it.
pub(super) fn longest_report(limits: &Limits) -> usize {
    2 * limits.host_calls + limits.log_bytes + 16 * limits.log_lines + (64 << 10)
}
