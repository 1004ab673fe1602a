//! A policy's deliberate "no".
//!
//! Not for what goes wrong inside the SDK: that is [`Error`], which turns into a refusal by `?`.

use std::fmt::{self, Display, Formatter};

use crate::{Error, bindings::berth::allocation::types as wit};

/// Why a device gets no hub, now or at all.
///
/// ```
/// use berth_sdk::Refusal;
///
/// let never = Refusal::reject("serial number is on the stolen list");
/// let later = Refusal::retry_later("all hubs are full").after_seconds(30);
/// assert_ne!(never, later);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The device is not welcome. Permanent for this attempt: DPS reports a failure to the device.
    Reject {
        /// Why, for people. It is logged and returned to DPS.
        message: String,
    },
    /// Not now. DPS asks again, ten times over about seven minutes.
    RetryLater {
        /// Why not now, for people.
        message: String,
        /// How long to wait, in seconds. `None` leaves it to Berth.
        after_seconds: Option<u32>,
    },
}

impl Refusal {
    /// Rejects the device for good, saying why.
    pub fn reject(message: impl Into<String>) -> Self {
        Self::Reject { message: message.into() }
    }

    /// Asks DPS to come again, saying why not now.
    pub fn retry_later(message: impl Into<String>) -> Self {
        Self::RetryLater { message: message.into(), after_seconds: None }
    }

    /// Sets how long DPS should wait before it asks again, in seconds. A rejection stays as it is.
    #[must_use]
    pub fn after_seconds(mut self, seconds: u32) -> Self {
        if let Self::RetryLater { after_seconds, .. } = &mut self {
            *after_seconds = Some(seconds);
        }
        self
    }

    /// Why, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Reject { message } | Self::RetryLater { message, .. } => message,
        }
    }

    /// Whether the device is rejected, rather than asked to come again.
    #[must_use]
    pub fn is_reject(&self) -> bool {
        matches!(self, Self::Reject { .. })
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reject { message } => write!(f, "rejected: {message}"),
            Self::RetryLater { message, .. } => write!(f, "retry later: {message}"),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Settings { .. } | Error::Table { .. } => Self::retry_later(message),
            Error::NoPayload
            | Error::PayloadNotJson { .. }
            | Error::MissingField { .. }
            | Error::WrongType { .. }
            | Error::NoHub { .. } => Self::reject(message),
        }
    }
}

impl From<Refusal> for wit::Refusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Reject { message } => Self::Reject(message),
            Refusal::RetryLater { message, after_seconds } => Self::RetryLater(wit::Retry { message, after_seconds }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_request_rejects() {
        let refusal = Refusal::from(Error::MissingField { path: "modelId".to_owned(), instead: String::new() });
        assert_eq!(refusal, Refusal::reject("the payload has no `modelId`"));
        assert!(refusal.is_reject());
    }

    #[test]
    fn what_is_wrong_with_the_policy_asks_to_come_again() {
        let refusal = Refusal::from(Error::Settings { problem: "missing field `tier`".to_owned() });
        assert!(!refusal.is_reject());
        assert_eq!(refusal.message(), "the settings do not fit: missing field `tier`");
    }

    #[test]
    fn a_wait_belongs_to_retry_later_only() {
        assert_eq!(
            Refusal::retry_later("full").after_seconds(30),
            Refusal::RetryLater { message: "full".to_owned(), after_seconds: Some(30) }
        );
        assert_eq!(Refusal::reject("no").after_seconds(30), Refusal::reject("no"));
    }

    #[test]
    fn the_contract_gets_all_of_it() {
        assert_eq!(
            wit::Refusal::from(Refusal::retry_later("full").after_seconds(5)),
            wit::Refusal::RetryLater(wit::Retry { message: "full".to_owned(), after_seconds: Some(5) })
        );
        assert_eq!(wit::Refusal::from(Refusal::reject("no")), wit::Refusal::Reject("no".to_owned()));
    }
}
