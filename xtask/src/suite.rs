//! Builds everything, runs every test, and says how many there were.
//!
//! Everything is built in the release profile, the one that `berth demo` is run in too, so that the engine is compiled
//! once; only what is compared with others is built as for production. The guests that the tests need are built by the tests,
//! with the code that `berth policy build` uses.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

use crate::{clients, dist};

/// Asks for the tests of the official clients as well, which are installed first, and for those of policies in every
/// language, which fetch their tools.
const CLIENTS: &str = "--clients";

/// Names to tests and benchmarks the folder of the programs that they drive, if they were not built with them.
pub(crate) const PROGRAMS: &str = "BERTH_PROGRAMS";

/// The benchmark that compares Berth with others.
const COMPARISON: &str = "compare";

/// Asks it for a look: figures that nobody should trust.
const QUICK: &str = "--quick";

/// How many of those are run at once. They mostly wait: clients do for seconds before they ask again.
const CLIENTS_AT_ONCE: &str = "12";

/// Runs every test; `arguments` go to the test programs. Whether all passed.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<bool> {
    let with_clients = arguments.iter().any(|argument| argument == CLIENTS);
    let arguments: Vec<&String> = arguments.iter().filter(|argument| *argument != CLIENTS).collect();
    build()?;
    let installed = with_clients.then(clients::install).transpose()?;
    let mut sum = Sum::default();
    let mut tests = cargo(&["test", "--release", "--workspace", "--no-fail-fast", "--"]);
    tests.args(&arguments);
    let mut passed = sum.count(tests)?;
    if let Some(installed) = installed {
        let mut tests = cargo(&["test", "--release", "--workspace", "--test", "clients", "--"]);
        tests.args(&arguments).env("RUST_TEST_THREADS", CLIENTS_AT_ONCE).env(clients::INSTALLED, installed);
        passed &= sum.count(tests)?;
        let mut tests = cargo(&["test", "--release", "--workspace", "--test", "languages", "--"]);
        tests.args(&arguments);
        passed &= sum.count(tests)?;
    }
    println!("\n{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    ensure!(sum.passed > 0 || !arguments.is_empty(), "no test ran");
    Ok(passed && sum.failed == 0)
}

/// Builds the program itself, which the tests run and `cargo test` would not build. Always all of the workspace: with a part
/// of it, dependencies have other features and are compiled once more.
pub(crate) fn build() -> anyhow::Result<()> {
    let built = cargo(&["build", "--release", "--workspace", "--all-targets"]).status();
    ensure!(built.context("failed to run cargo")?.success(), "berth does not build");
    Ok(())
}

/// The counts of the long form, each of which the environment can set. Five million decisions are eight hours of 174 a second.
const SOAK: [(&str, &str); 9] = [
    ("BERTH_SOAK_SWAPS", "500"),
    ("BERTH_SOAK_BROKEN", "100"),
    ("BERTH_SOAK_KILLS", "300"),
    ("BERTH_SOAK_POLICIES", "1000"),
    ("BERTH_SOAK_DECISIONS", "5000000"),
    ("BERTH_SOAK_DECISIONS_A_SWAP", "3000"),
    ("BERTH_SOAK_DEVICES", "10000"),
    ("BERTH_SOAK_DPS_KILLS", "3"),
    ("BERTH_SOAK_SEED", "1"),
];

/// Runs the tests of swaps, kills, starts, accounts and fleets with the counts of the long form. They print what they did.
pub(crate) fn soak() -> anyhow::Result<bool> {
    build()?;
    let arguments = ["test", "--release", "--workspace", "--test", "suite", "--"];
    let mut tests = cargo(&arguments);
    tests.args(["soak::", "--nocapture", "--test-threads", "1"]);
    for (name, count) in SOAK {
        let count = std::env::var(name).unwrap_or_else(|_| count.to_owned());
        println!("{name}={count}");
        tests.env(name, count);
    }
    Ok(tests.status().context("failed to run cargo")?.success())
}

/// Runs the benchmark that `arguments` begin with, or the comparison with others; the rest goes to it. Each compares, in
/// one run, with itself or a peer.
pub(crate) fn bench(arguments: &[String]) -> anyhow::Result<bool> {
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) if !name.starts_with('-') => (name.as_str(), rest),
        _ => (COMPARISON, arguments),
    };
    build()?;
    let mut bench = cargo(&["bench", "--workspace", "--bench", name, "--"]);
    bench.args(rest);
    // What is compared with others is what is shipped, unless somebody only wants to look.
    if name == COMPARISON && !rest.iter().any(|argument| [QUICK, "--help", "-h"].contains(&argument.as_str())) {
        bench.env(PROGRAMS, dist::build()?);
    }
    Ok(bench.status().context("failed to run cargo")?.success())
}

/// The folder that cargo builds into: that of this very program.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("failed to find this program's own file")?;
    Ok(own.ancestors().nth(2).context("this program is in no target folder")?.to_owned())
}

/// Shows where the time of a decision goes, by a benchmark that compares nothing.
pub(crate) fn profile(arguments: &[String]) -> anyhow::Result<bool> {
    bench(&[&["profile".to_owned()], arguments].concat())
}

/// Rewrites the generated references: runs the tests that compare them, told to write instead.
pub(crate) fn bless() -> anyhow::Result<bool> {
    let mut tests = cargo(&["test", "--release", "--workspace", "--test", "suite", "--", "reference"]);
    let status = tests.env("BERTH_BLESS", "1").status().context("failed to run cargo")?;
    Ok(status.success())
}

/// The repository's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Runs cargo, without what the cargo that runs this very program says of its package: a build script that looks at that
/// would be run again, and what depends on it compiled again, each time.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(root()).env_remove(PROGRAMS);
    let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| of_package(name)) {
        command.env_remove(name);
    }
    command
}

/// The sum over all test programs.
#[derive(Default)]
struct Sum {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Sum {
    /// Runs tests, shows what they print, and adds up what came of them. Whether all passed.
    fn count(&mut self, mut tests: Command) -> anyhow::Result<bool> {
        let mut child = tests.stdout(Stdio::piped()).spawn().context("failed to run cargo")?;
        let output = child.stdout.take().context("cargo has no output")?;
        for line in BufReader::new(output).lines() {
            let line = line.context("failed to read the tests' output")?;
            println!("{line}");
            self.add(&line);
        }
        Ok(child.wait().context("failed to wait for cargo")?.success())
    }

    /// Adds what a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …` says.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for part in counts.split("; ") {
            if let Some((number, word)) = part.split_once(' ')
                && let Ok(number) = number.parse::<u64>()
            {
                match word {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.skipped += number,
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_results() {
        let mut sum = Sum::default();
        sum.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s");
        sum.add("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        sum.add("running 3 tests");
        assert_eq!((sum.passed, sum.failed, sum.skipped), (4, 2, 1));
    }
}
