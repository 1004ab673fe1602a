//! Begins a policy: a folder that builds, is tested and can be served as it is, with the SDK in it.
//!
//! Each language has the same small rule, so that whoever knows one sees what another is like. Not for building it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::job::CONTRACT;
use super::language::Language;
use super::sdk::{self, Files};
use super::vendored;

/// What a policy can be begun in. TypeScript is built as JavaScript is, but begins differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Rust.
    Rust,
    /// JavaScript.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// Python.
    Python,
    /// C.
    C,
    /// Go.
    Go,
}

/// Why a policy could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// There is something in the place already.
    #[error("{} exists already: nothing was written; take another name, or remove it first", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// A file could not be written.
    #[error("could not write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// This program was put together wrongly.
    #[error("this berth carries no SDK for Rust: report it as a bug")]
    NoSdk,
}

/// How one language begins.
struct Template {
    language: &'static str,
    source: &'static str,
    tests: &'static str,
    ignored: &'static str,
    files: Files,
    sdk: Files,
}

/// Embeds files of a template.
macro_rules! template {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("templates/", $folder, "/", $path)))),*]
    };
}

const RUST: Template = Template {
    language: "Rust",
    source: "src/lib.rs",
    tests: "src/lib.rs",
    ignored: "/target\n",
    files: template!("rust": "Cargo.toml", "src/lib.rs"),
    sdk: sdk::RUST,
};

const JAVASCRIPT: Template = Template {
    language: "JavaScript",
    source: "policy.js",
    tests: "test/",
    ignored: "/node_modules\n",
    files: template!("javascript": "package.json", "policy.js", "jsconfig.json", "test/policy.test.js"),
    sdk: sdk::JAVASCRIPT,
};

const TYPESCRIPT: Template = Template {
    language: "TypeScript",
    source: "policy.ts",
    tests: "test/",
    ignored: "/build\n/node_modules\n",
    files: template!("typescript": "package.json", "policy.ts", "tsconfig.json", "test/policy.test.ts"),
    sdk: sdk::JAVASCRIPT,
};

const PYTHON: Template = Template {
    language: "Python",
    source: "policy.py",
    tests: "test_policy.py",
    ignored: "__pycache__\n",
    files: template!("python": "pyproject.toml", "policy.py", "test_policy.py"),
    sdk: sdk::PYTHON,
};

const C: Template = Template {
    language: "C",
    source: "policy.c",
    tests: "test_policy.c",
    ignored: "/test_policy\n",
    files: template!("c": "policy.c", "test_policy.c", "Makefile", "compile_flags.txt"),
    sdk: sdk::C,
};

const GO: Template = Template {
    language: "Go",
    source: "policy.go",
    tests: "policy_test.go",
    ignored: "",
    files: template!("go": "go.mod", "policy.go", "policy_test.go"),
    sdk: sdk::GO,
};

/// The check that every policy begins with, of a device that gets a hub.
pub const FIRST_CHECK: &str = "checks/with-model.json";

/// What every policy begins with.
const SHARED: Files = &[
    ("README.md", include_str!("templates/shared/README.md")),
    ("policy.toml", include_str!("templates/shared/policy.toml")),
    (FIRST_CHECK, include_str!("templates/shared/with-model.json")),
    ("checks/without-model.json", include_str!("templates/shared/without-model.json")),
];

impl Start {
    const fn template(self) -> &'static Template {
        match self {
            Self::Rust => &RUST,
            Self::JavaScript => &JAVASCRIPT,
            Self::TypeScript => &TYPESCRIPT,
            Self::Python => &PYTHON,
            Self::C => &C,
            Self::Go => &GO,
        }
    }

    /// All of them.
    pub const ALL: [Self; 6] = [Self::Rust, Self::JavaScript, Self::TypeScript, Self::Python, Self::C, Self::Go];

    /// Its name on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "js",
            Self::TypeScript => "ts",
            Self::Python => "python",
            Self::C => "c",
            Self::Go => "go",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|start| start.word() == word)
    }

    /// The language that it is built as.
    const fn language(self) -> Language {
        match self {
            Self::Rust => Language::Rust,
            Self::JavaScript | Self::TypeScript => Language::JavaScript,
            Self::Python => Language::Python,
            Self::C => Language::C,
            Self::Go => Language::Go,
        }
    }

    /// The command that runs the policy's unit tests.
    #[must_use]
    pub fn test_command(self) -> String {
        self.language().unit_tests().join(" ")
    }

    /// The file with the rule.
    #[must_use]
    pub const fn source(self) -> &'static str {
        self.template().source
    }

    /// Begins a policy of this name in a folder that is not there yet.
    ///
    /// # Errors
    ///
    /// If there is something of that name, or a file cannot be written.
    pub fn begin(self, name: &str, folder: &Path) -> Result<(), BeginError> {
        if fs::symlink_metadata(folder).is_ok() {
            return Err(BeginError::Exists { folder: folder.to_owned() });
        }
        let template = self.template();
        for (path, content) in SHARED.iter().chain(template.files) {
            write(&folder.join(path), &self.filled(name, content))?;
        }
        let ignored = folder.join(".gitignore");
        write(&ignored, &format!("/policy.wasm\n{}", template.ignored))?;
        let sdk = folder.join("sdk");
        let below = if self == Self::Rust { sdk.join("guest-sdk") } else { sdk.clone() };
        for (path, content) in template.sdk {
            write(&below.join(path), content)?;
        }
        if self == Self::Rust {
            write(&below.join("Cargo.toml"), &vendored::manifest().ok_or(BeginError::NoSdk)?)?;
            write(&sdk.join("wit/allocation.wit"), CONTRACT)?;
        }
        Ok(())
    }

    /// The content of a template's file.
    fn filled(self, name: &str, content: &str) -> String {
        let template = self.template();
        // The longer words first: `NAME` occurs in none of them.
        [
            ("LANGUAGE", template.language),
            ("SOURCE", template.source),
            ("TESTS", template.tests),
            ("`TEST`", &format!("`{}`", self.test_command())),
            ("NAME", name),
        ]
        .iter()
        .fold(content.to_owned(), |text, (word, value)| text.replace(word, value))
    }
}

fn write(path: &Path, content: &str) -> Result<(), BeginError> {
    let failed = |source| BeginError::Write { path: path.to_owned(), source };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::write(path, content).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_begins_with_a_policy_of_that_language() {
        let place = tempfile::tempdir().unwrap();
        for start in Start::ALL {
            let folder = place.path().join(format!("{start:?}").to_lowercase());
            start.begin("first", &folder).unwrap();
            let told = Language::of(&folder).unwrap().to_string();
            let wanted = if start == Start::TypeScript { "JavaScript" } else { start.template().language };
            assert_eq!(told, wanted);
            assert!(folder.join(start.source()).is_file());
            for file in ["README.md", Language::of(&folder).unwrap().mark()] {
                let text = fs::read_to_string(folder.join(file)).unwrap();
                assert!(
                    (text.contains("first") || start == Start::C)
                        && !text.contains("NAME")
                        && !text.contains("LANGUAGE"),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("taken");
        fs::create_dir(&folder).unwrap();
        assert!(matches!(Start::Python.begin("taken", &folder), Err(BeginError::Exists { .. })));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }
}
