//! What a private toolchain consists of, and how it is put together from unpacked packages.
//!
//! The standard library for guests is compiled here once, rather than anew in each policy's target folder. Policies
//! are then compiled as with any other toolchain, without cargo's unstable `build-std` and without the switch that
//! lets stable compilers take unstable code, which would also be seen by the build scripts of their dependencies.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::TARGET;
use super::cargo_config::CargoConfig;
use super::error::RouteError;
use super::find::{Compiler, ToolchainOptions};
use super::process::Invocation;
use super::progress::{Event, Progress};

/// The compiler within a toolchain's folder.
pub(super) const RUSTC: &str = "rustc";

/// The linker within a toolchain's folder. Its name tells the compiler what kind of linker it is.
pub(super) const LINKER: &str = "wasm-ld";

/// A file that is there once everything else is.
pub(super) const MARKER: &str = "ready";

/// Where compilers look for the library's source, below their root.
const LIBRARY_SOURCE: &str = "usr/lib/rustlib/src/rust/library";

/// A crate that needs the standard library, which makes cargo compile it.
const MANIFEST: &str = r#"
[package]
name = "library-for-guests"
version = "0.0.0"
edition = "2021"
[lib]
path = "lib.rs"
[workspace]
"#;

/// Unpacked packages that are becoming a toolchain.
pub(super) struct Parts<'a> {
    /// Below it lie `usr/bin` and so on. It is renamed afterwards, so nothing inside may name it.
    pub(super) root: &'a Path,
    /// The packages' names, for messages.
    pub(super) packages: &'a str,
    pub(super) options: &'a ToolchainOptions,
    pub(super) progress: &'a dyn Progress,
}

