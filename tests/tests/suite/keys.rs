//! Who may call: keys and where they are shown, and what a caller without one can learn.

use berth_tests::{
    Berth, Catalogue, Policy, bodies,
    guests::{Guest, Reply},
    key, key_hash, secondary_key,
};

use crate::toasters;

/// A tenant whose key holds everything that a URL would take for something else.
const ODD: &str = "a+b/c=d&e ü%";

fn two_tenants() -> Catalogue {
    toasters().tenant("fabrikam").policy("toasters", Guest::answering(Reply::hub(bodies::HEAT_PUMPS)))
}

/// Both keys open the webhook, in the query as DPS sends them and in the header that Azure Functions knows.
#[tokio::test]
async fn either_key_in_query_or_header() {
    let berth = Berth::serving(toasters()).await;
    for key in [key("contoso"), secondary_key("contoso")] {
        let ask = berth.asks("contoso/toasters").with(bodies::first());
        ask.clone().query(&format!("code={key}")).await.is_hub(bodies::TOASTERS);
        ask.clone().query(&format!("a=b&code={key}&c")).await.is_hub(bodies::TOASTERS);
        ask.with_header_key(&key).await.is_hub(bodies::TOASTERS);
    }
}

/// A key is read from the URL as a URL writes it.
#[tokio::test]
async fn a_key_is_url_decoded() {
    let berth = Berth::serving(toasters()).await;
    let manifest = format!("[keys]\nprimary = \"{}\"\n", key_hash(ODD));
    berth.files("contoso").replace("tenant.toml", manifest);
    berth.logs("tenant serves").await;
    berth.publishes().await;
    let ask = berth.asks("contoso/toasters").with(bodies::first());
    for encoded in ["a%2Bb%2Fc%3Dd%26e%20%C3%BC%25", "a%2bb/c=d%26e+%c3%bc%25"] {
        ask.clone().query(&format!("code={encoded}")).await.is_hub(bodies::TOASTERS);
    }
    ask.query(&format!("code={}", key("contoso"))).await.is_error(401, "unauthorized");
}

/// No key and every kind of wrong key get the same answer.
#[tokio::test]
async fn wrong_and_missing_keys_are_refused() {
    let berth = Berth::serving(two_tenants()).await;
    let ask = berth.asks("contoso/toasters").with(bodies::first());
    let mut messages = vec![ask.clone().without_key().await.is_error(401, "unauthorized")];
    let others = key("fabrikam");
    for wrong in ["", "Contoso-primary", "contoso-primary%00", "contoso-primar", "%ff%fe", &others] {
        let answer = ask.clone().query(&format!("code={wrong}")).await;
        messages.push(answer.is_error(401, "unauthorized"));
        if !wrong.contains('%') {
            messages.push(ask.clone().with_header_key(wrong).await.is_error(401, "unauthorized"));
        }
    }
    messages.push(ask.query(&format!("Code={}", key("contoso"))).await.is_error(401, "unauthorized"));
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
}

/// The hash of a key opens nothing, and no key is ever in the log.
#[tokio::test]
async fn keys_are_not_logged() {
    let berth = Berth::configured("[log]\nfilter = \"trace\"\n", toasters()).await;
    let mark = berth.mark().await;
    let ask = berth.asks("contoso/toasters").with(bodies::first());
    ask.clone().await.is_hub(bodies::TOASTERS);
    ask.clone().query(&format!("code={}", key_hash(&key("contoso")))).await.is_error(401, "unauthorized");
    ask.query("code=a-wrong-key").await.is_error(401, "unauthorized");
    for line in berth.logged_since(mark).await {
        for key in [key("contoso"), "a-wrong-key".to_owned()] {
            assert!(!line.mentions(&key), "{line}");
        }
    }
}

/// Without its key, a tenant that lacks the policy cannot be told from a tenant that does not exist.
#[tokio::test]
async fn unknown_names_tell_a_stranger_nothing() {
    let berth = Berth::serving(toasters()).await;
    let ask = |policy: &str| berth.asks(policy).with(bodies::first());
    let mut messages = Vec::new();
    for name in ["contoso/kettles", "nobody/kettles", "contoso/..", "Contoso/toasters", "contoso/toasters-"] {
        messages.push(ask(name).without_key().await.is_error(404, "not-found"));
        messages.push(ask(name).query("code=wrong").await.is_error(404, "not-found"));
    }
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
}

