//! Files of a tenant and of the server, and folders, that nobody should have written.

use std::{fs, os::unix::fs::symlink, path::Path};

use berth_tests::{Berth, Policy, bodies as sent, key, key_hash, log::Entry, startup};
use rustix::fs::FileType;

use super::{
    SERVERS, attacks,
    files::{file, link, node, sparse},
};
use crate::version;

/// A tenant of this manifest is refused, in words that do not repeat what stands there.
fn tenant(change: impl FnOnce(&Path), phrase: &'static str) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        let mark = berth.mark().await;
        let new = berth.folder().join("tenant");
        Policy::from(version(3)).write(&new.join("p"));
        let sound = format!("[keys]\nprimary = \"{}\"\n", key_hash(&key("attacked")));
        fs::write(new.join("tenant.toml"), sound).unwrap();
        change(&new);
        fs::rename(&new, berth.files("attacked").path()).unwrap();
        let about = |line: &Entry| line.text("tenant") == "attacked";
        let (_, line) = berth.log().find("the line about the tenant", mark, about).await;
        assert_eq!((line.message(), line.text("level")), ("tenant refused; what served before still serves", "WARN"));
        assert!(line.text("error").contains(phrase), "`{phrase}` is not in {line}");
        assert!(!line.mentions("in-clear-4711"), "{line}");
        berth.asks("attacked/p").with(sent::first()).await.is_error(404, "not-found");
    }
}

fn manifest(content: impl Into<Vec<u8>>) -> impl FnOnce(&Path) {
    file("tenant.toml", content)
}

attacks! { SERVERS:
    a_tenant_of_nothing => tenant(manifest(""), "keys");
    a_tenant_that_is_no_utf8 => tenant(manifest(b"\xff".to_vec()), "not UTF-8");
    a_tenant_with_a_key_in_clear => tenant(manifest("[keys]\nprimary = \"in-clear-4711\"\n"), "never in clear");
    a_tenant_with_a_key_for_all_keys => tenant(manifest("keys = \"in-clear-4711\"\n"), "invalid type, expected");
    a_tenant_with_a_key_after_a_colon => tenant(manifest("[keys]\nprimary: \"in-clear-4711==\"\n"), "line 2: ");
    a_tenant_with_a_hash_too_short => tenant(manifest("[keys]\nprimary = \"sha256:abcd\"\n"), "64 hexadecimal digits");
    a_tenant_with_the_hash_of_nothing => tenant(manifest("[keys]\nprimary = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n"), "empty key");
    a_tenant_with_a_key_nobody_knows => tenant(manifest("[keys]\nprimary = \"x\"\ntertiary = \"in-clear-4711\"\n"), "line ");
    a_tenant_with_a_key_that_is_a_number => tenant(manifest("[keys]\nprimary = 4711\n"), "line 2");
    a_tenant_of_two_mebibytes => tenant(manifest("#".repeat(2 << 20)), "larger than");
    a_tenant_that_is_a_pipe => tenant(node("tenant.toml", FileType::Fifo), "not a plain file");
    a_tenant_that_is_a_folder => tenant(|folder: &Path| {
        fs::remove_file(folder.join("tenant.toml")).unwrap();
        fs::create_dir(folder.join("tenant.toml")).unwrap();
    }, "not a plain file");
    a_tenant_that_is_missing => tenant(|folder: &Path| fs::remove_file(folder.join("tenant.toml")).unwrap(), "No such file");
    a_tenant_that_is_another_ones => tenant(link("tenant.toml", "../healthy/tenant.toml"), "leads out of");
    a_tenant_that_is_a_ring_of_links => tenant(link("tenant.toml", "tenant.toml"), "symbolic links");
    a_tenant_of_levels_without_end => tenant(manifest(format!("keys = {}", "[".repeat(100_000))), "line 1");
    folders_that_cannot_be_tenants => async |berth: &Berth| {
        for name in ["Upper", "with space", "under_score", "-hyphen", "\u{202e}odd", "line\nbreak", "ünicode", &"x".repeat(64)] {
            let folder = berth.files("").path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("tenant.toml"), "[keys]\n").unwrap();
        }
        berth.files("contoso").write("marker", version(4));
        berth.serves("contoso/marker").await;
        let policies = berth.status().await["policies"].as_array().unwrap().len();
        assert_eq!(policies, 3, "none of them is a tenant");
    };
    a_folder_whose_name_is_no_text => async |berth: &Berth| {
        use std::os::unix::ffi::OsStrExt as _;
        fs::create_dir(berth.files("").path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe"))).unwrap();
        berth.files("contoso").write("marker", version(4));
        berth.serves("contoso/marker").await;
    };
    a_folder_that_is_a_ring => async |berth: &Berth| {
        symlink("..", berth.files("contoso").path().join("ring")).unwrap();
        berth.refuses("contoso/ring").await;
        berth.asks("contoso/ring").with(sent::first()).await.is_error(503, "policy-fault");
    };
    a_tenant_of_three_hundred_folders => async |berth: &Berth| {
        for n in 0..300 {
            fs::create_dir(berth.files("contoso").path().join(format!("empty-{n}"))).unwrap();
        }
        berth.files("contoso").write("marker", version(4));
        berth.serves("contoso/marker").await;
        berth.asks("contoso/marker").with(sent::first()).await;
    };
}

