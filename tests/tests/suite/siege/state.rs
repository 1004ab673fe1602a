//! The data directory, changed by somebody while the server was down: it starts, serves, and runs no code and no release
//! that it did not write itself. Each of these starts servers of its own.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use berth_tests::{Berth, bodies as sent, startup};
use serde_json::json;

use super::{SERVERS, attacks};
use crate::{toasters, version};

/// Bytes of memory that a server may hold more than one whose data nobody damaged.
const KEPT: u64 = 32 << 20;

/// Both policies, and another, answer as themselves after this was done to the data directory of a killed server.
fn heals(damage: impl FnOnce(&Path)) -> impl AsyncFnOnce(&Berth) {
    async move |_: &Berth| {
        let berth = Berth::serving(toasters().policy("p", version(1)).policy("q", version(2))).await;
        let before = berth.holds().await;
        let berth = berth.killed_and_restarted("", |folder| damage(&folder.join("berth-data"))).await;
        berth.asks("contoso/toasters").with(sent::first()).await.is_hub(sent::TOASTERS);
        assert_eq!(berth.admin("/readyz").await.status, 200);
        for (policy, number) in [("contoso/p", 1), ("contoso/q", 2)] {
            let answer = berth.asks(policy).with(sent::first()).await;
            assert_eq!(answer.json()["payload"], json!({ "version": number }));
        }
        let after = berth.holds().await;
        assert!(after.memory <= before.memory + KEPT, "{before:?}, and now {after:?}");
    }
}

/// After this was done, the server does not start, and says why.
fn does_not_start(damage: impl FnOnce(&Path), phrase: &'static str) -> impl AsyncFnOnce(&Berth) {
    async move |_: &Berth| {
        let folder = Berth::serving(toasters()).await.killed().await;
        damage(&folder.path().join("berth-data"));
        let ending =
            startup::run(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]).await;
        assert_eq!(ending.code, Some(1), "{}", ending.stderr);
        assert!(ending.stderr.contains(phrase), "`{phrase}` is not in {}", ending.stderr);
    }
}

/// The entries of the cache: code, by component.
fn entries(data: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data.join("cache")).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = entries
        .filter(|path| path.to_str().unwrap().contains('-'))
        .filter(|path| path.file_name().unwrap() != "key")
        .collect();
    entries.sort();
    entries
}

/// Does this to every entry.
fn each(damage: impl Fn(&Path)) -> impl FnOnce(&Path) {
    move |data: &Path| {
        let entries = entries(data);
        assert!(entries.len() >= 3);
        entries.iter().for_each(|entry| damage(entry));
    }
}

fn key(content: Vec<u8>) -> impl FnOnce(&Path) {
    move |data: &Path| fs::write(data.join("cache/key"), content).unwrap()
}

fn huge(path: &Path) {
    File::options().write(true).open(path).unwrap().set_len(1 << 40).unwrap();
}

fn replaced_by_a_folder(path: &Path) {
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
}

attacks! { SERVERS:
    code_swapped_between_versions => heals(|data: &Path| {
        let entries = entries(data);
        let contents: Vec<_> = entries.iter().map(|entry| fs::read(entry).unwrap()).collect();
        entries.iter().zip(contents.iter().cycle().skip(1)).for_each(|(entry, other)| fs::write(entry, other).unwrap());
    });
    code_of_one_version_for_all => heals(|data: &Path| {
        let entries = entries(data);
        for entry in &entries[1..] {
            fs::copy(&entries[0], entry).unwrap();
        }
    });
    code_cut_in_its_seal => heals(each(|entry| File::options().write(true).open(entry).unwrap().set_len(16).unwrap()));
    code_cut_after_its_seal => heals(each(|entry| File::options().write(true).open(entry).unwrap().set_len(32).unwrap()));
    code_with_bytes_behind_it => heals(each(|entry| fs::write(entry, [fs::read(entry).unwrap(), vec![0; 8]].concat()).unwrap()));
    code_without_its_seal => heals(each(|entry| fs::write(entry, &fs::read(entry).unwrap()[32..]).unwrap()));
    code_that_is_a_component => heals(each(|entry| fs::write(entry, version(1).component()).unwrap()));
    code_that_is_a_folder => heals(each(replaced_by_a_folder));
    code_that_is_a_ring_of_links => heals(each(|entry| {
        fs::remove_file(entry).unwrap();
        symlink(entry, entry).unwrap();
    }));
    a_key_of_nothing => heals(key(Vec::new()));
    a_key_that_is_too_short => heals(key(vec![7; 31]));
    a_key_that_is_too_long => heals(key(vec![7; 33]));
    a_key_of_zeros => heals(key(vec![0; 32]));
    a_key_of_a_tebibyte => heals(|data: &Path| huge(&data.join("cache/key")));
    a_cache_that_is_a_file => does_not_start(|data: &Path| {
        fs::remove_dir_all(data.join("cache")).unwrap();
        fs::write(data.join("cache"), "").unwrap();
    }, "cache of compiled code");
    a_memory_that_is_a_folder => does_not_start(|data: &Path| replaced_by_a_folder(&data.join("berth.redb")), "data.directory");
    a_memory_that_is_a_ring_of_links => does_not_start(|data: &Path| {
        fs::remove_file(data.join("berth.redb")).unwrap();
        symlink("berth.redb", data.join("berth.redb")).unwrap();
    }, "data.directory");
    a_memory_of_text => heals(|data: &Path| fs::write(data.join("berth.redb"), "not a database\n".repeat(1000)).unwrap());
    a_memory_cut_in_its_header => heals(|data: &Path| File::options().write(true).open(data.join("berth.redb")).unwrap().set_len(100).unwrap());
    a_memory_with_a_mebibyte_behind_it => heals(|data: &Path| {
        let path = data.join("berth.redb");
        fs::write(&path, [fs::read(&path).unwrap(), vec![0xff; 1 << 20]].concat()).unwrap();
    });
    a_memory_of_zeros => heals(|data: &Path| {
        let path = data.join("berth.redb");
        let length = fs::metadata(&path).unwrap().len();
        fs::write(&path, vec![0; usize::try_from(length).unwrap()]).unwrap();
    });
    a_data_directory_that_is_a_file => does_not_start(|data: &Path| {
        fs::remove_dir_all(data).unwrap();
        fs::write(data, "").unwrap();
    }, "data.directory");
}
