//! The policy's configuration.

use serde::de::DeserializeOwned;

use crate::{Error, imports};

/// The settings of the release that serves this request, as a type of the policy's own.
///
/// Without settings a policy gets those of the empty object `{}`: fields with `#[serde(default)]` take their defaults.
/// Every call reads them anew; call it once per decision.
///
/// # Errors
///
/// [`Error::Settings`] if they do not fit the type. A policy that hands its settings type to
/// [`policy!`](crate::policy!) through a validator never sees this, because Berth asks the validator before the
/// settings serve.
///
/// ```
/// use berth_sdk::{json, settings, testing::Host};
///
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     tier: String,
/// }
///
/// let tier = Host::new()
///     .settings(json!({"tier": "gold"}))
///     .run(|| settings::<Settings>().map(|settings| settings.tier));
/// assert_eq!(tier, Ok("gold".to_owned()));
/// ```
pub fn settings<T: DeserializeOwned>() -> Result<T, Error> {
    parse(&imports::settings_text())
}

/// Reads a settings text. Shared with the validator, so that both say the same about the same mistake.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Settings { problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{Value, json, testing::Host};

    #[derive(Debug, Deserialize, PartialEq)]
    struct Limits {
        #[serde(default)]
        most: u32,
    }

    #[test]
    fn no_settings_are_an_empty_object() {
        assert_eq!(settings::<Value>(), Ok(json!({})));
        assert_eq!(settings::<Limits>(), Ok(Limits { most: 0 }));
    }

    #[test]
    fn settings_that_do_not_fit_say_why() {
        let error = Host::new().settings(json!({"most": "ten"})).run(settings::<Limits>).unwrap_err();
        assert!(error.to_string().contains("expected u32"), "{error}");
    }
}
