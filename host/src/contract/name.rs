//! Names of tenants and policies.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The name of a tenant or a policy: 1 to 63 lower-case letters, digits and hyphens, a letter or digit at either end.
///
/// So a name is the same in a URL, a folder, a metric label and a log line, and can forge none of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<str>);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let ends_plain = bytes.first().is_some_and(|b| plain(*b)) && bytes.last().is_some_and(|b| plain(*b));
        if bytes.len() <= 63 && ends_plain && bytes.iter().all(|b| plain(*b) || *b == b'-') {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName)
        }
    }
}

/// Lets a map keyed by names be asked with text.
impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no name of a tenant or policy.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a name is 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at either end")]
pub struct InvalidName;

/// A policy of a tenant: `contoso/by-model`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyId {
    /// The owner.
    pub tenant: Name,
    /// The policy.
    pub policy: Name,
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_plain_names_only() {
        for good in ["a", "by-model", "0", "contoso-eu-1", &"x".repeat(63)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a/b", "..", "a b", "é", "a\n", &"x".repeat(64)] {
            assert_eq!(bad.parse::<Name>(), Err(InvalidName), "{bad}");
        }
    }
}
