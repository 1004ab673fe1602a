//! What the commands that try a policy have in common.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::{
    author::{Place, Replaced, Rig, Subject},
    config::Config,
    contract::Limits,
    toolchain::Terminal,
};

/// The policy, and the server it is tried as if by.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// A policy's folder: source, which is built first, or as a catalogue has it; or a component, which `policy.wasm` in a
    /// policy's folder is with all that is around it
    #[arg(default_value = ".")]
    pub(super) policy: PathBuf,
    /// The server's configuration, whose limits hold in place of the defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print a JSON object instead of text
    #[arg(long)]
    pub(super) json: bool,
}

/// What stands in for the policy's own.
#[derive(Debug, Args)]
pub(super) struct ReplacedArgs {
    /// Settings in place of the policy's: a JSON object, or a TOML table
    #[arg(long, value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,
    /// A folder of tables in place of the policy's
    #[arg(long, value_name = "DIR")]
    pub(super) tables: Option<PathBuf>,
}

impl PolicyArgs {
    pub(super) fn place(&self) -> anyhow::Result<Place> {
        Place::find(&self.policy)
    }

    /// The limits of the server that is meant.
    pub(super) fn limits(&self) -> anyhow::Result<Limits> {
        Ok(match &self.config {
            Some(path) => Config::read(path)?.limits(),
            None => Config::default().limits(),
        })
    }

    pub(super) fn rig(&self) -> anyhow::Result<Rig> {
        Rig::new(self.limits()?)
    }

    /// The policy as it is, built if it is source.
    pub(super) fn subject(&self) -> anyhow::Result<Subject> {
        self.place()?.subject(&Replaced::default(), &Terminal::new(super::interrupted()))
    }
}

impl ReplacedArgs {
    pub(super) fn replaced(&self) -> Replaced {
        Replaced { settings: self.settings.clone(), tables: self.tables.clone() }
    }
}

/// Runs what needs one thread: decisions are made where they are asked for, so that their processor time can be told.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("failed to start the runtime")?.block_on(work)
}

/// Reads a body from a file, or from standard input if it is `-`. Of a check, that is its request.
pub(super) fn read_body(path: &std::path::Path) -> anyhow::Result<String> {
    let text = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).context("failed to read the body from standard input")?
    } else {
        std::fs::read_to_string(path).with_context(|| format!("failed to read the body in {}", path.display()))?
    };
    Ok(request_of_check(&text).unwrap_or(text))
}

/// The request of a check, in the line in which it stands, so that a mistake in it is told by the file's own lines. `None` if
/// the text is no check. What the check expects does not matter, nor whether it could be expected.
fn request_of_check(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Check<'a> {
        #[serde(borrow)]
        request: &'a RawValue,
        #[serde(rename = "expect")]
        _expect: IgnoredAny,
    }
    let check: Check<'_> = serde_json::from_str(text).ok()?;
    let request = check.request.get();
    // The request's text is borrowed from the file's.
    let start = (request.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let before = text.get(..start)?.matches('\n').count();
    Some("\n".repeat(before) + request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_holds_a_request_and_a_body_is_one() {
        let check = "{\n  \"request\":\n    {\"a\": 1.50},\n  \"expect\": {}\n}";
        assert_eq!(request_of_check(check).as_deref(), Some("\n\n{\"a\": 1.50}"));
        for other in [r#"{"deviceRuntimeContext": {}, "linkedHubs": []}"#, r#"{"request": {}}"#, "[]", "no JSON"] {
            assert_eq!(request_of_check(other), None, "{other}");
        }
    }
}
