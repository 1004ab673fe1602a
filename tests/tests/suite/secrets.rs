//! Nothing secret is in the log, at the most talkative level and on every way to a line; and nothing that somebody else
//! wrote can be taken for a line.

use std::process::Stdio;

use berth_tests::{
    Ask, Berth, Catalogue, binary,
    bodies::{self, parsed},
    guests::{Guest, Reply},
    key_hash, within_patience,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

/// Part of every secret here, in the alphabet of base64.
const CANARY: &str = "CanaryThatMustNotSing";

/// Policies whose decisions come to everything that a decision can come to.
fn outcomes() -> Catalogue {
    let late = |guest: Guest| guest.after_verification();
    Catalogue::new()
        .tenant("contoso")
        .policy("toasters", Guest::answering(Reply::hub(bodies::TOASTERS)))
        .policy("rejects", Guest::answering(Reply::reject("no")))
        .policy("waits", Guest::answering(Reply::retry_later("later", None)))
        .policy("elsewhere", Guest::answering(Reply::hub("not-linked")))
        .policy("traps", late(Guest::doing("(unreachable)")))
        .policy("hoards", late(Guest::doing("(drop (memory.grow (i32.const 60000))) (unreachable)")))
        .policy("broken", Guest::answering(Reply::hub("h")).refusing_settings("no"))
}

const POLICIES: [&str; 8] = ["toasters", "rejects", "waits", "elsewhere", "traps", "hoards", "broken", "missing"];

/// Bodies with a secret in every place where a device or an enrollment has one.
fn bodies_with_secrets() -> Vec<String> {
    let secret = |name: &str| format!("{CANARY}{name}");
    let mut symmetric = parsed(bodies::first());
    symmetric["deviceRuntimeContext"]["symmetricKey"] = json!({ "primaryKey": secret("device") });
    symmetric["deviceRuntimeContext"]["payload"] = json!({ "password": secret("payload") });
    symmetric["enrollmentGroup"]["attestation"] =
        json!({ "type": "symmetricKey", "symmetricKey": { "primaryKey": secret("p"), "secondaryKey": secret("s") } });
    let mut tpm = parsed(bodies::individual_tpm());
    tpm["deviceRuntimeContext"]["tpm"] = json!({ "endorsementKey": secret("ek"), "storageRootKey": secret("srk") });
    let mut x509 = parsed(bodies::individual_x509());
    x509["deviceRuntimeContext"]["x509"] = json!({ "clientCertificate": secret("certificate") });
    let mut bodies = vec![symmetric.clone(), tpm, x509];
    // The same where they do not belong.
    for place in ["/deviceRuntimeContext", "/deviceRuntimeContext/symmetricKey", "/enrollmentGroup"] {
        for wrong in [json!(secret("misplaced")), json!([secret("listed")]), json!({ secret("named"): 1 })] {
            let mut body = symmetric.clone();
            *body.pointer_mut(place).unwrap() = wrong;
            bodies.push(body);
        }
    }
    let texts = bodies.iter().map(Value::to_string);
    let cut = symmetric.to_string();
    texts.chain([cut[..cut.len() - 1].to_owned(), format!("{cut}{CANARY}"), format!("{CANARY}{cut}")]).collect()
}

/// Everything that a caller can do, with a secret wherever there is room for one.
async fn sing(berth: &Berth) {
    let bodies = bodies_with_secrets();
    for policy in POLICIES {
        for body in &bodies {
            berth.asks(&format!("contoso/{policy}")).with(body.as_str()).await;
        }
    }
    let body = || bodies[0].as_str();
    let code = format!("code={CANARY}");
    berth.asks("contoso/toasters").query(&code).with(body()).await;
    berth.asks("contoso/toasters").query(&format!("a=b&{code}&{code}")).with(body()).await;
    berth.asks("contoso/toasters").with_header_key(CANARY).with(body()).await;
    berth.asks("contoso/toasters").query(&code).by(hyper::Method::GET).await;
    berth.asks("contoso/toasters").with(CANARY.repeat(20_000)).await;
    for path in ["/", "/allocate", "/allocate/contoso", "/allocate/%ff/%ff", "/allocate/nobody/nothing"] {
        berth.posts(&format!("{path}?{code}")).with(body()).await;
    }
    for bytes in [
        format!("GET /?{code} HTTP/9.9\r\n\r\n"),
        format!("POST /allocate/contoso/toasters?{code} HTTP/1.1\r\nx-functions-key {CANARY}\r\n\r\n"),
        format!("POST /allocate/contoso/toasters?{code} HTTP/1.1\r\nhost: b\r\ncontent-length: {CANARY}\r\n\r\n"),
        format!("{CANARY}\r\n\r\n"),
        format!("POST /{} HTTP/1.1\r\n\r\n", CANARY.repeat(2000)),
    ] {
        let mut line = berth.line().await;
        line.say(bytes).await;
        line.hush().await;
        line.hear().await;
    }
    for path in ["/api/v1/status", "/api/v1/policies/contoso/toasters", "/metrics", "/readyz", "/nothing"] {
        let call = |path: &str| -> Ask { berth.calls(hyper::Method::GET, path) };
        call(&format!("{path}?{code}")).token(CANARY).await;
        call(&format!("{path}?token={CANARY}")).header("authorization", CANARY).await;
    }
}

#[tokio::test]
async fn no_secret_is_in_the_log() {
    let config = format!("[log]\nfilter = \"trace\"\n[admin.tokens]\noperators = \"{}\"\n", key_hash("token-8311"));
    let berth = Berth::configured(&config, outcomes()).await;
    let mark = berth.mark().await;
    sing(&berth).await;
    let lines = berth.logged_since(mark).await;
    assert!(lines.len() > 100, "the log has {} lines", lines.len());
    // The whole log, whatever level and field a line is of.
    let log = berth.log().to_string();
    let lower = log.to_lowercase();
    assert!(!lower.contains(&CANARY.to_lowercase()), "{}", singing(&log));
    // The message about a missing key says `?code= or`; no value may follow.
    assert!(log.split("code=").skip(1).all(|rest| rest.starts_with(" or ")), "a query is in the log");
    for secret in [berth_tests::key("contoso"), key_hash("token-8311")] {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
}

/// The lines in which the secret is.
fn singing(log: &str) -> String {
    log.lines().filter(|line| line.contains(CANARY)).take(5).collect::<Vec<_>>().join("\n")
}

/// In the form for people, too, what a policy wrote stays in its line and tells the terminal nothing.
#[tokio::test]
async fn no_line_can_be_forged() {
    let forged = "no\n2026-01-01T00:00:00Z  INFO all is well\r\u{1b}[2J\u{9b}2J\u{202e}";
    let catalogue =
        Catalogue::new().tenant("contoso").policy("p", Guest::answering(Reply::hub("h")).refusing_settings(forged));
    let folder = tempfile::tempdir().unwrap();
    catalogue.write(&folder.path().join("policies"));
    let mut berth = Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "human"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(berth.stderr.take().unwrap()).lines();
    let mut log = Vec::new();
    while let Some(line) = within_patience("a line", lines.next_line()).await.unwrap() {
        let ready = line.contains("berth is ready");
        log.push(line);
        if ready {
            break;
        }
    }
    let refused: Vec<_> = log.iter().filter(|line| line.contains("all is well")).collect();
    assert_eq!(refused.len(), 1, "{log:#?}");
    let refused = refused[0];
    assert!(refused.contains("policy refused"), "{refused}");
    assert!(refused.contains(r"no\n2026-01-01T00:00:00Z  INFO all is well\r\u{1b}[2J\u{9b}2J\u{202e}"), "{refused}");
    assert!(!log.iter().any(|line| line.contains(['\u{1b}', '\r', '\u{9b}', '\u{202e}'])), "{log:#?}");
}
