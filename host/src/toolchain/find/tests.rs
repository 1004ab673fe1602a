use std::os::unix::fs::PermissionsExt;

use super::super::progress::Silent;
use super::*;

/// A machine whose tools are shell scripts.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for sub in ["bin", "policy", "lib"] {
            fs::create_dir(folder.path().join(sub)).unwrap();
        }
        Self { folder }
    }

    fn with(self, program: &str, script: &str) -> Self {
        let path = self.folder.path().join("bin").join(program);
        fs::write(
            &path,
            format!("#!/bin/sh\n[ \"$*\" = --version ] && exit 0\nroot={}\n{script}\n", self.folder.path().display()),
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// A compiler that finds its library in `lib`.
    fn with_rustc(self) -> Self {
        self.with(
            "rustc",
            "case \"$*\" in\n*sysroot*) echo $root ;;\n*libdir*) echo $root/lib ;;\n\
             *) echo 'rustc 9.9.9 (fake)'; echo 'release: 9.9.9' ;;\nesac",
        )
    }

    /// What the third route needs, apart from `apt-get` and `apt-cache`.
    fn with_dpkg_and_cargo(self) -> Self {
        ["dpkg", "dpkg-query", "cargo"].into_iter().fold(self, |machine, tool| machine.with(tool, "exit 1"))
    }

    fn with_library(self) -> Self {
        for name in ["libcore-1.rlib", "libstd-1.rlib"] {
            fs::write(self.folder.path().join("lib").join(name), "").unwrap();
        }
        self
    }

    fn options(&self, route: Option<&str>) -> ToolchainOptions {
        let folder = self.folder.path();
        let environment = Environment::default()
            .with("PATH", folder.join("bin"))
            .with("BERTH_CACHE_DIR", folder.join("cache"))
            .with("BERTH_GUEST_TOOLCHAIN", route.unwrap_or_default())
            .without("RUSTC");
        ToolchainOptions { environment, ..ToolchainOptions::default() }
    }

    fn find(&self, options: &ToolchainOptions) -> Result<Toolchain, ToolchainError> {
        Toolchain::find(&self.folder.path().join("policy"), options, &Silent)
    }

    fn failures(&self, options: &ToolchainOptions) -> Vec<Attempt> {
        match self.find(options) {
            Err(ToolchainError::NoRoute { attempts }) => attempts,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_toolchain_that_has_the_library_is_used_as_it_is() {
    let machine = Machine::new().with_rustc().with_library();
    let found = machine.find(&machine.options(None)).unwrap();
    assert_eq!((found.route(), found.version()), (Route::Active, "rustc 9.9.9 (fake)"));
    assert_eq!((found.rustc, found.linker), (None, None));
}

#[test]
fn half_a_library_is_none() {
    let machine = Machine::new().with_rustc();
    fs::write(machine.folder.path().join("lib/libcore-1.rlib"), "").unwrap();
    let attempts = machine.failures(&machine.options(Some("active")));
    assert!(matches!(attempts[0].why, RouteError::NoStandardLibrary { .. }));
}

#[test]
fn rustup_adds_the_library() {
    let rustup = "[ \"$*\" = 'target add wasm32-unknown-unknown' ] && : > $root/lib/libcore-1.rlib && : > $root/lib/libstd-1.rlib";
    let machine = Machine::new().with_rustc().with("rustup", rustup);
    assert_eq!(machine.find(&machine.options(None)).unwrap().route(), Route::Rustup);
    assert_eq!(machine.find(&machine.options(None)).unwrap().route(), Route::Active);
}

#[test]
fn a_rustup_of_another_toolchain_does_not_count() {
    let machine = Machine::new().with_rustc().with("rustup", "exit 0");
    let attempts = machine.failures(&machine.options(Some("rustup")));
    assert!(matches!(attempts[0].why, RouteError::NoStandardLibrary { .. }));
}

#[test]
fn a_rustup_that_hangs_is_stopped() {
    let machine = Machine::new().with_rustc().with("rustup", "exec /bin/sleep 600");
    let mut options = machine.options(Some("rustup"));
    options.limits.rustup = Duration::from_millis(200);
    let attempts = machine.failures(&options);
    assert!(matches!(attempts[0].why, RouteError::Process(ProcessError::TimedOut { .. })), "{attempts:?}");
}

#[test]
fn a_machine_without_anything_says_what_was_tried_and_what_helps() {
    let machine = Machine::new();
    let error = machine.find(&machine.options(None)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "found no Rust compiler for wasm32-unknown-unknown, which a policy is compiled to. Tried:\n\
         \x20 - active: `rustc` is not installed, or not on the PATH\n\
         \x20 - rustup: `rustup` is not installed, or not on the PATH\n\
         \x20 - debian: `apt-get` is not installed, or not on the PATH\n\
         Any one of these helps:\n\
         \x20 - with rustup (https://rustup.rs), in the policy's folder: rustup target add wasm32-unknown-unknown\n\
         \x20 - on Debian: access to its package archive, with `apt-get` and `dpkg` installed\n\
         \x20 - any other system: its package of Rust's standard library for wasm32-unknown-unknown"
    );
}

#[test]
fn an_archive_out_of_reach_is_quoted() {
    let machine = Machine::new()
        .with_dpkg_and_cargo()
        .with("apt-get", "echo 'W: Could not resolve deb.example' >&2\nexit 100")
        .with("apt-cache", "echo 'E: No packages found' >&2\nexit 100");
    let attempts = machine.failures(&machine.options(Some("debian")));
    let why = attempts[0].why.to_string();
    assert!(matches!(attempts[0].why, RouteError::NoPackage { .. }), "{why}");
    assert!(why.ends_with("W: Could not resolve deb.example"), "{why}");
}

#[test]
fn a_packaged_compiler_that_is_too_old_says_so() {
    let machine = Machine::new()
        .with_dpkg_and_cargo()
        .with("apt-get", "exit 0")
        .with("apt-cache", "for name; do :; done\necho \"Package: $name\"; echo 'Version: 1.63.0+dfsg1-2'");
    let attempts = machine.failures(&machine.options(Some("debian")));
    assert!(matches!(&attempts[0].why, RouteError::TooOld { found, .. } if found == "1.63.0+dfsg1-2"), "{attempts:?}");
}

#[test]
fn nothing_is_downloaded_for_a_machine_without_cargo() {
    let machine = Machine::new().with_dpkg_and_cargo().with("apt-get", "exit 0").with("apt-cache", "exit 0");
    fs::remove_file(machine.folder.path().join("bin/cargo")).unwrap();
    let attempts = machine.failures(&machine.options(Some("debian")));
    let RouteError::Process(ProcessError::Missing { program }) = &attempts[0].why else { panic!("{attempts:?}") };
    assert_eq!(program, "cargo");
}

#[test]
fn a_failed_set_up_leaves_nothing_behind() {
    let machine = Machine::new().with_dpkg_and_cargo().with("apt-get", "exit 0").with("apt-cache", "exit 100");
    machine.failures(&machine.options(Some("debian")));
    let left: Vec<_> = fs::read_dir(machine.folder.path().join("cache/debian-rust")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].file_name(), "lock");
}

#[test]
fn a_route_that_does_not_exist_is_named() {
    let machine = Machine::new();
    let error = machine.find(&machine.options(Some("nix"))).unwrap_err();
    assert_eq!(error.to_string(), "BERTH_GUEST_TOOLCHAIN is `nix`; it may be `active`, `rustup` or `debian`");
}

#[test]
fn a_compiler_without_a_commit_is_named_after_its_release() {
    let version = CompilerVersion::parse("rustc 1.96.0\ncommit-hash: unknown\nrelease: 1.96.0\n");
    assert_eq!(version.source, "/rustc/1.96.0");
    let version = CompilerVersion::parse("rustc 1.96.0\ncommit-hash: abc\nrelease: 1.96.0\n");
    assert_eq!(version.source, "/rustc/abc");
}
