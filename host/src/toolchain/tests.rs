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
    assert!(matches!(
        build_in(&folder.path().join("none")),
        Err(BuildError::NoManifest { .. })
    ));
}

#[test]
fn a_broken_manifest_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    crate_in(folder.path(), "[package\n");
    let Err(BuildError::Metadata { source, .. }) = build_in(folder.path()) else {
        panic!()
    };
    assert!(source.to_string().contains("Cargo.toml:1"), "{source}");
}

#[test]
fn an_ordinary_library_is_no_policy() {
    let folder = tempfile::tempdir().unwrap();
    crate_in(
        folder.path(),
        "[package]\nname = \"plain\"\nedition = \"2024\"\n[workspace]\n",
    );
    assert!(matches!(build_in(folder.path()), Err(BuildError::NoCdylib { .. })));
}

#[test]
fn a_workspace_of_several_policies_is_ambiguous() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("Cargo.toml"),
        "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"b\"]\n",
    )
    .unwrap();
    for name in ["a", "b"] {
        crate_in(
            &folder.path().join(name),
            &format!("[package]\nname = \"{name}\"\n{CDYLIB}"),
        );
    }
    let Err(BuildError::SeveralCdylibs { packages, .. }) = build_in(folder.path()) else {
        panic!()
    };
    assert_eq!(packages, ["a", "b"]);
}

#[test]
fn without_cargo_the_error_says_so() {
    let folder = tempfile::tempdir().unwrap();
    crate_in(folder.path(), &format!("[package]\nname = \"a\"\n{CDYLIB}"));
    let mut options = BuildOptions::default();
    options.toolchain.environment = Environment::default().with("PATH", folder.path());
    assert!(matches!(
        build(folder.path(), &options, &Silent),
        Err(BuildError::CargoMissing)
    ));
}
