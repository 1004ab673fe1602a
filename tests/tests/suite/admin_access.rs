//! Who may do what through the admin API: a platform's token all, a tenant's token what is that tenant's, others nothing.

use berth_tests::{
    Ask, Berth, Catalogue,
    api::{push_body, version_of},
    bodies, key, key_hash,
    log::Entry,
    metrics::Reading,
    tcp::Line,
};
use serde_json::{Value, json};

use crate::version;

const PLATFORM: &str = "platform-token-4711";
const CONTOSO: &str = "contoso-token-4712";
const FABRIKAM: &str = "fabrikam-token-4713";

fn named(number: u32) -> String {
    version_of(&version(number).component())
}

/// Two tenants with a token each, and a platform with one.
async fn guarded() -> Berth {
    let catalogue = Catalogue::new()
        .tenant("contoso")
        .token("pipeline", CONTOSO)
        .policy("p", version(1))
        .tenant("fabrikam")
        .token("people", FABRIKAM)
        .policy("q", version(2));
    Berth::configured(&platform(), catalogue).await
}

fn platform() -> String {
    format!("[admin.tokens]\noperators = \"{}\"\n", key_hash(PLATFORM))
}

/// Every call of the API, for a policy.
fn every_call(berth: &Berth, policy: &str) -> Vec<Ask> {
    let get = |below: &str| berth.calls(hyper::Method::GET, &format!("/api/v1/policies/{policy}{below}"));
    vec![get(""), get("/history"), berth.push(policy, version(9)), berth.rollback(policy, None), berth.unpin(policy)]
}

async fn policies(ask: Ask) -> Vec<Value> {
    let answer = ask.await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["policies"].as_array().unwrap().iter().map(|policy| policy["policy"].clone()).collect()
}

/// Once there is a platform token, nobody without a token is let in; the probes stay open.
#[tokio::test]
async fn nothing_without_a_token() {
    let berth = guarded().await;
    let status = berth.calls(hyper::Method::GET, "/api/v1/status");
    let calls = || every_call(&berth, "contoso/p").into_iter().chain([status.clone()]);
    for ask in calls() {
        ask.await.is_error(401, "unauthorized");
    }
    let (key, hash) = (key("contoso"), key_hash(PLATFORM));
    for wrong in ["", "wrong", key.as_str(), hash.as_str(), "PLATFORM-TOKEN-4711"] {
        for ask in calls() {
            ask.token(wrong).await.is_error(401, "unauthorized");
        }
    }
    for ask in calls() {
        ask.header("authorization", &format!("Basic {PLATFORM}")).await.is_error(401, "unauthorized");
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(berth.admin(path).await.status, 200);
    }
}

/// A tenant's token is for that tenant only.
#[tokio::test]
async fn a_tenants_token_is_for_its_own() {
    let berth = guarded().await;
    for ask in every_call(&berth, "fabrikam/q").into_iter().chain(every_call(&berth, "nobody/p")) {
        ask.token(CONTOSO).await.is_error(403, "forbidden");
    }
    let status = || berth.calls(hyper::Method::GET, "/api/v1/status");
    assert_eq!(policies(status().token(CONTOSO)).await, [json!("contoso/p")]);
    assert_eq!(policies(status().token(FABRIKAM)).await, [json!("fabrikam/q")]);
    assert_eq!(policies(status().token(PLATFORM)).await, [json!("contoso/p"), json!("fabrikam/q")]);
    let q = berth.asks("fabrikam/q").with(bodies::first()).await;
    assert_eq!(q.json()["payload"], json!({ "version": 2 }));

    let push = berth.push("contoso/p", version(3)).token(CONTOSO).await;
    push.is_change(&named(3), Some(&named(1)));
    berth.rollback("contoso/p", None).token(CONTOSO).await.is_change(&named(1), Some(&named(3)));
    berth.unpin("contoso/p").token(CONTOSO).await.is_change(&named(1), Some(&named(1)));
}

/// What is refused is in the log: who wanted what of which policy. Who has no token is nobody.
#[tokio::test]
async fn refusals_are_in_the_log() {
    let berth = guarded().await;
    let calls = ["policy", "history", "push", "rollback", "unpin"];
    for (action, ask) in calls.into_iter().zip(every_call(&berth, "fabrikam/q")) {
        for (ask, code, by, policy) in
            [(ask.clone().token(CONTOSO), "forbidden", "contoso/pipeline", "fabrikam/q"), (ask, "unauthorized", "", "")]
        {
            let answer = ask.await;
            let wanted = |line: &Entry| line.text("request") == answer.id();
            let (_, line) = berth.log().find("the refusal", 0, wanted).await;
            assert_eq!((line.message(), line.text("level")), ("admin request refused", "WARN"));
            assert_eq!(["action", "code", "by", "policy"].map(|field| line.text(field)), [action, code, by, policy]);
        }
    }
}

