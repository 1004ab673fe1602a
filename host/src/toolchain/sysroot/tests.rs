use super::super::progress::Silent;
use super::*;

#[test]
fn the_librarys_source_is_linked_and_that_of_the_compiler_dropped() {
    let root = tempfile::tempdir().unwrap();
    let release = root.path().join("usr/src/rustc-1.96.0");
    for sub in ["library", "compiler"] {
        fs::create_dir_all(release.join(sub)).unwrap();
    }
    fs::write(release.join("library/Cargo.toml"), "").unwrap();
    let options = ToolchainOptions::default();
    let parts = Parts { root: root.path(), packages: "p", options: &options, progress: &Silent };
    parts.link_source().unwrap();
    assert!(root.path().join(LIBRARY_SOURCE).join("Cargo.toml").is_file());
    assert!(!release.join("compiler").exists());
    parts.link_source().unwrap();
}

#[test]
fn packages_that_lack_a_part_are_named() {
    let root = tempfile::tempdir().unwrap();
    let options = ToolchainOptions::default();
    let parts = Parts { root: root.path(), packages: "rustc-web", options: &options, progress: &Silent };
    let error = parts.assemble(root.path()).unwrap_err();
    assert_eq!(error.to_string(), "the packages rustc-web hold no librustc_driver");
}

#[test]
fn scripts_find_their_program_after_a_move() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    fs::create_dir_all(before.join("bin")).unwrap();
    let program = before.join("bin/program");
    fs::write(&program, "#!/bin/sh\necho \"$LD_LIBRARY_PATH $1\"\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let options = ToolchainOptions::default();
    let parts = Parts { root: &before, packages: "", options: &options, progress: &Silent };
    parts.write_script("start", "bin/program", "lib").unwrap();
    let after = folder.path().join("after it");
    fs::rename(&before, &after).unwrap();
    let output = std::process::Command::new(after.join("start")).arg("x").env_remove("LD_LIBRARY_PATH").output();
    let expected = format!("{}/lib x\n", after.display());
    assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), expected);
}
