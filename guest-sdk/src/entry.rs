//! From the component's exports to the policy's functions, and what surrounds the call.
//!
//! Not for authors, except [`policy!`](crate::policy!).

use std::fmt::Display;

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{Decision, Refusal, Request, bindings::berth::allocation::types as wit, settings};

/// Makes a policy of a function.
///
/// `policy!(allocate)` exports `fn allocate(&Request) -> Result<Decision, Refusal>`. Any settings are accepted.
///
/// `policy!(allocate, validate_settings)` also lets Berth ask about settings before they serve. The validator is
/// `fn validate_settings(&S) -> Result<(), E>`, where `S` is the policy's settings type (anything serde can read) and
/// `E` can be displayed. Settings that do not even fit `S` are refused before the validator is called, with serde's
/// words; `E` is for what a type cannot say. The policy's owner reads both.
///
/// Say it once in a crate, at its top level. Outside WebAssembly it exports nothing and only checks the types.
///
/// ```
/// # use berth_sdk::{Decision, Refusal, Request};
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     hub: String,
/// }
///
/// berth_sdk::policy!(allocate, validate_settings);
///
/// fn allocate(request: &Request) -> Result<Decision, Refusal> {
///     let settings: Settings = berth_sdk::settings()?;
///     Ok(Decision::to(request.hubs().named(&settings.hub)?))
/// }
///
/// fn validate_settings(settings: &Settings) -> Result<(), String> {
///     if settings.hub.is_empty() {
///         return Err("`hub` must not be empty".to_owned());
///     }
///     Ok(())
/// }
/// ```
///
/// A function of another shape does not compile:
///
/// ```compile_fail
/// berth_sdk::policy!(allocate);
///
/// fn allocate(registration_id: &str) -> String {
///     registration_id.to_owned()
/// }
/// ```
#[macro_export]
macro_rules! policy {
    ($allocate:path $(,)?) => {
        $crate::policy!($allocate, $crate::__private::accept_settings);
    };
    ($allocate:path, $validate_settings:path $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Policy;

            impl $crate::__private::Guest for Policy {
                fn allocate(
                    request: $crate::contract::Request,
                ) -> ::core::result::Result<$crate::__private::bindings::Decision, $crate::__private::bindings::Refusal>
                {
                    $crate::__private::allocate(request, $allocate)
                }

                fn validate_settings(
                    settings: ::std::string::String,
                ) -> ::core::result::Result<(), ::std::string::String> {
                    $crate::__private::validate_settings(&settings, $validate_settings)
                }
            }

    $crate::__private::export!(Policy with_types_in $crate::__private::bindings);
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            const _: fn(&$crate::Request) -> ::core::result::Result<$crate::Decision, $crate::Refusal> = $allocate;
            const _: fn(&str) -> ::core::result::Result<(), ::std::string::String> =
                |settings| $crate::__private::validate_settings(settings, $validate_settings);
        };
    };
}

/// Calls the policy's `allocate`.
pub fn allocate(
    request: wit::Request,
    policy: fn(&Request) -> Result<Decision, Refusal>,
) -> Result<wit::Decision, wit::Refusal> {
    log_panics();
    policy(&Request::from(request)).map(Into::into).map_err(Into::into)
}

/// Reads the settings as the policy's type and calls its validator.
pub fn validate_settings<T: DeserializeOwned, E: Display>(
    text: &str,
    validate: fn(&T) -> Result<(), E>,
) -> Result<(), String> {
    log_panics();
    let settings = settings::parse(text).map_err(|error| error.to_string())?;
    validate(&settings).map_err(|error| error.to_string())
}

/// The validator of a policy that has none.
pub fn accept_settings(_: &IgnoredAny) -> Result<(), String> {
    Ok(())
}

/// Lets the policy's log have a panic's message and place. The trap that follows tells nothing.
fn log_panics() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| {
        crate::log::error(panic_line(panic.location(), panic.payload_as_str()));
    }));
}

/// One line of the log about a panic. Berth knows it by its first word, and keeps it however full the log is.
#[cfg(any(test, target_arch = "wasm32"))]
fn panic_line(place: Option<&std::panic::Location<'_>>, message: Option<&str>) -> String {
    let message = message.unwrap_or("no message");
    match place {
        Some(place) => format!("panicked at {}:{}: {message}", place.file(), place.line()),
        None => format!("panicked: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::testing;

    #[derive(Deserialize)]
    struct Settings {
        most: i32,
    }

    fn not_negative(settings: &Settings) -> Result<(), String> {
        if settings.most < 0 {
            return Err(format!("`most` is {}", settings.most));
        }
        Ok(())
    }

    #[test]
    fn a_decision_and_a_refusal_cross() {
        let request = || testing::request("a").build().contract().clone();
        let decided = allocate(request(), |request| Ok(Decision::to(request.hubs().first()?).because("first")))
            .expect("a decision");
        assert_eq!(decided.hub, "hub-a.azure-devices.net");
        assert_eq!(decided.reasons, ["first"]);

        let refused = allocate(request(), |request| {
            request.payload().str("modelId")?;
            Ok(Decision::to("never"))
        })
        .expect_err("a refusal");
        assert_eq!(refused, wit::Refusal::Reject("the device sent no payload".to_owned()));
    }

    #[test]
    fn settings_are_read_then_validated() {
        assert_eq!(validate_settings(r#"{"most": 3}"#, not_negative), Ok(()));
        assert_eq!(validate_settings(r#"{"most": -3}"#, not_negative), Err("`most` is -3".to_owned()));
        let error = validate_settings("{}", not_negative).unwrap_err();
        assert!(error.contains("missing field `most`"), "{error}");
    }

    #[test]
    fn without_a_validator_any_settings_do() {
        assert_eq!(validate_settings(r#"{"any": [1]}"#, accept_settings), Ok(()));
    }

    #[test]
    fn a_panic_is_told_with_its_place() {
        let place = std::panic::Location::caller();
        assert_eq!(
            panic_line(Some(place), Some("out of hubs")),
            format!("panicked at {}:{}: out of hubs", file!(), place.line())
        );
        assert_eq!(panic_line(None, None), "panicked: no message");
    }
}