/// With its key, a tenant is told that the policy is what is missing.
#[tokio::test]
async fn unknown_policies_are_told_to_their_tenant() {
    let berth = Berth::serving(toasters()).await;
    let message = berth.asks("contoso/kettles").with(bodies::first()).await.is_error(404, "not-found");
    assert_eq!(message, "the tenant contoso has no policy of this name");
}

/// One tenant's key does not open another's policies.
#[tokio::test]
async fn keys_belong_to_one_tenant() {
    let berth = Berth::serving(two_tenants()).await;
    berth.asks("fabrikam/toasters").with(bodies::first()).await.is_hub(bodies::HEAT_PUMPS);
    let stolen = format!("code={}", key("contoso"));
    let answer = berth.asks("fabrikam/toasters").with(bodies::first()).query(&stolen).await;
    answer.is_error(401, "unauthorized");
}

/// A key is exchanged without a gap: the new one is made secondary, then primary, and the old one is gone.
#[tokio::test]
async fn keys_are_rotated_by_editing_the_tenant() {
    let berth = Berth::serving(toasters()).await;
    let tenant = berth.files("contoso");
    let manifest = |primary: &str, secondary: &str| {
        let (primary, secondary) = (key_hash(primary), key_hash(secondary));
        format!("[keys]\nprimary = \"{primary}\"\nsecondary = \"{secondary}\"\n")
    };
    let ask = |key: &str| berth.asks("contoso/toasters").with(bodies::first()).query(&format!("code={key}"));
    let old = key("contoso");

    tenant.replace("tenant.toml", manifest(&old, "new"));
    berth.logs("tenant serves").await;
    berth.publishes().await;
    ask(&old).await.is_hub(bodies::TOASTERS);
    ask("new").await.is_hub(bodies::TOASTERS);
    ask(&secondary_key("contoso")).await.is_error(401, "unauthorized");

    tenant.replace("tenant.toml", manifest("new", "newer"));
    berth.logs("tenant serves").await;
    berth.publishes().await;
    ask(&old).await.is_error(401, "unauthorized");
    ask("new").await.is_hub(bodies::TOASTERS);
    ask("newer").await.is_hub(bodies::TOASTERS);
}

/// A tenant's file that is broken while serving changes nothing, and the log says what is wrong with it.
#[tokio::test]
async fn a_broken_tenant_keeps_its_keys() {
    let berth = Berth::serving(toasters()).await;
    for (broken, named) in [
        ("[keys]\nprimary = \"key-4716-itself\"\n", "never in clear"),
        ("[keys]\nprimry = \"x\"\n", "primry"),
        ("", "keys"),
    ] {
        berth.files("contoso").replace("tenant.toml", broken);
        let line = berth.logs("tenant refused; what served before still serves").await;
        assert!(line.text("error").contains(named), "{line}");
        assert_eq!((line.text("tenant"), line.text("file")), ("contoso", "tenant.toml"));
        assert!(!line.text("error").contains("key-4716-itself"), "{line}");
        berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    }
}

/// A tenant's limits hold for its policies: they can be tightened while it serves.
#[tokio::test]
async fn a_tenants_limits_take_effect() {
    let spinning = Policy::from(Guest::doing("(loop $again (br $again))").after_verification().component());
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("spin", spinning)).await;
    let manifest = format!("[keys]\nprimary = \"{}\"\n[limits]\ntime_ms = 20\n", key_hash(&key("contoso")));
    berth.files("contoso").replace("tenant.toml", manifest);
    berth.serves("contoso/spin").await;
    berth.asks("contoso/spin").with(bodies::first()).await.is_error(503, "policy-fault");
    let line = berth.logs("policy fault").await;
    assert!(line.text("reason").contains("its 20 ms"), "{line}");
}

/// A request without a key is not let in by a tenant whose key's digest is that of nothing: somebody hashed a variable that
/// was not set. The tenant is refused, and the log says why without saying what.
#[tokio::test]
async fn the_digest_of_nothing_is_no_key() {
    let berth = Berth::serving(toasters()).await;
    let nothing = format!("[keys]\nprimary = \"{}\"\n", key_hash(""));
    berth.files("contoso").replace("tenant.toml", nothing);
    let line = berth.logs("tenant refused; what served before still serves").await;
    assert!(line.text("error").starts_with("line 2, primary: "), "{line}");
    berth.asks("contoso/toasters").query("code=").with(bodies::first()).await.is_error(401, "unauthorized");
}
