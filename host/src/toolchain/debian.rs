//! The private toolchain made of Debian's packages: when it is set up, and that it is whole.
//!
//! Debian carries a recent Rust (its browsers need one) together with the source of the standard library. It lies in
//! the cache folder, one folder for each version, and is used as it is for ever after; deleting the folder is safe.
//! A folder bears its final name only once everything in it is done, so a set-up that was cut short leaves nothing
//! that could be mistaken for a toolchain. What is in such a folder is the matter of `sysroot.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use super::apt::{Apt, Package};
use super::error::RouteError;
use super::find::{Compiler, Route, Toolchain, ToolchainOptions};
use super::process::Invocation;
use super::progress::{Event, Progress};
use super::shelf::Shelf;
use super::sysroot;

/// Where a compiler and its source may be: Debian's up-to-date one for browsers, and the distribution's own.
const FAMILIES: [(&str, &str); 2] = [("rustc-web", "rust-web-src"), ("rustc", "rust-src")];

/// The oldest compiler guests are written for: that of this workspace.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// What a set-up runs. All of it is asked for before anything is downloaded.
const TOOLS: [&str; 5] = ["apt-get", "apt-cache", "dpkg", "dpkg-query", "cargo"];

/// Finds the private toolchain, setting it up if need be.
pub(super) fn find(options: &ToolchainOptions, progress: &dyn Progress) -> Result<Toolchain, RouteError> {
    let folder = options.cache_dir().ok_or(RouteError::NoCacheFolder)?.join("debian-rust");
    let shelf = Shelf::new(folder.clone(), options.limits.apt);
    let folder = match finished(&shelf) {
        Some(folder) => folder,
        None => shelf.alone(progress, || finished(&shelf), |staging| set_up(&folder, staging, options, progress))?,
    };
    open(&folder, options, progress)
}

/// Describes a toolchain that is set up.
fn open(folder: &Path, options: &ToolchainOptions, progress: &dyn Progress) -> Result<Toolchain, RouteError> {
    let rustc = folder.join(sysroot::RUSTC);
    let compiler = Compiler {
        rustc: rustc.clone().into(),
        folder,
        environment: options.environment.for_guest(folder),
        limit: options.limits.probe,
    };
    let version = compiler.version(progress)?;
    if !compiler.has_library(progress)? {
        return Err(RouteError::NoStandardLibrary { version: version.line });
    }
    let sysroot = compiler.sysroot(progress)?;
    let linker = Some(folder.join(sysroot::LINKER));
    Ok(Toolchain { route: Route::Debian, version, sysroot, rustc: Some(rustc), linker })
}

/// The newest toolchain on the shelf that is whole.
fn finished(shelf: &Shelf) -> Option<PathBuf> {
    let whole = shelf.folders().into_iter().filter(|folder| folder.join(sysroot::MARKER).is_file());
    whole.max_by_key(|folder| folder.file_name().map(|name| release(&name.to_string_lossy())))
}

fn set_up(
    shelf: &Path,
    staging: &Path,
    options: &ToolchainOptions,
    progress: &dyn Progress,
) -> Result<PathBuf, RouteError> {
    for tool in TOOLS {
        let probe = Invocation {
            program: tool.into(),
            arguments: vec!["--version".into()],
            folder: staging.to_owned(),
            environment: options.environment.for_guest(staging),
            limit: options.limits.probe,
        };
        probe.capture(progress)?;
    }
    let apt = Apt::new(staging.to_owned(), options, progress)?;
    progress.report(Event::Step("Asking Debian's archive for Rust"));
    let packages = choose(&apt)?;
    let total: u64 = packages.iter().map(|package| package.size).sum();
    progress.report(Event::Step(&format!("Downloading Debian's Rust ({} MB)", total / 1_000_000)));
    let files = apt.download(&packages)?;
    progress.report(Event::Step("Unpacking it"));
    let root = staging.join("root");
    for file in &files {
        apt.unpack(file, &root)?;
    }
    let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    sysroot::Parts { root: &root, packages: &names.join(" "), options, progress }.assemble(staging)?;
    let version = packages.first().map(|package| package.version.as_str()).unwrap_or_default();
    // An epoch's colon would split the search path that the folder ends up in.
    let folder = shelf.join(version.replace(':', "_"));
    // A folder of this name that is not whole was tampered with: nothing here makes one.
    let _ = fs::remove_dir_all(&folder);
    fs::rename(&root, &folder).map_err(|source| RouteError::File { action: "create", path: folder.clone(), source })?;
    Ok(folder)
}

/// The packages to download, the compiler's first.
fn choose(apt: &Apt<'_>) -> Result<Vec<Package>, RouteError> {
    let update = apt.update()?;
    let mut best: Option<(Package, &str)> = None;
    for (compiler, source) in FAMILIES {
        let Some(package) = apt.show(compiler)? else {
            continue;
        };
        if apt.show(source)?.is_none() {
            continue;
        }
        if best.as_ref().is_none_or(|(other, _)| release(&package.version) > release(&other.version)) {
            best = Some((package, source));
        }
    }
    let Some((compiler, source)) = best else {
        return Err(RouteError::NoPackage { update });
    };
    if release(&compiler.version) < release(OLDEST) {
        return Err(RouteError::TooOld { found: compiler.version, needed: OLDEST.to_owned() });
    }
    let mut packages = apt.closure(&[&compiler.name, source])?;
    // The linker of the same LLVM: its library is there already.
    let llvm = packages.iter().find_map(|package| package.name.strip_prefix("libllvm"));
    if let Some(llvm) = llvm.map(|version| format!("lld-{version}")) {
        let known: Vec<String> = packages.iter().map(|package| package.name.clone()).collect();
        packages.extend(apt.closure(&[&llvm])?.into_iter().filter(|package| !known.contains(&package.name)));
    }
    Ok(packages)
}

/// The leading numbers of a version, to compare by: `1.96.0+dfsg1-1` is 1, 96, 0.
fn release(version: &str) -> Vec<u32> {
    let without_epoch = version.split_once([':', '_']).map_or(version, |(_, rest)| rest);
    let numbers = without_epoch.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    numbers.split('.').map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests;
