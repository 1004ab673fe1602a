//! Which language a policy is written in: told by what lies in its folder.

use std::fmt;
use std::path::Path;

/// A language that policies can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Rust, told by `Cargo.toml`.
    Rust,
    /// Go, told by `go.mod`.
    Go,
    /// Python, told by `pyproject.toml`.
    Python,
    /// C, told by `policy.c`.
    C,
    /// JavaScript or TypeScript, told by `package.json`.
    JavaScript,
}

impl Language {
    /// All of them. Where a folder has the files of several, the first one counts: many a folder has a `package.json`
    /// for its tools alone.
    pub const ALL: [Self; 5] = [Self::Rust, Self::Go, Self::Python, Self::C, Self::JavaScript];

    /// The language of the policy in a folder. `None` if there is no policy.
    #[must_use]
    pub fn of(folder: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|language| folder.join(language.mark()).is_file())
    }

    /// The file that tells it.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Go => "go.mod",
            Self::Python => "pyproject.toml",
            Self::C => "policy.c",
            Self::JavaScript => "package.json",
        }
    }

    /// The command that runs a policy's unit tests, in its folder.
    #[must_use]
    pub const fn unit_tests(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["cargo", "test"],
            Self::Go => &["go", "test", "./..."],
            Self::Python => &["python3", "-m", "unittest"],
            Self::C => &["make", "test"],
            Self::JavaScript => &["npm", "test"],
        }
    }

    /// Whether the same source makes the same bytes, given the same tools. The tools for JavaScript and Python start an
    /// interpreter and keep its memory, in which the interpreter has seeds of its own.
    #[must_use]
    pub const fn is_reproducible(self) -> bool {
        matches!(self, Self::Rust | Self::Go | Self::C)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::Python => "Python",
            Self::C => "C",
            Self::JavaScript => "JavaScript",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_folder_tells_its_language() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Language::of(folder.path()), None);
        for language in Language::ALL.into_iter().rev() {
            std::fs::write(folder.path().join(language.mark()), "").unwrap();
            assert_eq!(Language::of(folder.path()), Some(language));
        }
    }
}
