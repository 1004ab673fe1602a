//! Runs the unit tests of a policy's author, in whatever language they are.

use std::{
    fs,
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use anyhow::Context as _;

use crate::toolchain::Language;

/// A way to run unit tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tests {
    language: Language,
    /// Has the language's command say less of what goes well.
    quiet: &'static [&'static str],
    /// Where to get the program.
    install: &'static str,
    /// The file of a policy's folder by which it is known.
    file: &'static str,
    /// By what tests are known to be there.
    sign: Sign,
}

/// By what tests are known to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// The language's own command finds out.
    Always,
    /// A text in the file.
    Text(&'static str),
}

/// Every language, by what is in the folder. The first that fits counts.
const TABLE: [Tests; 5] = [
    Tests {
        language: Language::Rust,
        quiet: &["--quiet"],
        install: "Rust: https://rustup.rs",
        file: Language::Rust.mark(),
        sign: Sign::Always,
    },
    Tests {
        language: Language::JavaScript,
        quiet: &["--silent"],
        install: "Node.js: https://nodejs.org",
        file: Language::JavaScript.mark(),
        sign: Sign::Text("\"test\""),
    },
    Tests {
        language: Language::Python,
        quiet: &[],
        install: "Python: https://www.python.org",
        file: Language::Python.mark(),
        sign: Sign::Always,
    },
    Tests {
        language: Language::Go,
        quiet: &[],
        install: "Go: https://go.dev",
        file: Language::Go.mark(),
        sign: Sign::Always,
    },
    // Not only of C: whatever `make` runs.
    Tests {
        language: Language::C,
        quiet: &[],
        install: "on Debian: apt-get install make gcc",
        file: "Makefile",
        sign: Sign::Text("test:"),
    },
];

impl Tests {
    /// The unit tests of the policy in this folder, if it has any.
    #[must_use]
    pub fn of(folder: &Path) -> Option<Self> {
        TABLE.into_iter().find(|tests| {
            let text = fs::read_to_string(folder.join(tests.file));
            match tests.sign {
                Sign::Always => text.is_ok(),
                Sign::Text(sign) => text.is_ok_and(|text| text.contains(sign)),
            }
        })
    }

    fn command(&self) -> impl Iterator<Item = &'static str> {
        self.language.unit_tests().iter().chain(self.quiet).copied()
    }

    /// The command as people type it.
    #[must_use]
    pub fn name(&self) -> String {
        self.command().collect::<Vec<_>>().join(" ")
    }

    /// Runs them. What they print goes to standard error, so that what Berth says of them stands alone on standard output.
    ///
    /// # Errors
    ///
    /// If the program cannot be started.
    pub fn run(&self, folder: &Path) -> anyhow::Result<ExitStatus> {
        let mut command = self.command();
        let program = command.next().context("a command has a program")?;
        Command::new(program)
            .args(command)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .status()
            .with_context(|| format!("failed to start `{program}`, which the unit tests need ({})", self.install))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_by_what_is_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let command = || Tests::of(folder.path()).map(|tests| tests.name());
        assert_eq!(command(), None);
        for (file, text, expected) in [
            ("Makefile", "all:\n", None),
            ("Makefile", "test:\n", Some("make test")),
            ("go.mod", "", Some("go test ./...")),
            ("pyproject.toml", "", Some("python3 -m unittest")),
            ("package.json", "{}", Some("python3 -m unittest")),
            ("package.json", r#"{"scripts": {"test": "node --test"}}"#, Some("npm test --silent")),
            ("Cargo.toml", "", Some("cargo test --quiet")),
        ] {
            fs::write(folder.path().join(file), text).unwrap();
            assert_eq!(command().as_deref(), expected, "{file}: {text}");
        }
    }
}
