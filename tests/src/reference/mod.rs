//! The generated references in `docs/`, each made from what the code itself says.
//!
//! Pure: text and types in, Markdown out. The test `reference` compares the result with the committed files, and
//! `cargo xtask bless` writes it there.

mod command_line;
mod configuration;
mod contract;
mod keys;
pub mod markdown;
mod metrics;
pub mod source;
mod webhook;

use std::path::Path;

use anyhow::Context as _;

use crate::compare::{page, report::Report};

/// A generated file.
pub struct Document {
    /// Its path in the repository.
    pub path: &'static str,
    /// What it has to hold.
    pub text: String,
}

/// All generated files, from the repository in this folder.
///
/// # Errors
///
/// If a source cannot be read or understood, or says something that no text was written for.
pub fn documents(repository: &Path) -> anyhow::Result<Vec<Document>> {
    let read = |path: &str| {
        let path = repository.join(path);
        std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
    };
    let document = |path, text: anyhow::Result<String>| {
        let text = text.with_context(|| format!("failed to generate {path}"))?;
        anyhow::Ok(Document { path, text })
    };
    let mut documents = vec![
        document("docs/contract.md", contract::reference(&read("wit/allocation.wit")?))?,
        document("docs/configuration.md", configuration::reference())?,
        document("docs/cli.md", command_line::reference())?,
        document("docs/metrics.md", Ok(metrics::reference()))?,
        document(
            "docs/webhook.md",
            webhook::reference(&webhook::Sources {
                faults: read("host/src/contract/fault.rs")?,
                fallbacks: read("host/src/contract/fallback.rs")?,
                stages: read("host/src/contract/stage.rs")?,
            }),
        )?,
    ];
    let report: Report =
        serde_json::from_str(&read(page::FIGURES)?).with_context(|| format!("{} is not a report", page::FIGURES))?;
    documents.extend(page::documents(&report));
    Ok(documents)
}

/// The line that every generated file begins with.
fn notice(from: &str) -> String {
    format!("<!-- Generated from {from} by `cargo xtask bless`. Changes made here are lost. -->\n\n")
}
