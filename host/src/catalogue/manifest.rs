//! `tenant.toml` and `policy.toml`: their form, and the reading of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use thiserror::Error;

use super::{FallbackSection, KeyHash, Keys, LimitsSection, QuotasSection};
use crate::contract::without_value;

/// A manifest that is not what it should be. The text names the key.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("line {line}{}: {message}", .key.as_ref().map(|key| format!(", {key}")).unwrap_or_default())]
    Toml {
        /// The line, counted from one.
        line: usize,
        /// The key in that line, if it sets one.
        key: Option<String>,
        /// What is wrong. Never the line's text, which may hold a secret.
        message: String,
    },
    /// A limit that is larger than any can be.
    #[error("limits.{key} is more than {most}, the most it can be")]
    Limit {
        /// Which limit.
        key: &'static str,
        /// The largest value.
        most: u64,
    },
    /// Settings that JSON cannot express.
    #[error("settings.{key} is a date or not a finite number, which JSON settings cannot hold: write it as a string")]
    Settings {
        /// Where in the settings.
        key: String,
    },
}

/// `tenant.toml`: who may call a tenant's webhook, and how much its policies may use.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantManifest {
    /// The keys DPS calls the webhook with, as `?code=KEY` or in the header `x-functions-key`. Only digests are written
    /// here: `printf %s "$KEY" | sha256sum`.
    pub keys: KeysSection,
    /// Tokens with which the tenant's people and pipelines see and change its own policies through the admin API: a name,
    /// which the history has, and `sha256:` with the hexadecimal SHA-256 digest of the token.
    #[serde(default)]
    pub tokens: Tokens,
    /// Limits of one decision, for all policies of the tenant.
    #[serde(default)]
    pub limits: LimitsSection,
    /// How much of the server the tenant may have, for all its policies together.
    #[serde(default)]
    pub quotas: QuotasSection,
}

impl TenantManifest {
    /// Reads the text of a `tenant.toml`.
    ///
    /// # Errors
    ///
    /// If it is not TOML of this form; unknown keys are errors.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = parse(text)?;
        manifest.limits.check()?;
        Ok(manifest)
    }
}

/// Tokens of the admin API, by the name of who has each; of a token only the digest is written.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Tokens(#[schemars(with = "BTreeMap<String, String>")] BTreeMap<String, KeyHash>);

impl Tokens {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who has the token of this hash. Looks at every one, whichever matches.
    #[must_use]
    pub fn holder(&self, shown: &KeyHash) -> Option<&str> {
        self.0.iter().fold(None, |found, (name, hash)| if hash.matches(shown) { Some(name.as_str()) } else { found })
    }
}

/// The keys of a tenant's webhook.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysSection {
    /// `sha256:` and the hexadecimal SHA-256 digest of the key in use.
    #[schemars(with = "String")]
    primary: KeyHash,
    /// The same for a second key, so that keys can be changed without a gap.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    secondary: Option<KeyHash>,
}

impl From<KeysSection> for Keys {
    fn from(section: KeysSection) -> Self {
        Self::new(section.primary, section.secondary)
    }
}

/// `policy.toml`: how a policy is to run. The file may be missing or empty.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyManifest {
    /// The policy's own configuration, in whatever form it likes. It reads it as JSON.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub settings: toml::Table,
    /// Limits of one decision, for this policy.
    #[serde(default)]
    pub limits: LimitsSection,
    /// What happens when the policy fails.
    #[serde(default)]
    pub fallback: FallbackSection,
}

impl PolicyManifest {
    /// Reads the text of a `policy.toml`.
    ///
    /// # Errors
    ///
    /// If it is not TOML of this form; unknown keys outside the settings are errors.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = parse(text)?;
        manifest.limits.check()?;
        Ok(manifest)
    }

    /// The settings as the text of a JSON object. Keys keep TOML's sorted order, so equal settings are equal text.
    ///
    /// # Errors
    ///
    /// If a value has no counterpart in JSON.
    pub fn settings_json(&self) -> Result<String, ManifestError> {
        Ok(table_json(&self.settings, "")?.to_string())
    }
}

/// Reads TOML. What goes wrong is told by line and key, without the text there: it may be a key that somebody wrote in
/// clear.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ManifestError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count();
        let key = text.lines().nth(line).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim());
        // Before the first `=` there may be a part of a value, where one was forgotten.
        let is_plain = |key: &&str| key.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        let key = key.filter(is_plain).map(str::to_owned);
        ManifestError::Toml { line: line + 1, key, message: without_value(error.message()) }
    })
}

fn table_json(table: &toml::Table, path: &str) -> Result<serde_json::Value, ManifestError> {
    let member = |(key, value): (&String, &toml::Value)| {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        Ok((key.clone(), value_json(value, &path)?))
    };
    table.iter().map(member).collect::<Result<_, _>>().map(serde_json::Value::Object)
}

fn value_json(value: &toml::Value, path: &str) -> Result<serde_json::Value, ManifestError> {
    Ok(match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) if number.is_finite() => (*number).into(),
        toml::Value::Boolean(truth) => (*truth).into(),
        toml::Value::Array(items) => {
            items.iter().map(|item| value_json(item, path)).collect::<Result<Vec<_>, _>>()?.into()
        }
        toml::Value::Table(table) => table_json(table, path)?,
        toml::Value::Float(_) | toml::Value::Datetime(_) => {
            return Err(ManifestError::Settings { key: path.to_owned() });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_json() {
        let manifest = PolicyManifest::parse("[settings]\nb = 1\na = { x = [true, 1.5], y = \"z\" }").unwrap();
        assert_eq!(manifest.settings_json().unwrap(), r#"{"a":{"x":[true,1.5],"y":"z"},"b":1}"#);
        assert_eq!(PolicyManifest::parse("").unwrap().settings_json().unwrap(), "{}");
    }

    #[test]
    fn settings_without_counterpart_are_named() {
        let manifest = PolicyManifest::parse("[settings.a]\nsince = 2026-01-01").unwrap();
        assert!(manifest.settings_json().unwrap_err().to_string().starts_with("settings.a.since "));
    }

    #[test]
    fn unknown_keys_are_named() {
        let error = PolicyManifest::parse("[limit]\ntime_ms = 1").unwrap_err().to_string();
        assert!(error.contains("limit"), "{error}");
        let error = TenantManifest::parse("[keys]\nprimary = \"secret\"").unwrap_err().to_string();
        assert!(error.contains("never in clear"), "{error}");
    }
}
