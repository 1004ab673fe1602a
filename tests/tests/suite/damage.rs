//! Files of the data directory are torn, emptied or changed: Berth notices, heals from what remains, and never runs code
//! that it did not write.

use std::{
    fs,
    path::{Path, PathBuf},
};

use berth_tests::{Berth, Catalogue, bodies, log::Entry};
use serde_json::json;

use crate::version;

async fn serving() -> Berth {
    Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1)).policy("q", version(2))).await
}

/// Both policies answer as themselves.
async fn serves(berth: &Berth) {
    for (policy, number) in [("contoso/p", 1), ("contoso/q", 2)] {
        let answer = berth.asks(policy).with(bodies::first()).await;
        assert_eq!(answer.json()["payload"], json!({ "version": number }));
        assert_eq!(berth.policy(policy).await["origin"], "catalogue");
    }
}

fn database(folder: &Path) -> PathBuf {
    folder.join("berth-data/berth.redb")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The compiled code on disk, by path.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let cache = folder.join("berth-data/cache");
    let mut paths: Vec<_> =
        names(&cache).into_iter().filter(|name| name.contains('-')).map(|name| cache.join(name)).collect();
    paths.sort();
    paths
}

/// Whether the server has been told of damage, in a line of this level.
fn told(berth: &Berth, level: &str, phrase: &str) -> bool {
    let said = |line: &Entry| line.text("level") == level && line.message().contains(phrase);
    berth.log().lines(0..berth.log().len()).iter().any(said)
}

/// A database that is no database is put aside, and the catalogue fills a new one.
#[tokio::test]
async fn a_database_of_garbage_is_put_aside() {
    let damages: [fn(&Path); 4] = [
        |path| fs::write(path, vec![0x5a; 100_000]).unwrap(),
        |path| {
            let half = fs::metadata(path).unwrap().len() / 2;
            fs::File::options().write(true).open(path).unwrap().set_len(half).unwrap();
        },
        |path| fs::write(path, "x").unwrap(),
        |path| {
            let mut bytes = fs::read(path).unwrap();
            let end = bytes.len().min(20_000);
            bytes[64..end].fill(0xff);
            fs::write(path, bytes).unwrap();
        },
    ];
    let mut berth = serving().await;
    for damage in damages {
        berth = berth.killed_and_restarted("", |folder| damage(&database(folder))).await;
        serves(&berth).await;
        assert!(told(&berth, "ERROR", "Berth's memory was damaged and is put aside"), "{}", berth.log());
        // It remembers again.
        assert_eq!(berth.history("contoso/p").await.len(), 1);
    }
    let aside = names(&berth.folder().join("berth-data"));
    assert_eq!(aside.iter().filter(|name| name.starts_with("berth.redb.damaged-")).count(), 4, "{aside:?}");
}

/// A database of no bytes, or none at all, is a new one. One that was emptied is damage, and said to be.
#[tokio::test]
async fn an_empty_database_is_a_new_one() {
    let mut berth = serving().await;
    for is_told in [true, false] {
        let damage = |folder: &Path| match is_told {
            true => fs::write(database(folder), "").unwrap(),
            false => fs::remove_file(database(folder)).unwrap(),
        };
        berth = berth.killed_and_restarted("", damage).await;
        serves(&berth).await;
        assert_eq!(berth.history("contoso/p").await.len(), 1);
        assert_eq!(told(&berth, "ERROR", "Berth's memory was emptied"), is_told, "{}", berth.log());
        assert_eq!(told(&berth, "ERROR", ""), is_told, "{}", berth.log());
    }
}

/// Where each of the two commit slots of a database says of which format it is, and a format that is no more.
const FORMATS: [usize; 2] = [64, 192];
const OLD: u8 = 2;

/// A database of an older format is no damage: the server does not start, says what to do, and leaves the file alone. A
/// bit that flips into such a format is damage.
#[tokio::test]
async fn a_database_of_an_older_format() {
    let written = |path: &Path, slots: &[usize]| {
        let mut bytes = fs::read(path).unwrap();
        slots.iter().for_each(|slot| bytes[*slot] = OLD);
        fs::write(path, &bytes).unwrap();
        bytes
    };
    let flip = |folder: &Path| drop(written(&database(folder), &FORMATS[..1]));
    let berth = serving().await.killed_and_restarted("", flip).await;
    serves(&berth).await;
    assert!(told(&berth, "ERROR", "Berth's memory was damaged and is put aside"), "{}", berth.log());

    let folder = berth.killed().await;
    let bytes = written(&database(folder.path()), &FORMATS);
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let ending = berth_tests::startup::run(folder.path(), &arguments).await;
    assert_eq!(ending.code, Some(1));
    assert!(ending.stderr.contains("older Berth") && ending.stderr.contains("move the file away"), "{}", ending.stderr);
    assert!(fs::read(database(folder.path())).unwrap() == bytes);
}

