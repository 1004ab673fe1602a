use std::fs;

use super::*;

fn crate_in(folder: &Path, manifest: &str) {
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("src/lib.rs"), "").unwrap();
}

fn build_in(folder: &Path) -> Result<Built, BuildError> {
    build(folder, &BuildOptions::default(), &Silent)
}

const CDYLIB: &str = "edition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n";

#[test]
fn a_folder_without_a_manifest_is_no_policy() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(build_in(folder.path()), Err(BuildError::NoManifest { .. })));
    assert!(matches!(build_in(&folder.path().join("none")), Err(BuildError::NoManifest { .. })));
}

#[test]
fn a_broken_manifest_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    crate_in(folder.path(), "[package\n");
    let Err(BuildError::Metadata { source, .. }) = build_in(folder.path()) else { panic!() };
    assert!(source.to_string().contains("Cargo.toml:1"), "{source}");
}

#[test]
fn an_ordinary_library_is_no_policy() {
    let folder = tempfile::tempdir().unwrap();
    crate_in(folder.path(), "[package]\nname = \"plain\"\nedition = \"2024\"\n[workspace]\n");
    assert!(matches!(build_in(folder.path()), Err(BuildError::NoCdylib { .. })));
}

#[test]
fn a_workspace_of_several_policies_is_ambiguous() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"b\"]\n").unwrap();
    for name in ["a", "b"] {
        crate_in(&folder.path().join(name), &format!("[package]\nname = \"{name}\"\n{CDYLIB}"));
    }
    let Err(BuildError::SeveralCdylibs { packages, .. }) = build_in(folder.path()) else { panic!() };
    assert_eq!(packages, ["a", "b"]);
}

#[test]
fn without_cargo_the_error_says_so() {
    let folder = tempfile::tempdir().unwrap();
    crate_in(folder.path(), &format!("[package]\nname = \"a\"\n{CDYLIB}"));
    let mut options = BuildOptions::default();
    options.toolchain.environment = Environment::default().with("PATH", folder.path());
    assert!(matches!(build(folder.path(), &options, &Silent), Err(BuildError::CargoMissing)));
}

/// A policy in Python, and a `python3` that answers so when it is called with these arguments.
fn with_python(folder: &Path, answers: &[(&str, &str)]) -> String {
    let policy = folder.join("policy");
    fs::create_dir_all(&policy).unwrap();
    fs::write(policy.join("pyproject.toml"), "[project]\nname = \"a\"\n").unwrap();
    fs::write(policy.join("policy.py"), "").unwrap();
    let cases: String = answers.iter().map(|(arguments, answer)| format!("  {arguments}) {answer} ;;\n")).collect();
    let python = folder.join("python3");
    fs::write(&python, format!("#!/bin/sh\ncase \"$*\" in\n{cases}esac\n")).unwrap();
    fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut options = BuildOptions::default();
    options.toolchain.environment =
        Environment::default().with("PATH", folder).with("BERTH_CACHE_DIR", folder.join("cache"));
    error_in_full(&build(&policy, &options, &Silent).unwrap_err())
}

fn error_in_full(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(|error| format!("{error}\n")).collect()
}

