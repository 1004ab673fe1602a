//! `berth policy new`: a folder to begin a policy in.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::output::say;
use crate::contract::Name;
use crate::toolchain::{FIRST_CHECK, Start};

/// The package of the SDK for Rust. Cargo takes no two packages of one name in a workspace.
const RUST_SDK: &str = "berth-sdk";

/// Make a folder with a policy to begin with.
///
/// It builds, is tested and can be served as it is, and brings the SDK of its language, so that no clone of Berth's
/// repository is needed.
#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// The policy's name, or a path that ends with it
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    /// The language to write it in
    #[arg(long, value_name = "LANGUAGE", default_value = "rust", value_parser = languages())]
    lang: Start,
}

fn languages() -> impl TypedValueParser<Value = Start> {
    let words = PossibleValuesParser::new(Start::ALL.map(Start::word));
    words.try_map(|word| Start::named(&word).ok_or("there is no such language"))
}

impl New {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let folder = &self.folder;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let named: Name = name.parse().with_context(|| format!("`{}` cannot be a policy", folder.display()))?;
        ensure!(
            named.as_str().starts_with(|first: char| first.is_ascii_lowercase()),
            "`{name}` cannot be a policy to begin with: packages have names that begin with a letter"
        );
        ensure!(
            self.lang != Start::Rust || name != RUST_SDK,
            "`{name}` cannot be a policy in Rust: it is the name of the SDK's package, which the policy depends on"
        );
        self.lang.begin(named.as_str(), folder)?;
        say!("{} is begun: the rule is in {}. Next:", folder.display(), folder.join(self.lang.source()).display());
        say!("  cd {}", folder.display());
        say!("  {}", self.lang.test_command());
        say!("  berth policy run -r {FIRST_CHECK}");
        say!("  berth policy build");
        Ok(ExitCode::SUCCESS)
    }
}
