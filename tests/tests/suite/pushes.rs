//! What a push leaves alone, and what it does when it comes between two changes of files.

use std::fs;

use berth_tests::{Berth, Catalogue, Policy, api::version_of, bodies};
use serde_json::json;

use crate::{verification::failing, version};

fn named(number: u32) -> String {
    version_of(&version(number).component())
}

/// A push replaces the component, the manifest, checks and tables; what else is in the folder is nobody's but its owner's.
#[tokio::test]
async fn a_push_keeps_what_is_not_a_policys() {
    let files = Policy::from(version(1))
        .file("README.md", "ours")
        .file("src/lib.rs", "fn main() {}")
        .file("tables/t.json", "{}");
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", files)).await;
    let folder = berth.files("contoso/p");
    std::os::unix::fs::symlink("README.md", folder.path().join("LIESMICH")).unwrap();
    berth.push("contoso/p", version(2)).await.is_change(&named(2), Some(&named(1)));
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
    assert_eq!(
        (read("README.md"), read("src/lib.rs"), read("LIESMICH")),
        ("ours".into(), "fn main() {}".into(), "ours".into())
    );
    assert!(!folder.path().join("tables").exists());
    assert_eq!(fs::read(folder.path().join("policy.wasm")).unwrap(), version(2).component());
}

/// Files change, and while they are verified a push is made that is refused: the change of files serves all the same.
#[tokio::test]
async fn a_refused_push_delays_no_change_of_files() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await;
    for number in 2..12 {
        let mark = berth.mark().await;
        berth.files("contoso/p").replace("policy.wasm", version(number).component());
        // Sometimes it comes before the files are seen, sometimes while they are verified.
        let pause = std::time::Duration::from_millis(u64::from(number) * 6);
        tokio::time::sleep(pause).await;
        let refused = berth.push("contoso/p", failing("checks", version(99))).await;
        // Superseded if the files were seen later than the push.
        assert!(refused.status == 422 || refused.status == 409, "{}", refused.text());
        let serves =
            |line: &berth_tests::log::Entry| line.message() == "policy serves" && line.text("version") == named(number);
        let (at, _) = berth.log().find("`policy serves`", mark, serves).await;
        berth.log().find("its publication", at, |line| line.message() == "catalogue published").await;
        let answer = berth.asks("contoso/p").with(bodies::first()).await;
        assert_eq!(answer.json()["payload"], json!({ "version": number }));
        // Once, and nothing else.
        let lines = berth.log().lines(mark..berth.log().len());
        assert_eq!(lines.iter().filter(|line| line.message() == "policy serves").count(), 1, "{}", berth.log());
    }
}