/// Bits that flip anywhere in the database never keep the catalogue from serving.
#[tokio::test]
async fn a_database_with_flipped_bits() {
    let mut berth = serving().await;
    for seed in 0..8_usize {
        let flip = |folder: &Path| {
            let path = database(folder);
            let mut bytes = fs::read(&path).unwrap();
            for turn in 0..64_usize {
                let at = (seed * 7919 + turn * 104_729) % bytes.len();
                bytes[at] ^= 1 << (turn % 8);
            }
            fs::write(&path, bytes).unwrap();
        };
        berth = berth.killed_and_restarted("", flip).await;
        serves(&berth).await;
    }
}

/// Compiled code that was emptied, torn, replaced or changed by a bit is compiled anew and written whole again.
#[tokio::test]
async fn damaged_code_is_compiled_again() {
    let damages: [fn(&Path, &[u8]); 6] = [
        |path, _| fs::write(path, "").unwrap(),
        |path, whole| fs::write(path, &whole[..whole.len() / 2]).unwrap(),
        |path, whole| fs::write(path, &whole[..20]).unwrap(),
        |path, _| fs::write(path, vec![0x5a; 50_000]).unwrap(),
        |path, whole| flip(path, whole, whole.len() / 2),
        |path, whole| flip(path, whole, 3),
    ];
    let mut berth = serving().await;
    let whole: Vec<_> = entries(berth.folder()).iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(whole.len(), 2);
    for damage in damages {
        let damage_all = |folder: &Path| {
            for (path, whole) in entries(folder).iter().zip(&whole) {
                damage(path, whole);
            }
        };
        berth = berth.killed_and_restarted("", damage_all).await;
        serves(&berth).await;
        let mended: Vec<_> = entries(berth.folder()).iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(mended == whole, "the entries are not whole again");
    }
}

fn flip(path: &Path, whole: &[u8], at: usize) {
    let mut bytes = whole.to_vec();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// The code of one component under the name of another is not taken for it, though Berth wrote both.
#[tokio::test]
async fn code_of_another_component_is_not_taken() {
    let exchange = |folder: &Path| {
        let paths = entries(folder);
        let [first, second] = paths.as_slice() else { panic!("{paths:?}") };
        let away = first.with_extension("away");
        fs::rename(first, &away).unwrap();
        fs::rename(second, first).unwrap();
        fs::rename(away, second).unwrap();
    };
    serves(&serving().await.killed_and_restarted("", exchange).await).await;
}

/// Without its key, or with a part of it, no old entry is trusted; a new key is made that only the owner can read.
#[tokio::test]
async fn a_missing_or_torn_key_is_made_anew() {
    use std::os::unix::fs::PermissionsExt as _;
    let damages: [fn(&Path); 3] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, "short").unwrap(),
        |path| fs::write(path, "").unwrap(),
    ];
    let mut berth = serving().await;
    for damage in damages {
        let key = |folder: &Path| folder.join("berth-data/cache/key");
        let before = fs::read(key(berth.folder())).unwrap();
        berth = berth.killed_and_restarted("", |folder| damage(&key(folder))).await;
        serves(&berth).await;
        let after = fs::read(key(berth.folder())).unwrap();
        assert!(after.len() == 32 && after != before);
        assert_eq!(fs::metadata(key(berth.folder())).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// A catalogue and a database that are both damaged: what is left of either serves.
#[tokio::test]
async fn a_lost_cache_loses_nothing() {
    let both = |folder: &Path| {
        fs::remove_dir_all(folder.join("berth-data/cache")).unwrap();
        fs::remove_dir_all(folder.join("policies")).unwrap();
    };
    let berth = serving().await.killed_and_restarted("", both).await;
    for (policy, number) in [("contoso/p", 1), ("contoso/q", 2)] {
        let answer = berth.asks(policy).with(bodies::first()).await;
        assert_eq!(answer.json()["payload"], json!({ "version": number }));
        assert_eq!(berth.policy(policy).await["origin"], "last-known-good");
    }
}

/// Two servers never share a memory: the second says so and ends.
#[tokio::test]
async fn a_memory_has_one_server() {
    let berth = serving().await;
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let ending = berth_tests::startup::run(berth.folder(), &arguments).await;
    assert_eq!(ending.code, Some(1));
    assert!(ending.stderr.contains("another process has it open"), "{}", ending.stderr);
    serves(&berth).await;
}