/// A server with this `berth.toml` ends before it takes a port, in words that have this phrase.
fn config(change: impl FnOnce(&Path), phrase: &'static str) -> impl AsyncFnOnce(&Berth) {
    async move |_: &Berth| {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        change(folder.path());
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--config", "berth.toml"];
        let ending = startup::run(folder.path(), &arguments).await;
        assert_eq!(ending.code, Some(2), "{}", ending.stderr);
        assert!(ending.stderr.contains(phrase) && ending.stderr.contains("berth.toml"), "{}", ending.stderr);
        assert!(ending.stderr.len() < 4000 && !ending.stderr.contains("in-clear-4711"), "{}", ending.stderr);
    }
}

fn toml(content: impl Into<Vec<u8>>) -> impl FnOnce(&Path) {
    file("berth.toml", content)
}

attacks! { SERVERS:
    a_configuration_that_is_no_utf8 => config(toml(b"\xff".to_vec()), "UTF-8");
    a_configuration_with_a_nul => config(toml("a = \"\0\""), "line 1");
    a_configuration_of_levels_without_end => config(toml(format!("a = {}", "[".repeat(100_000))), "line 1");
    a_configuration_with_a_key_twice => config(toml("[log]\nfilter = \"a\"\nfilter = \"b\"\n"), "duplicate key");
    a_configuration_with_a_key_nobody_knows => config(toml("[webhook]\nport = 1\n"), "port");
    a_configuration_with_a_token_in_clear => config(toml("[admin.tokens]\nme = \"in-clear-4711\"\n"), "never in clear");
    a_configuration_that_listens_to_a_name => config(toml("[webhook]\nlisten = \"localhost\"\n"), "listen");
    a_configuration_that_listens_to_port_70000 => config(toml("[webhook]\nlisten = \"127.0.0.1:70000\"\n"), "listen");
    a_configuration_that_takes_bodies_of_nothing => config(toml("[webhook]\nmax_body_bytes = 0\n"), "max_body_bytes");
    a_configuration_that_takes_endless_bodies => config(toml("[webhook]\nmax_body_bytes = 99999999999\n"), "max_body_bytes");
    a_configuration_of_a_tebibyte => config(sparse("berth.toml", 1 << 40), "larger than");
    a_configuration_that_is_a_folder => config(|folder: &Path| fs::create_dir(folder.join("berth.toml")).unwrap(), "not a plain file");
    a_configuration_that_is_a_pipe => config(node("berth.toml", FileType::Fifo), "not a plain file");
    a_configuration_that_is_endless_zeros => config(link("berth.toml", "/dev/zero"), "not a plain file");
    a_configuration_that_is_a_ring_of_links => config(link("berth.toml", "berth.toml"), "symbolic links");
}
