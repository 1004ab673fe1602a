//! What cargo and the compiler say while they work: one JSON message a line, and words for people.

use std::path::PathBuf;

use cargo_metadata::{Artifact, Message, PackageId, diagnostic::DiagnosticLevel};

use super::process::{Stream, Watch};
use super::progress::{Event, Progress};

/// Reads what cargo and the compiler say.
pub(super) struct Messages<'a> {
    progress: &'a dyn Progress,
    wanted: &'a PackageId,
    /// The module that was made of the wanted crate.
    pub(super) artifact: Option<PathBuf>,
    /// The compiler's errors, ready to be shown.
    pub(super) errors: String,
    /// Cargo's own words.
    pub(super) stderr: Vec<String>,
}

impl<'a> Messages<'a> {
    pub(super) fn new(wanted: &'a PackageId, progress: &'a dyn Progress) -> Self {
        Self { progress, wanted, artifact: None, errors: String::new(), stderr: Vec::new() }
    }

    fn artifact(&mut self, artifact: &Artifact) {
        if artifact.package_id == *self.wanted {
            let module = artifact.filenames.iter().find(|file| file.extension() == Some("wasm"));
            self.artifact = module.map(|file| file.clone().into_std_path_buf()).or(self.artifact.take());
        }
    }
}

impl Watch for Messages<'_> {
    fn line(&mut self, stream: Stream, line: &str) {
        if stream == Stream::Stderr {
            self.progress.report(Event::Detail(line));
            self.stderr.push(line.to_owned());
            return;
        }
        match serde_json::from_str(line) {
            Ok(Message::CompilerArtifact(artifact)) => self.artifact(&artifact),
            Ok(Message::CompilerMessage(message)) => {
                let text = message.message.rendered.unwrap_or(message.message.message);
                match message.message.level {
                    DiagnosticLevel::Error | DiagnosticLevel::Ice => self.errors.push_str(&text),
                    // A hint to `rustc --explain`, which is out of place once the errors are shown elsewhere.
                    DiagnosticLevel::FailureNote => {}
                    _ => self.progress.report(Event::Diagnostic(&text)),
                }
            }
            // What else there is matters to nobody here, or is of a later cargo.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::progress::Silent;
    use super::*;

    #[test]
    fn the_wanted_crates_module_and_the_errors_are_kept() {
        let wanted = PackageId { repr: "path+file:///p#0.1.0".to_owned() };
        let mut messages = Messages::new(&wanted, &Silent);
        let artifact = |id: &str, file: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"{id}","manifest_path":"/p/Cargo.toml","target":{{"kind":["cdylib"],
                "crate_types":["cdylib"],"name":"p","src_path":"/p/src/lib.rs","edition":"2024"}},"profile":{{"opt_level":"s",
                "debuginfo":0,"debug_assertions":false,"overflow_checks":false,"test":false}},"features":[],
                "filenames":["{file}"],"executable":null,"fresh":false}}"#
            )
        };
        let error = r#"{"reason":"compiler-message","package_id":"x","manifest_path":"/p/Cargo.toml","target":{"kind":["lib"],
            "crate_types":["lib"],"name":"p","src_path":"/p/src/lib.rs","edition":"2024"},"message":{"message":"bad",
            "code":null,"level":"error","spans":[],"children":[],"rendered":"error: bad\n"}}"#;
        for line in [&artifact("other", "/t/other.wasm"), &artifact(&wanted.repr, "/t/p.wasm"), error, "not JSON"] {
            messages.line(Stream::Stdout, line);
        }
        messages.line(Stream::Stderr, "Compiling p");
        assert_eq!(messages.artifact, Some(PathBuf::from("/t/p.wasm")));
        assert_eq!((messages.errors.as_str(), messages.stderr.len()), ("error: bad\n", 1));
    }
}
