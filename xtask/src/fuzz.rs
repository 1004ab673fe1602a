//! Looks for bytes that break what has to hold for any bytes, guided by the code they reach: libFuzzer, on the stable
//! compiler. What has to hold is in `tests/src/fuzzing`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};

use crate::suite::{cargo, root};

/// The targets, in the order in which they are run.
const TARGETS: [&str; 5] = ["webhook", "answer", "files", "component", "store"];

/// Seconds for each, unless told otherwise.
const SECONDS: u32 = 600;

/// Counts each edge that is taken, and shows the fuzzer the operands of comparisons. No sanitizer: those need another
/// compiler, and nearly all of this is safe code, whose mistakes are panics.
const INSTRUMENTED: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// What a run is bounded by: seconds and MiB for one input, and the longest input.
const BOUNDS: [&str; 3] = ["-timeout=25", "-rss_limit_mb=4096", "-max_len=8192"];

/// `fuzz [TARGET] [--seconds N] [--keep]`: whether nothing was found.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<bool> {
    let (mut wanted, mut seconds, mut keep) = (TARGETS.to_vec(), SECONDS, false);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), TARGETS.iter().find(|target| *target == argument)) {
            (_, Some(target)) => wanted = vec![target],
            ("--seconds", _) => {
                let number = arguments.next().context("--seconds needs a number")?;
                seconds = number.parse().with_context(|| format!("`{number}` is no number of seconds"))?;
            }
            ("--keep", _) => keep = true,
            (other, _) => bail!("there is no target `{other}`: {}", TARGETS.join(", ")),
        }
    }
    let program = build()?;
    let mut sound = true;
    for target in wanted {
        let run = Run { program: &program, target };
        sound &= run.fuzz(seconds)?;
        if keep {
            run.keep()?;
        }
    }
    Ok(sound)
}

/// Builds the program, with instrumentation in everything but what runs while building.
fn build() -> anyhow::Result<PathBuf> {
    let version = Command::new("rustc").arg("-vV").output().context("failed to run rustc")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let platform = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no platform")?;
    // What is fuzzed is what is shipped: the same versions of everything.
    let (shipped, fuzzed) = ("Cargo.lock", "tests/fuzz/Cargo.lock");
    fs::copy(root().join(shipped), root().join(fuzzed)).context("failed to copy Cargo.lock")?;
    let target = root().join("target/fuzz");
    let mut build = cargo(&["build", "--release", "--manifest-path", "tests/fuzz/Cargo.toml"]);
    build.arg("--target").arg(platform).arg("--target-dir").arg(&target).env("RUSTFLAGS", INSTRUMENTED);
    ensure!(build.status().context("failed to run cargo")?.success(), "the fuzzing program does not build");
    Ok(target.join(platform).join("release/berth-fuzz"))
}

/// One target's run.
struct Run<'a> {
    program: &'a Path,
    target: &'a str,
}

impl Run<'_> {
    /// What reached something new in this run and those before: too much to be kept in the repository.
    fn found(&self) -> PathBuf {
        root().join("target/fuzz/corpus").join(self.target)
    }

    fn corpus(&self) -> PathBuf {
        root().join("tests/fuzz/corpus").join(self.target)
    }

    fn libfuzzer(&self) -> Command {
        let mut command = Command::new(self.program);
        command.env("BERTH_FUZZ_TARGET", self.target).current_dir(root()).args(BOUNDS);
        command
    }

    /// Whether nothing was found. What was is in `tests/fuzz/findings`, where the suite tries it from then on.
    fn fuzz(&self, seconds: u32) -> anyhow::Result<bool> {
        println!("\n== {} for {seconds} s", self.target);
        let findings = root().join("tests/fuzz/findings").join(self.target);
        for folder in [&findings, &self.found(), &self.corpus()] {
            fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        }
        let mut command = self.libfuzzer();
        command.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", findings.display())).arg(self.found()).arg(self.corpus());
        Ok(command.status().context("failed to run the fuzzing program")?.success())
    }

    /// Brings the repository's corpus to the smallest that reaches all that was reached.
    fn keep(&self) -> anyhow::Result<()> {
        let small = root().join("target/fuzz/small").join(self.target);
        let _ = fs::remove_dir_all(&small);
        fs::create_dir_all(&small).context("failed to make a folder")?;
        let mut command = self.libfuzzer();
        // Each edge once, not each count of it.
        command.args(["-set_cover_merge=1", "-use_counters=0"]).arg(&small).arg(self.corpus()).arg(self.found());
        ensure!(
            command.status().context("failed to run the fuzzing program")?.success(),
            "the corpus cannot be merged"
        );
        let corpus = self.corpus();
        fs::remove_dir_all(&corpus).context("failed to remove the old corpus")?;
        fs::create_dir_all(&corpus).context("failed to make the corpus")?;
        for entry in fs::read_dir(&small).context("failed to read the new corpus")? {
            let entry = entry.context("failed to read the new corpus")?;
            fs::copy(entry.path(), corpus.join(entry.file_name())).context("failed to copy into the corpus")?;
        }
        Ok(())
    }
}
