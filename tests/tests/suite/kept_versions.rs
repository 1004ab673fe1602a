//! Memory on disk is bounded: only so many versions of a policy are kept, and nothing of those that are gone but their
//! names in the history.

use std::{fs, path::Path};

use berth_tests::{Berth, Catalogue, api::version_of};

use crate::version;

const THREE: &str = "[data]\nkeep_versions = 3\n";

fn named(number: u32) -> String {
    version_of(&version(number).component())
}

/// The versions whose compiled code is on disk.
fn compiled(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder.join("berth-data/cache")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| Some(name.split_once('-')?.0.to_owned())).collect()
}

/// Of five versions the newest three are kept. The others are still in the history, which says that they are gone, and
/// going back to them is refused in words of its own. Their compiled code is gone too, unless another policy has them.
#[tokio::test]
async fn the_oldest_are_forgotten() {
    let catalogue = Catalogue::new().tenant("contoso").policy("p", version(1)).policy("q", version(2));
    let berth = Berth::configured(THREE, catalogue).await;
    for number in 2..=5 {
        berth.push("contoso/p", version(number)).await.is_change(&named(number), Some(&named(number - 1)));
    }
    let gone: Vec<_> = berth.history("contoso/p").await.iter().map(|event| event["gone"] == true).collect();
    assert_eq!(gone, [false, false, false, true, true]);
    for number in [1, 2] {
        let message = berth.rollback("contoso/p", Some(&named(number))).await.is_error(410, "version-gone");
        assert!(message.contains("data.keep_versions"), "{message}");
    }
    berth.rollback("contoso/p", Some(&named(9))).await.is_error(404, "unknown-version");
    let mut left = compiled(berth.folder());
    left.sort();
    let mut wanted = [2, 3, 4, 5].map(named);
    wanted.sort();
    assert_eq!(left, wanted);
    // The one that served before stays, however often there is a change between the two.
    for _ in 0..3 {
        berth.rollback("contoso/p", Some(&named(3))).await.is_change(&named(3), Some(&named(5)));
        assert_eq!(berth.unpin("contoso/p").await.status, 200);
        berth.logs("policy unpinned; what the catalogue has serves next").await;
        berth.serves("contoso/p").await;
    }
    berth.rollback("contoso/p", None).await.is_change(&named(3), Some(&named(5)));
}

/// Compiled code that belongs to no version that is kept does not outlive a restart.
#[tokio::test]
async fn code_of_nothing_is_swept() {
    let berth = Berth::configured(THREE, Catalogue::new().tenant("contoso").policy("p", version(1))).await;
    let litter = |folder: &Path| {
        let cache = folder.join("berth-data/cache");
        fs::write(cache.join(format!("{}-0123456789abcdef", named(7))), "code").unwrap();
        fs::write(cache.join(".tmpAbCdEf"), "half").unwrap();
    };
    let berth = berth.killed_and_restarted(THREE, litter).await;
    let names: Vec<_> = fs::read_dir(berth.folder().join("berth-data/cache")).unwrap().collect();
    assert_eq!(names.len(), 2, "the key and one entry: {names:?}");
    assert_eq!(compiled(berth.folder()), [named(1)]);
}

/// Every change that is published has a generation beyond all before it, over restarts: that of a tenant's keys, too.
#[tokio::test]
async fn generations_never_come_twice() {
    let mut berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await;
    let mut last = 0;
    for turn in 0..3 {
        let generation = berth.status().await["generation"].as_u64().unwrap();
        assert!(generation > last, "{generation} after {last}");
        let file = berth.files("contoso").path().join("tenant.toml");
        let text = fs::read_to_string(&file).unwrap();
        berth.files("contoso").replace("tenant.toml", format!("{text}# {turn}\n"));
        berth.logs("tenant serves").await;
        last = berth.publishes().await.field("generation").as_u64().unwrap();
        assert!(last > generation);
        berth = berth.killed_and_restarted("", |_| ()).await;
    }
}