/// A change is in the log also if who asked for it is gone before it is made.
#[tokio::test]
async fn a_change_is_in_the_log_without_its_caller() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await;
    let count = "(loop $again (i32.store (i32.const 60000) (i32.add (i32.load (i32.const 60000)) (i32.const 1)))
        (br_if $again (i32.lt_u (i32.load (i32.const 60000)) (i32.const 500000000))))";
    let slow = version(2).first(count);
    let (to, body) = (version_of(&slow.component()), push_body(&slow.into()).to_string());
    let head = "PUT /api/v1/policies/contoso/p HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let mut line = Line::to(berth.admin_address()).await.unwrap();
    line.say(format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
    let instances = |reading: &Reading| reading.sum("berth_engine_in_use", &["resource=\"instances\""]);
    berth.metrics_once("its verification", |reading| instances(reading) == 1.0).await;
    drop(line);
    let change = berth.logs("admin change").await;
    let told = ["action", "by", "policy", "from", "to"].map(|field| change.text(field));
    assert_eq!(told, ["push", "loopback", "contoso/p", &named(1), &to]);
}

/// A platform's token is for all, and the history has whose token it was.
#[tokio::test]
async fn history_names_the_token() {
    let berth = guarded().await;
    berth.push("contoso/p", version(3)).token(CONTOSO).await.is_change(&named(3), Some(&named(1)));
    berth.push("fabrikam/q", version(4)).token(PLATFORM).await.is_change(&named(4), Some(&named(2)));
    for (policy, token, by) in [("contoso/p", CONTOSO, "contoso/pipeline"), ("fabrikam/q", FABRIKAM, "operators")] {
        let history = berth.calls(hyper::Method::GET, &format!("/api/v1/policies/{policy}/history")).token(token);
        assert_eq!(history.await.json()["events"][0]["by"], by);
    }
}

/// Neither tokens nor keys, nor their digests, are ever in the log.
#[tokio::test]
async fn no_secret_is_in_the_log() {
    let berth = guarded().await;
    for token in [PLATFORM, CONTOSO, FABRIKAM, "wrong-token-4714"] {
        for ask in every_call(&berth, "contoso/p") {
            ask.token(token).await;
        }
    }
    berth.asks("contoso/p").with(bodies::first()).await;
    berth.asks("contoso/p").query("code=wrong-key-4715").with(bodies::first()).await;
    let log = berth.log().to_string() + &format!("{:?}", berth.logged_since(0).await);
    let secrets = [PLATFORM, CONTOSO, FABRIKAM, "wrong-token-4714", "wrong-key-4715"];
    for secret in secrets.map(str::to_owned).into_iter().chain([key("contoso"), key("fabrikam")]) {
        let hash = key_hash(&secret);
        let digest = hash.trim_start_matches("sha256:").to_owned();
        assert!(!log.contains(&secret), "{secret} is in the log");
        assert!(!log.contains(&digest), "the digest of {secret} is in the log");
    }
}

/// A token that is taken out of a tenant's file is nobody's any more, and a new one is let in.
#[tokio::test]
async fn tokens_change_with_the_tenants_file() {
    let berth = guarded().await;
    let manifest = std::fs::read_to_string(berth.files("contoso").path().join("tenant.toml")).unwrap();
    let changed = manifest.replace(&key_hash(CONTOSO), &key_hash("contoso-token-new"));
    berth.files("contoso").replace("tenant.toml", changed);
    berth.logs("tenant serves").await;
    berth.publishes().await;
    let status = || berth.calls(hyper::Method::GET, "/api/v1/status");
    status().token(CONTOSO).await.is_error(401, "unauthorized");
    assert_eq!(policies(status().token("contoso-token-new")).await, [json!("contoso/p")]);
}

/// Without any platform token, whoever reaches the loopback address is the platform; a wrong token is still wrong.
#[tokio::test]
async fn loopback_needs_no_token() {
    let catalogue = Catalogue::new().tenant("contoso").token("pipeline", CONTOSO).policy("p", version(1));
    let berth = Berth::serving(catalogue).await;
    let status = || berth.calls(hyper::Method::GET, "/api/v1/status");
    assert_eq!(policies(status()).await, [json!("contoso/p")]);
    assert_eq!(policies(status().token(CONTOSO)).await, [json!("contoso/p")]);
    status().token("wrong").await.is_error(401, "unauthorized");
}
