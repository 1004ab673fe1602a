//! Attacks on a running server, one named test each. After each the server answers a healthy tenant and holds no more than
//! before: see [`berth_tests::Siege`].

mod admin;
mod bodies;
mod chunks;
mod components;
mod files;
mod heads;
mod keys;
mod members;
mod senders;
mod state;
mod targets;
mod tenants;

use berth_tests::{Answer, Berth, Siege, bodies as sent, key, log::Entry};

use crate::toasters;

/// Makes a test of each attack.
macro_rules! attacks {
    ($servers:ident: $($(#[$doc:meta])* $name:ident => $attack:expr;)+) => {
        $($(#[$doc])* #[test] fn $name() { $servers.withstands($attack); })+
    };
}
use attacks;

/// Servers as they are by default, with the policy `contoso/toasters`.
static SERVERS: Siege = Siege::of("", toasters);

/// The head's first line for a request that is right in everything.
fn line() -> String {
    format!("POST /allocate/contoso/toasters?code={} HTTP/1.1\r\n", key("contoso"))
}

/// A whole request that is right in everything, with these headers more, and the last one of its connection.
fn request(headers: &str) -> String {
    let (line, body) = (line(), sent::first());
    format!("{line}host: berth\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// Says these bytes, hears all until the server ends the connection, and returns that with what was logged meanwhile.
async fn exchange(berth: &Berth, bytes: &[u8]) -> (String, Vec<Entry>) {
    let mark = berth.mark().await;
    let mut line = berth.line().await;
    line.say(bytes).await;
    let heard = String::from_utf8_lossy(&line.hear().await).into_owned();
    (heard, berth.logged_since(mark).await)
}

/// These bytes are HTTP's own 400 or the like, without a body, since no request was there to be named: and one line.
fn is_not_http(bytes: impl Into<Vec<u8>>) -> impl AsyncFnOnce(&Berth) {
    ends_with(bytes, "HTTP/1.1 400 Bad Request\r\n")
}

/// The same with another status line.
fn ends_with(bytes: impl Into<Vec<u8>>, status: &str) -> impl AsyncFnOnce(&Berth) {
    let (bytes, status) = (bytes.into(), status.to_owned());
    async move |berth: &Berth| {
        let heard = heard_as_no_http(berth, &bytes).await;
        assert!(heard.starts_with(&status), "{heard}");
        assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{heard}");
    }
}

/// Says these bytes, which one line calls no HTTP, and gives what was heard.
async fn heard_as_no_http(berth: &Berth, bytes: &[u8]) -> String {
    let mark = berth.mark().await;
    let mut line = berth.line().await;
    line.say(bytes).await;
    let heard = String::from_utf8_lossy(&line.hear().await).into_owned();
    // Written when the connection has ended, which may be after the answer was heard.
    berth.log().find("the line about it", mark, |line| line.message() == "request failed: it is not HTTP").await;
    let lines = berth.logged_since(mark).await;
    let [line] = lines.as_slice() else { panic!("not one line: {lines:?}") };
    assert_eq!((line.message(), line.text("level")), ("request failed: it is not HTTP", "WARN"));
    heard
}

/// These bytes are one request, which fails like this; and one line.
fn fails(bytes: impl Into<Vec<u8>>, status: u16, code: &'static str) -> impl AsyncFnOnce(&Berth) {
    let bytes = bytes.into();
    async move |berth: &Berth| {
        let mark = berth.mark().await;
        let mut line = berth.line().await;
        line.say(&bytes).await;
        let answer = line.answer().await;
        answer.is_error(status, code);
        is_logged(&berth.logged_since(mark).await, &answer, code);
    }
}

/// These bytes end too early for a request, and the sender hushes: whether it still listens or not, one line says so.
fn ends_too_early(bytes: impl Into<Vec<u8>>) -> impl AsyncFnOnce(&Berth) {
    let bytes = bytes.into();
    async move |berth: &Berth| {
        let mark = berth.mark().await;
        let mut line = berth.line().await;
        line.say(&bytes).await;
        line.hush().await;
        line.hear().await;
        berth.log().find("the line about it", mark, |line| line.text("code") == "malformed-request").await;
        assert_eq!(berth.logged_since(mark).await.len(), 1);
    }
}

/// These bytes are another protocol's, which is not answered in HTTP: the connection ends.
fn is_not_answered(bytes: impl Into<Vec<u8>>) -> impl AsyncFnOnce(&Berth) {
    let bytes = bytes.into();
    async move |berth: &Berth| assert_eq!(heard_as_no_http(berth, &bytes).await, "")
}

/// The log has one line about an answer, and that says what the answer says.
fn is_logged(lines: &[Entry], answer: &Answer, code: &str) {
    let [line] = lines else { panic!("not one line: {lines:?}") };
    assert_eq!((line.text("request"), line.text("code")), (answer.id(), code), "{line}");
    assert_ne!(line.text("level"), "ERROR", "{line}");
}

/// These bytes hold this many requests that are right, odd as they are, and nothing else.
fn decides(bytes: impl Into<Vec<u8>>, times: usize) -> impl AsyncFnOnce(&Berth) {
    let bytes = bytes.into();
    async move |berth: &Berth| {
        let (heard, lines) = exchange(berth, &bytes).await;
        assert_eq!(
            heard.matches("HTTP/1.1 200 OK").count() + heard.matches("HTTP/1.0 200 OK").count(),
            times,
            "{heard}"
        );
        assert_eq!(heard.matches("x-request-id: ").count(), times, "{heard}");
        assert_eq!(heard.matches(sent::TOASTERS).count(), times, "{heard}");
        assert!(lines.is_empty(), "{lines:?}");
    }
}

/// The promise of two hundred attacks is kept. Each is a line that begins with its name.
#[test]
fn there_are_two_hundred_attacks_and_sixty_components() {
    let folder = berth_tests::pages::repository().join("tests/tests/suite/siege");
    let count = |folder: &std::path::Path, counts: fn(&str) -> bool| {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let modules = files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap());
        modules.map(|module| module.lines().filter(|line| counts(line)).count()).sum::<usize>()
    };
    let requests_and_files = count(&folder, is_an_attack);
    let components = count(&folder.join("components"), |line| line == "#[test]");
    assert!(requests_and_files >= 200 && components >= 60, "{requests_and_files}, {components}");
}

fn is_an_attack(line: &str) -> bool {
    let name = line.strip_prefix("    ").and_then(|line| line.split_once(" => "));
    name.is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
}
