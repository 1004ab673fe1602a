//! Builds Berth for production: compiled once to count what it does under load, and once more by what it counted.
//!
//! The benchmarks' native handler is built likewise, or the comparison with it would not be fair.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context as _, ensure};

use crate::suite::{self, PROGRAMS, cargo};

/// The profile of these programs, and the folder they end up in.
const DIST: &str = "dist";

/// What is built.
const NAMES: [&str; 2] = ["berth", "native-handler"];

/// Flags of rustc as cargo takes them: they may have spaces in them.
const FLAGS: &str = "CARGO_ENCODED_RUSTFLAGS";
const BETWEEN_FLAGS: &str = "\u{1f}";

/// Builds the programs, and says where they are.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<bool> {
    ensure!(arguments.is_empty(), "`cargo xtask dist` takes no arguments");
    println!("\n{} is for production", build()?.join("berth").display());
    Ok(true)
}

/// Builds the programs, and gives the folder they are in.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    let compiler = Compiler::found()?;
    // Before anything that takes long.
    let merger = compiler.merger()?;
    suite::build()?;
    let target = suite::target()?;
    let training = target.join("training");
    let (counts, profile) = (training.join("raw"), training.join("berth.profdata"));
    println!("\nCompiling what counts what it does");
    let counting = compiler.compile(&training, &format!("-Cprofile-generate={}", counts.display()))?;
    if !is_newer(&profile, &counting) {
        println!("\nLearning from what it does");
        learn(&counting, &counts)?;
        merge(&merger, &counts, &profile)?;
    }
    println!("\nCompiling for production");
    let built = compiler.compile(&target.join("trained"), &format!("-Cprofile-use={}", profile.display()))?;
    let folder = target.join(DIST);
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    for name in NAMES {
        // Renamed, so that what is there is whole, and not written into while it runs.
        let (to, new) = (folder.join(name), folder.join(format!("{name}.new")));
        let copied = fs::copy(built.join(name), &new).and_then(|_| fs::rename(&new, &to));
        copied.with_context(|| format!("failed to write {}", to.display()))?;
    }
    Ok(folder)
}

/// Runs the training with these programs, which write down what they count when they end.
fn learn(programs: &Path, counts: &Path) -> anyhow::Result<()> {
    if counts.exists() {
        fs::remove_dir_all(counts).with_context(|| format!("failed to remove {}", counts.display()))?;
    }
    let mut training = cargo(&["bench", "--workspace", "--bench", "train"]);
    training.env(PROGRAMS, programs).env_remove("LLVM_PROFILE_FILE");
    let trained = training.status().context("failed to run cargo")?;
    ensure!(trained.success(), "the programs do not do what they are to learn from");
    Ok(())
}

fn merge(merger: &Path, counts: &Path, profile: &Path) -> anyhow::Result<()> {
    let counted = fs::read_dir(counts).with_context(|| format!("nothing was counted in {}", counts.display()))?.count();
    ensure!(counted >= NAMES.len(), "not all of {} wrote down what they counted", NAMES.join(" and "));
    // Half of one would be newer than the programs, too.
    let whole = profile.with_extension("new");
    let merged = Command::new(merger).arg("merge").arg("-o").arg(&whole).arg(counts).status();
    let merged = merged.with_context(|| format!("failed to run {}", merger.display()))?;
    ensure!(merged.success(), "{} cannot put together what was counted", merger.display());
    fs::rename(&whole, profile).with_context(|| format!("failed to write {}", profile.display()))
}

/// Whether this profile was made after the programs in this folder.
fn is_newer(profile: &Path, programs: &Path) -> bool {
    let written = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    let newest: Option<SystemTime> = NAMES.iter().filter_map(|name| written(&programs.join(name))).max();
    written(profile) > newest
}

/// The compiler, as far as it matters here.
struct Compiler {
    host: String,
    /// The version of LLVM in it: counts are read by one that is not older.
    llvm: u32,
    sysroot: PathBuf,
}

impl Compiler {
    fn found() -> anyhow::Result<Self> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = |arguments: &[&str]| {
            let output = Command::new(&rustc).args(arguments).current_dir(suite::root()).output();
            String::from_utf8(output.context("failed to run rustc")?.stdout).context("rustc says what is no text")
        };
        let about = output(&["--version", "--verbose"])?;
        let said = |what: &str| about.lines().find_map(|line| line.strip_prefix(what)).map(str::trim);
        let llvm = said("LLVM version:").and_then(|version| version.split('.').next()?.parse().ok());
        Ok(Self {
            host: said("host:").context("rustc does not say what it compiles for")?.to_owned(),
            llvm: llvm.context("rustc does not say which LLVM it has")?,
            sysroot: output(&["--print", "sysroot"])?.trim().into(),
        })
    }

    /// The program that puts counts together: the toolchain's own, or one of the same LLVM that is installed.
    fn merger(&self) -> anyhow::Result<PathBuf> {
        const NAME: &str = "llvm-profdata";
        let Self { host, llvm, sysroot } = self;
        let versioned = format!("{NAME}-{llvm}");
        let of_debian = PathBuf::from(format!("/usr/lib/llvm-{llvm}/bin")).join(NAME);
        let found = [sysroot.join("lib/rustlib").join(host).join("bin").join(NAME), of_debian, versioned.into()];
        let runs = |path: &PathBuf| {
            Command::new(path).args(["merge", "--help"]).output().is_ok_and(|ran| ran.status.success())
        };
        found.into_iter().find(runs).with_context(|| {
            format!(
                "there is no {NAME} of LLVM {llvm}, which puts together what a program counted: `rustup component add \
                 llvm-tools`, or Debian's package llvm-{llvm}"
            )
        })
    }

    /// Compiles the programs into this target folder, and gives the folder they are in. For a named host, so that build
    /// scripts and macros get none of the flags.
    fn compile(&self, target: &Path, flag: &str) -> anyhow::Result<PathBuf> {
        let bins = NAMES.iter().flat_map(|name| ["--bin", name]);
        let own = env::var(FLAGS).or_else(|_| env::var("RUSTFLAGS").map(|flags| flags.replace(' ', BETWEEN_FLAGS)));
        let own = own.unwrap_or_default();
        let flags: Vec<&str> = own.split(BETWEEN_FLAGS).filter(|flag| !flag.is_empty()).chain([flag]).collect();
        let mut build = cargo(&["build", "--profile", DIST, "--workspace", "--target", &self.host]);
        build.arg("--target-dir").arg(target).args(bins).env(FLAGS, flags.join(BETWEEN_FLAGS));
        ensure!(build.status().context("failed to run cargo")?.success(), "berth does not build");
        Ok(target.join(&self.host).join(DIST))
    }
}
