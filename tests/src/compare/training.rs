//! What programs for production learn from: each is compiled once to count what it does here, and once more by what it
//! counted (`cargo xtask dist`).
//!
//! Not a comparison, but it has the load of one. What is not done here counts as seldom done: so the rest of a webhook's work
//! is here as well, in small amounts, or it would be slower for the sake of decisions.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use anyhow::{Context as _, ensure};

use super::{
    berth,
    contender::{Contender, Running, own},
    reload,
};
use crate::{Catalogue, bodies, guests::example, tls::Authority};

/// How much is done of each kind of work.
#[derive(Debug, Clone, Copy)]
pub struct Lesson {
    /// How long each contender answers as much as it can.
    pub load: Duration,
    /// Swaps of a policy.
    pub swaps: u32,
    /// Handshakes, each for one request.
    pub handshakes: u32,
}

impl Lesson {
    /// Enough to learn from.
    pub const WHOLE: Self = Self { load: Duration::from_secs(10), swaps: 5, handshakes: 500 };
}

/// Has Berth and the native handler work, and end as a service manager ends them: only then do they write down what they
/// counted. `tell` hears how it goes, line by line.
///
/// # Errors
///
/// If one of them does not run, or an answer is not what it should be.
pub fn train(lesson: Lesson, tell: &dyn Fn(&str)) -> anyhow::Result<()> {
    for contender in own() {
        tell(&format!("{} answers for {} s", contender.id, lesson.load.as_secs_f64()));
        answer(contender, lesson.load)?;
    }
    tell(&format!("berth swaps a policy {} times", lesson.swaps));
    reload::measure(lesson.swaps)?;
    tell(&format!("berth makes {} handshakes", lesson.handshakes));
    shake_hands(lesson.handshakes)
}

fn answer(contender: Contender, time: Duration) -> anyhow::Result<()> {
    let Running { contender, server, driver, .. } = Running::start(contender)?;
    // One may go over its time on a machine that does much else.
    ensure!(driver.saturate(time) > 0.0, "all answers of {} were failures", contender.id);
    server.stop().map(drop)
}

/// Serves by TLS, with a connection for each request.
fn shake_hands(handshakes: u32) -> anyhow::Result<()> {
    const NAME: &str = "by-suffix";
    let folder = berth::folder_of(&Catalogue::new().tenant(berth::TENANT).policy(NAME, example(NAME)))?;
    let authority = Authority::default();
    authority.signs().write(folder.path());
    fs::set_permissions(folder.path().join("tls.key"), fs::Permissions::from_mode(0o600))
        .context("failed to keep a key secret")?;
    fs::write(folder.path().join("berth.toml"), "[webhook.tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n")
        .context("failed to write berth.toml")?;
    let server = berth::start(folder.path())?;
    let (path, body) = (berth::path(berth::TENANT, NAME), bodies::first());
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start tokio")?;
    let decided = runtime.block_on(async {
        let mut decided = 0;
        for _ in 0..handshakes {
            let connection = authority.connects(server.address).await.context("no handshake")?;
            let answer = connection.exchange(request.as_bytes()).await;
            decided += u32::from(answer.starts_with("HTTP/1.1 200 "));
        }
        anyhow::Ok(decided)
    })?;
    ensure!(decided > 0, "all answers by TLS were failures");
    server.stop().map(drop)
}