impl Parts<'_> {
    /// Makes them a toolchain. `scratch` is a folder for what is not kept.
    pub(super) fn assemble(&self, scratch: &Path) -> Result<(), RouteError> {
        let libraries = self.libraries()?;
        self.write_script(RUSTC, "usr/bin/rustc", &libraries)?;
        let linker = self.linker()?;
        self.write_script(LINKER, &linker, &libraries)?;
        self.link_source()?;
        let built = self.build_library(scratch)?;
        self.install_library(&built)?;
        let path = self.root.join(MARKER);
        fs::write(&path, self.packages).map_err(|source| file("write", &path, source))
    }

    /// The folder of the compiler's shared libraries, relative to the root: `usr/lib/x86_64-linux-gnu`.
    fn libraries(&self) -> Result<String, RouteError> {
        let holds_driver = |folder: &Path| entries(folder).iter().any(|name| name.starts_with("librustc_driver"));
        let usr_lib = self.root.join("usr/lib");
        let mut names =
            entries(&usr_lib).into_iter().map(|name| format!("usr/lib/{name}")).chain(["usr/lib".to_owned()]);
        names.find(|name| holds_driver(&self.root.join(name))).ok_or_else(|| self.incomplete("librustc_driver"))
    }

    /// LLVM's linker for WebAssembly, relative to the root.
    fn linker(&self) -> Result<String, RouteError> {
        let bin = entries(&self.root.join("usr/bin"));
        let name = bin.iter().find(|name| name.starts_with("wasm-ld")).ok_or_else(|| self.incomplete("wasm-ld"))?;
        Ok(format!("usr/bin/{name}"))
    }

    /// Writes a script that starts an unpacked program with its libraries, wherever the toolchain lies by then.
    fn write_script(&self, name: &str, program: &str, libraries: &str) -> Result<(), RouteError> {
        let script = format!(
            "#!/bin/sh\n\
             here=$(CDPATH= cd -- \"$(dirname -- \"$0\")\" && pwd) || exit 1\n\
             LD_LIBRARY_PATH=\"$here/{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\"\n\
             export LD_LIBRARY_PATH\n\
             exec \"$here/{program}\" \"$@\"\n"
        );
        let path = self.root.join(name);
        fs::write(&path, script).map_err(|source| file("write", &path, source))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .map_err(|source| file("make executable", &path, source))
    }

    /// Puts the library's source where cargo looks for it, and drops that of the compiler, which is five times as big.
    fn link_source(&self) -> Result<(), RouteError> {
        let sources = self.root.join("usr/src");
        let releases = entries(&sources).into_iter().map(|name| sources.join(name));
        let release = releases
            .into_iter()
            .find(|folder| folder.join("library/Cargo.toml").is_file())
            .ok_or_else(|| self.incomplete("source of the standard library"))?;
        for unused in ["compiler", "src"] {
            // Only space is lost if it stays.
            let _ = fs::remove_dir_all(release.join(unused));
        }
        let link = self.root.join(LIBRARY_SOURCE);
        if link.exists() {
            return Ok(());
        }
        let name = release.file_name().map(Path::new).unwrap_or(&release);
        // From usr/lib/rustlib/src/rust to usr/src.
        let target = Path::new("../../../../src").join(name).join("library");
        let parent = link.parent().unwrap_or(self.root);
        fs::create_dir_all(parent).map_err(|source| file("create", parent, source))?;
        symlink(target, &link).map_err(|source| file("create", &link, source))
    }

    /// Compiles the standard library for guests. Needs no network: its dependencies come with its source.
    fn build_library(&self, scratch: &Path) -> Result<PathBuf, RouteError> {
        let step = "Compiling Rust's standard library for guests (once, a minute or two)";
        self.progress.report(Event::Step(step));
        let krate = scratch.join("library-for-guests");
        let write = |name: &str, text: &str| {
            let path = krate.join(name);
            fs::write(&path, text).map_err(|source| file("write", &path, source))
        };
        fs::create_dir_all(&krate).map_err(|source| file("create", &krate, source))?;
        write("lib.rs", "#![no_std]\n")?;
        write("Cargo.toml", MANIFEST)?;
        write("config.toml", &self.cargo_config(&krate)?)?;
        let arguments = ["build", "--release", "--offline", "--target", TARGET, "--config", "config.toml"];
        let environment = self.options.environment.for_guest(&krate);
        let invocation = Invocation {
            program: "cargo".into(),
            arguments: arguments.iter().chain(&["-Zbuild-std=std,panic_abort,proc_macro"]).map(Into::into).collect(),
            environment: environment
                .with("RUSTC", self.root.join(RUSTC))
                .with("RUSTC_BOOTSTRAP", "1")
                // Cargo's own settings and registries of this user have no say in this.
                .with("CARGO_HOME", scratch.join("cargo-home"))
                .with("CARGO_TARGET_DIR", krate.join("target"))
                .without("CARGO_BUILD_TARGET_DIR")
                .without("CARGO_BUILD_BUILD_DIR"),
            folder: krate.clone(),
            limit: self.options.limits.cargo,
        };
        invocation.capture(self.progress)?;
        Ok(krate.join("target").join(TARGET).join("release/deps"))
    }

    fn cargo_config(&self, krate: &Path) -> Result<String, RouteError> {
        let compiler = Compiler {
            rustc: self.root.join(RUSTC).into(),
            folder: krate,
            environment: self.options.environment.for_guest(krate),
            limit: self.options.limits.probe,
        };
        let version = compiler.version(self.progress)?;
        let source = self.root.join(LIBRARY_SOURCE);
        let resolved = fs::canonicalize(&source).map_err(|error| file("resolve", &source, error))?;
        let remap = |from: &Path| format!("--remap-path-prefix={}={}/library", from.display(), version.source);
        // Guests are linked with link-time optimisation, for which the library has to hold bitcode.
        let flags = ["-Cembed-bitcode=yes".to_owned(), remap(&source), remap(&resolved)];
        let vendored = source.join("vendor").display().to_string();
        let mut config = CargoConfig::default();
        config.set(&["target", TARGET, "rustflags"], flags.to_vec());
        config.set(&["profile", "release", "codegen-units"], 1);
        config.set(&["source", "crates-io", "replace-with"], "vendored");
        config.set(&["source", "vendored", "directory"], vendored);
        Ok(config.to_string())
    }

    /// Copies what was compiled to where the compiler looks for it.
    fn install_library(&self, built: &Path) -> Result<(), RouteError> {
        let target = self.root.join("usr/lib/rustlib").join(TARGET).join("lib");
        fs::create_dir_all(&target).map_err(|source| file("create", &target, source))?;
        for name in entries(built) {
            if name.ends_with(".rlib") && !name.starts_with("liblibrary_for_guests") {
                let (from, to) = (built.join(&name), target.join(&name));
                fs::rename(&from, &to).map_err(|source| file("move", &from, source))?;
            }
        }
        Ok(())
    }

    fn incomplete(&self, what: &str) -> RouteError {
        RouteError::Incomplete { packages: self.packages.to_owned(), what: what.to_owned() }
    }
}

/// Names of the entries of a folder, sorted; none if it cannot be read.
fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn file(action: &'static str, path: &Path, source: io::Error) -> RouteError {
    RouteError::File { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
