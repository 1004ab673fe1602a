//! Berth's memory and its cache of compiled code, after something damaged them.

use std::{
    collections::BTreeMap,
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::SystemTime,
};

use berth::{
    catalogue::source::PolicyFiles,
    contract::{Digest, Limits, PolicyId},
    engine::{Cache, Engine},
    store::{Event, EventKind, Pin, Store, Stored},
};

/// Policies in the memory, each with two versions.
const POLICIES: [&str; 3] = ["contoso/a", "contoso/b", "fabrikam/c"];
/// The file of the memory, and those of the cache.
const DATABASE: &str = "berth.redb";

/// A memory and a cache as a server leaves them, and all that was ever put into them.
struct Sound {
    /// Every file of the data directory, by path below it. The memory's comes first.
    files: Vec<(PathBuf, Vec<u8>)>,
    served: BTreeMap<PolicyId, Vec<PolicyFiles>>,
    code: BTreeMap<Digest, Vec<u8>>,
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&Limits::default()).expect("an engine"));
static SOUND: LazyLock<Sound> = LazyLock::new(sound);

/// Whatever was damaged, the memory opens, and neither it nor the cache gives out what was not put into it.
///
/// Each five bytes are one damage: which file (a byte), where (three), and what stands there now. A byte of 255 for the file
/// cuts the memory off at that place.
pub(super) fn holds(bytes: &[u8]) {
    let folder = tempfile::tempdir_in(memory_backed()).expect("a folder");
    write_damaged(&SOUND.files, bytes, folder.path());
    let (store, _aside) = Store::open(folder.path(), NonZeroU32::MAX).expect("the memory opens after any damage");
    for (id, served) in &SOUND.served {
        if let Ok(Some(stored)) = store.last(id) {
            assert_eq!(Digest::of(&stored.files.component), stored.version, "a version is its bytes");
            assert!(served.contains(&stored.files), "{id} never served {:?}", stored.files);
        }
        for files in served {
            let version = Digest::of(&files.component);
            if let Ok(Some(kept)) = store.version(id, &version) {
                assert!(served.contains(&kept), "{id} never served {kept:?}");
            }
        }
        let _ = store.history(id, 10);
    }
    let _ = (store.policies(), store.tenants());
    let id: PolicyId = POLICIES[0].parse().expect("a policy");
    let stored = stored(7, 0);
    store.serve(&id, &stored, &Event::now(EventKind::Served, "fuzz", 99)).expect("it remembers again");
    assert!(store.last(&id).is_ok_and(|last| last.is_some_and(|last| last.files == stored.files)));
    let cache = Cache::open(&folder.path().join("cache"), &ENGINE).expect("the cache opens after any damage");
    for (version, code) in &SOUND.code {
        assert!(cache.get(version).is_none_or(|kept| kept == *code), "the cache gives out what was not put into it");
    }
}

/// Thousands of databases are written and synced: not to a disk, where there is a choice.
fn memory_backed() -> PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() }
}

fn stored(policy: u8, version: u8) -> Stored {
    let component = [b"\0asm".as_slice(), &[policy, version], &[0x5a; 3000]].concat();
    let files = PolicyFiles {
        manifest: format!("[settings]\nversion = {version}\n"),
        checks: BTreeMap::from([("c.json".to_owned(), "{}".to_owned())]),
        tables: BTreeMap::from([("t.csv".to_owned(), b"k,v\na,1\n".to_vec())]),
        component,
    };
    let pin = (version == 1).then(|| Pin { against: String::new(), by: "somebody".to_owned() });
    Stored { version: Digest::of(&files.component), files, since: SystemTime::UNIX_EPOCH, pin }
}

fn sound() -> Sound {
    let folder = tempfile::tempdir_in(memory_backed()).expect("a folder");
    let mut sound = Sound { files: Vec::new(), served: BTreeMap::new(), code: BTreeMap::new() };
    {
        let (store, _) = Store::open(folder.path(), NonZeroU32::MAX).expect("a memory");
        let cache = Cache::open(&folder.path().join("cache"), &ENGINE).expect("a cache");
        for (policy, name) in (0_u8..).zip(POLICIES) {
            let id: PolicyId = name.parse().expect("a policy");
            store.put_tenant(&id.tenant, Some("[keys]\n")).expect("a tenant");
            for version in 0..2 {
                let stored = stored(policy, version);
                store.serve(&id, &stored, &Event::now(EventKind::Served, "fuzz", 1)).expect("a release");
                let code = vec![policy * 2 + version; 2000];
                cache.put(&stored.version, &code).expect("an entry");
                sound.code.insert(stored.version, code);
                sound.served.entry(id.clone()).or_default().push(stored.files);
            }
        }
    }
    let read = |path: PathBuf| {
        let below = path.strip_prefix(folder.path()).expect("it is in there").to_owned();
        (below, fs::read(path).expect("a file"))
    };
    let entries = fs::read_dir(folder.path().join("cache")).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    sound.files.push(read(folder.path().join(DATABASE)));
    sound.files.extend(paths.into_iter().map(read));
    sound
}

fn write_damaged(sound: &[(PathBuf, Vec<u8>)], damages: &[u8], folder: &Path) {
    let mut files = sound.to_vec();
    for damage in damages.as_chunks::<5>().0 {
        let [file, high, middle, low, value] = damage.map(usize::from);
        let place = (high << 16) | (middle << 8) | low;
        // Most damages are the memory's, which has more ways to be wrong.
        let which = if file == 255 || file < 128 { 0 } else { file % files.len() };
        let content = &mut files[which].1;
        let place = place % content.len().max(1);
        if file == 255 {
            content.truncate(place);
        } else if let Some(byte) = content.get_mut(place) {
            *byte = u8::try_from(value).expect("a byte");
        }
    }
    fs::create_dir(folder.join("cache")).expect("a folder");
    for (path, content) in files {
        fs::write(folder.join(path), content).expect("a file");
    }
}
