//! What the SDK's own helpers can complain about.
//!
//! Not for a policy's deliberate "no": that is [`Refusal`](crate::Refusal).

use std::fmt::{self, Display, Formatter};

/// Why a helper of the SDK has no answer.
///
/// With `?` in a policy it becomes a [`Refusal`](crate::Refusal): the payload and hub errors reject the device, the
/// settings and table errors ask DPS to come again later.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The device sent no payload, or `null`.
    NoPayload,
    /// The payload is not JSON.
    PayloadNotJson {
        /// What the JSON parser says.
        problem: String,
    },
    /// The payload has no such field, or the field is `null`.
    MissingField {
        /// The path that was asked for.
        path: String,
        /// What is there instead, as the end of a sentence: "; it has `firmware`". Empty if there is nothing.
        instead: String,
    },
    /// A field of the payload is of another type than the policy wants.
    WrongType {
        /// The path that was asked for. Empty for the payload itself.
        path: String,
        /// What is wrong with it, as the end of a sentence: `is a number, not a string`.
        problem: String,
    },
    /// No linked hub is what the policy wants.
    NoHub {
        /// What was wanted, as a noun: "hub named `north`".
        wanted: String,
        /// The hubs that are linked.
        linked: Vec<String>,
    },
    /// The settings do not fit the policy's type.
    Settings {
        /// What does not fit.
        problem: String,
    },
    /// A table could not be used.
    Table {
        /// The table's name.
        table: String,
        /// What went wrong.
        problem: String,
    },
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPayload => f.write_str("the device sent no payload"),
            Self::PayloadNotJson { problem } => write!(f, "the payload is not JSON: {problem}"),
            Self::MissingField { path, instead } => write!(f, "the payload has no `{path}`{instead}"),
            Self::WrongType { path, problem } if path.is_empty() => {
                write!(f, "the payload {problem}")
            }
            Self::WrongType { path, problem } => write!(f, "`{path}` in the payload {problem}"),
            Self::NoHub { wanted, linked } => {
                write!(f, "no linked {wanted}; linked: {}", linked.join(", "))
            }
            Self::Settings { problem } => write!(f, "the settings do not fit: {problem}"),
            Self::Table { table, problem } => write!(f, "table `{table}`: {problem}"),
        }
    }
}

impl std::error::Error for Error {}
