//! Runs a policy's checks as its verification does, all of them, and writes new ones.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use serde_json::json;
use similar::{ChangeTag, TextDiff};

use super::json::{mask_queries, pretty};
use crate::{
    catalogue::{Release, source::CHECKS},
    decide::{Check, Checked, Mismatch, Outcome, Verdict, decide},
    engine::LogLine,
    wire::Body,
};

/// What one check came to.
#[derive(Debug)]
pub struct CheckResult {
    /// Its file's name.
    pub file: String,
    /// Why it did not pass, if it did not.
    pub problem: Option<Problem>,
    /// What the policy logged.
    pub log: Vec<LogLine>,
}

/// Why a check did not pass.
#[derive(Debug)]
pub enum Problem {
    /// The file is no check.
    Unreadable(String),
    /// The decision is another than expected.
    Mismatch(Box<Mismatch>),
}

/// Runs all checks of these files, by file name.
pub async fn run(release: &Release, files: &BTreeMap<String, String>, json_depth: usize) -> Vec<CheckResult> {
    let mut results = Vec::new();
    for (file, text) in files {
        let checked = match Check::parse(text) {
            Ok(check) => check.run(release, json_depth).await,
            Err(error) => Err(error),
        };
        let (problem, log) = match checked {
            Ok(Checked { decided, mismatch }) => {
                (mismatch.map(|mismatch| Problem::Mismatch(Box::new(mismatch))), decided.trail.log)
            }
            Err(error) => (Some(Problem::Unreadable(error.to_string())), Vec::new()),
        };
        results.push(CheckResult { file: file.clone(), problem, log });
    }
    results
}

/// What a check expects and what it got, line by line: `-` before what is expected alone, `+` before what was got alone.
#[must_use]
pub fn diff(mismatch: &Mismatch) -> String {
    let text = |outcome: &Outcome| pretty(&outcome.expectation().to_string());
    let (expected, found) = (text(&mismatch.expected), text(&mismatch.found));
    let mut out = String::new();
    for change in TextDiff::from_lines(expected.as_str(), found.as_str()).iter_all_changes() {
        let mark = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{mark} {}", change.value().trim_end_matches('\n'));
    }
    out
}

/// Writes a check of a body and the decision that the policy makes of it, and says where.
///
/// # Errors
///
/// If the policy fails, if there is a check of this name, or it cannot be written.
pub async fn record(
    folder: &Path,
    name: Option<&str>,
    release: &Arc<Release>,
    body: &str,
    json_depth: usize,
) -> anyhow::Result<PathBuf> {
    let masked = mask_queries(body);
    let body = Body::parse(masked.as_bytes(), json_depth)?;
    let request = body.request();
    let decided = decide(release, &request).await;
    if let Verdict::Faulted(fault) = &decided.verdict {
        bail!("the policy failed, and a check expects a decision or a refusal: {fault}");
    }
    let name = match name {
        Some(name) => name.strip_suffix(".json").unwrap_or(name).to_owned(),
        None => file_name(request.registration_id),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.starts_with('.') || name.len() > 190 || !name.bytes().all(plain) {
        bail!("`{name}` is no name for a check: use letters, digits, `-`, `_` and `.`");
    }
    let expect = Outcome::of(&decided.verdict, true).expectation();
    let check = format!(r#"{{"request":{masked},"expect":{}}}"#, json!(expect));
    let path = folder.join(CHECKS).join(format!("{name}.json"));
    write_new(&path, &(pretty(&check) + "\n"))?;
    Ok(path)
}

/// A name for the check of this device.
fn file_name(registration_id: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let name: String = registration_id.chars().take(60).map(plain).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "recorded".to_owned() } else { name.to_owned() }
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("failed to write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    match fs::File::create_new(path) {
        Ok(mut file) => io::Write::write_all(&mut file, text.as_bytes()).with_context(failed),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("there is {} already: give the new check another name with --name", path.display())
        }
        Err(error) => Err(error).with_context(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_line_by_line() {
        let decision = |hub: &str| Outcome::Decision {
            response: json!({"iotHubHostName": hub, "payload": {"n": 1}}),
            reasons: None,
        };
        let mismatch = Mismatch { expected: decision("a"), found: decision("b") };
        let shown = diff(&mismatch);
        let lines: Vec<&str> = shown.lines().collect();
        let changed = ["-     \"iotHubHostName\": \"a\",", "+     \"iotHubHostName\": \"b\","];
        assert_eq!(lines.get(2..4), Some(&changed[..]), "{shown}");
        assert_eq!(lines.first(), Some(&"  {"));
    }

    #[test]
    fn a_check_is_named_after_its_device() {
        assert_eq!(file_name("Sensor-7:A"), "sensor-7-a");
        assert_eq!(file_name("::"), "recorded");
    }
}