#[test]
fn what_python_lacks_is_told_with_what_helps() {
    let current = ("--version", "echo Python 3.11.7");
    for (answers, words) in [
        (&[("--version", "echo Python 3.9.2")][..], "python3 is Python 3.9.2. Python 3.10 or later with pip is needed"),
        (&[current, ("-m*", "echo python3: No module named pip >&2; exit 1")], "apt-get install python3-pip"),
        (
            &[current, ("-m*", "echo No matching distribution >&2; exit 1")],
            "`pip config set global.index-url URL` names a mirror",
        ),
        (&[current, ("-m*", "echo No matching distribution >&2; exit 1")], "No matching distribution"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let said = with_python(folder.path(), answers);
        assert!(said.contains(words), "{said}");
    }
}

/// Sources of a policy of another, tiny world, and of a crate beside it, that need nothing from a registry.
///
/// The author's settings are as unhelpful as they can be.
fn tiny_policy(folder: &Path, beside: &str) -> std::path::PathBuf {
    let policy = folder.join("policy");
    let manifest = format!(
        "[package]\nname = \"tiny\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\
                    [dependencies]\nbeside = {{ path = \"{beside}\" }}\n\
                    [profile.release]\nopt-level = 0\ndebug = true\nstrip = true\npanic = \"unwind\"\nlto = \"off\"\n"
    );
    crate_in(&policy, &manifest);
    let mut resolve = wit_parser::Resolve::default();
    let wit = "package a:b; world tiny { export answer: func(index: u32) -> u32; }";
    let package = resolve.push_str("tiny.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let section = wit_component::metadata::encode(&resolve, world, wit_component::StringEncoding::UTF8, None).unwrap();
    fs::write(policy.join("world.bin"), &section).unwrap();
    let code = format!(
        "#[unsafe(link_section = \"component-type:tiny\")]\n\
         pub static WORLD: [u8; {}] = *include_bytes!(\"../world.bin\");\n\
         #[unsafe(export_name = \"answer\")]\n\
         pub extern \"C\" fn answer(index: u32) -> u32 {{ beside::pick(index) }}\n",
        section.len()
    );
    fs::write(policy.join("src/lib.rs"), code).unwrap();
    let beside = policy.join(beside);
    crate_in(&beside, "[package]\nname = \"beside\"\nversion = \"1.2.3\"\nedition = \"2024\"\n");
    let code = "#[inline(never)]\npub fn pick(index: u32) -> u32 { [1, 2, 3][index as usize] }\n";
    fs::write(beside.join("src/lib.rs"), code).unwrap();
    policy
}

/// Options for a build that fetches nothing. `None` on a machine whose active toolchain cannot make guests: what a
/// test would learn there is learnt from the tests of finding one.
fn offline(policy: &Path) -> Option<BuildOptions> {
    let mut options = BuildOptions::default();
    options.toolchain.route = Some(Route::Active);
    let environment = &mut options.toolchain.environment;
    *environment = environment.clone().with("CARGO_NET_OFFLINE", "true");
    Toolchain::find(policy, &options.toolchain, &Silent).is_ok().then_some(options)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn the_component_is_the_same_wherever_it_is_built_and_names_no_place() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = tiny_policy(here.path(), "beside");
    let second = tiny_policy(&there.path().join("with a space"), "beside");
    let Some(options) = offline(&first) else { return };
    let one = build(&first, &options, &Silent).unwrap();

    let mut bent = options.clone();
    let environment = options.toolchain.environment.clone();
    bent.toolchain.environment = environment
        .with("RUSTFLAGS", "-C no-such-flag")
        .with("CARGO_ENCODED_RUSTFLAGS", "-Cno-such-flag")
        .with("CARGO_BUILD_TARGET", "no-such-target")
        .with("RUSTC_WRAPPER", "/no/such/wrapper")
        .with("CARGO_PROFILE_BERTH_OPT_LEVEL", "0");
    bent.target_dir = Some(there.path().join("target"));
    let other = build(&second, &bent, &Silent).unwrap();

    assert_eq!(one.summary, other.summary);
    assert_eq!((one.package.as_str(), one.summary.imports.len()), ("tiny", 0));
    assert_eq!(one.summary.exports, ["answer"]);
    for place in [here.path().to_str().unwrap(), env!("CARGO_MANIFEST_DIR"), "/home/", "/Users/", "/root/", "/tmp/"] {
        assert!(!contains(&one.component, place), "{place}");
    }
    // The name of a function, for backtraces, and none of what debuggers read.
    assert!(contains(&one.component, "pick"));
    assert!(!contains(&one.component, ".debug_info"));
}

/// Which traces of this machine are in a component.
fn places<'a>(component: &[u8], policy: &'a Path) -> Vec<&'a str> {
    let places =
        [policy.parent().unwrap().to_str().unwrap(), env!("CARGO_MANIFEST_DIR"), "/home/", "/Users/", "/root/"];
    places.into_iter().filter(|place| contains(component, place)).collect()
}

#[test]
fn a_crate_outside_the_workspace_is_named_and_not_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let policy = tiny_policy(folder.path(), "../beside");
    let Some(options) = offline(&policy) else { return };
    let built = build(&policy, &options, &Silent).unwrap();
    assert_eq!(places(&built.component, &policy), [""; 0]);
    assert!(contains(&built.component, "/crates/beside-1.2.3/src/lib.rs"));
}

#[test]
fn compiler_errors_are_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let policy = tiny_policy(folder.path(), "beside");
    let Some(options) = offline(&policy) else { return };
    fs::write(policy.join("src/lib.rs"), "pub fn f() { missing() }").unwrap();
    let Err(BuildError::Compile { diagnostics }) = build(&policy, &options, &Silent) else { panic!() };
    assert!(diagnostics.contains("cannot find function `missing`") && diagnostics.contains("src/lib.rs:1:14"));
}

#[test]
fn code_that_is_no_policy_cannot_become_a_component() {
    let folder = tempfile::tempdir().unwrap();
    let policy = tiny_policy(folder.path(), "beside");
    let Some(options) = offline(&policy) else { return };
    let code = "#[link(wasm_import_module = \"env\")]\nunsafe extern \"C\" { fn clock(); }\n\
                #[unsafe(no_mangle)]\npub extern \"C\" fn f() { unsafe { clock() } }\n";
    fs::write(policy.join("src/lib.rs"), code).unwrap();
    let error = build(&policy, &options, &Silent).unwrap_err();
    assert!(matches!(error, BuildError::Component(ComponentError::Encode { .. })), "{error}");
    assert!(error.to_string().contains("env::clock"), "{error}");
}
