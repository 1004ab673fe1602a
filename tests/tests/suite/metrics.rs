//! What can be watched: the exposition is the documented one, every request is in it once, and nobody can make it grow.

use berth::metrics::{Phase, SAMPLE, families};
use berth_tests::{
    Berth, Catalogue, Policy,
    api::version_of,
    bodies::{self, TOASTERS},
    guests::{Guest, Reply},
    key, key_hash,
    metrics::Reading,
};

use crate::{toasters, version};

/// A catalogue whose policies allocate, refuse and fault.
fn all_outcomes() -> Catalogue {
    Catalogue::new()
        .tenant("contoso")
        .policy("toasters", Guest::answering(Reply::hub(TOASTERS)))
        .policy("rejects", Guest::answering(Reply::reject("no")))
        .policy("traps", Guest::doing("(unreachable)"))
}

#[tokio::test]
async fn the_exposition_is_the_documented_one() {
    let berth = Berth::serving(toasters()).await;
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(TOASTERS);
    let answer = berth.admin("/metrics").await;
    assert_eq!(answer.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(answer.text().ends_with("# EOF\n"));
    let reading = berth.metrics().await;
    let documented: Vec<_> = families::every()
        .into_iter()
        .map(|family| (family.name.trim_end_matches("_total").to_owned(), family.kind))
        .collect();
    let mut found: Vec<_> =
        reading.families().into_iter().map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
    let mut expected = documented.clone();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    for family in families::every() {
        let member = match family.kind.as_str() {
            "histogram" => format!("{}_count", family.name),
            _ => family.name.to_owned(),
        };
        let members = reading.members(&member, &[]);
        assert!(!members.is_empty(), "{} has no members", family.name);
        for (member, _) in members {
            let labels = member.split_once('{').map_or("", |(_, labels)| labels.trim_end_matches('}'));
            let labels: Vec<_> = labels.split(',').filter_map(|label| Some(label.split_once('=')?.0)).collect();
            assert_eq!(labels, family.labels, "{member}");
        }
    }
}

#[tokio::test]
async fn every_request_is_counted_once() {
    let berth = Berth::serving(all_outcomes()).await;
    for _ in 0..3 {
        berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(TOASTERS);
    }
    berth.asks("contoso/rejects").with(bodies::first()).await.is_error(403, "rejected");
    berth.asks("contoso/traps").with(bodies::first()).await.is_error(503, "policy-fault");
    berth.asks("contoso/toasters").with("{").await.is_error(400, "malformed-request");
    berth.asks("contoso/toasters").query("code=wrong").await.is_error(401, "unauthorized");
    berth.posts("/elsewhere").await.is_error(404, "not-found");
    let reading = berth.metrics().await;
    let outcome = |word| reading.sum("berth_requests_total", &[&format!("outcome=\"{word}\"")]);
    for (word, count) in [
        ("decision", 3.0),
        ("rejected", 1.0),
        ("policy-fault", 1.0),
        ("malformed-request", 1.0),
        ("unauthorized", 1.0),
        ("not-found", 1.0),
    ] {
        assert_eq!(outcome(word), count, "{word}");
    }
    assert_eq!(reading.sum("berth_requests_total", &[]), 8.0);
    assert_eq!(reading.sum("berth_request_duration_seconds_count", &[]), 8.0);
    assert_eq!(reading.sum("berth_requests_in_flight", &[]), 0.0);
    let decisions = |policy, outcome: &str| {
        let labels = [format!("policy=\"{policy}\""), format!("outcome=\"{outcome}\"")];
        reading.sum("berth_decisions_total", &[&labels[0], &labels[1]])
    };
    assert_eq!(decisions("toasters", "allocated"), 3.0);
    assert_eq!(decisions("rejects", "refused"), 1.0);
    assert_eq!(decisions("traps", "faulted"), 1.0);
    assert_eq!(reading.sum("berth_faults_total", &["policy=\"traps\"", "kind=\"trap\""]), 1.0);
    assert_eq!(reading.sum("berth_faults_total", &[]), 1.0);
}

/// The time of a phase, in seconds, and how many requests were in it.
fn phase(reading: &Reading, phase: &str) -> (f64, f64) {
    let of = |what| {
        let name = format!("berth_request_phase_duration_seconds_{what}");
        reading.sum(&name, &[&format!("phase=\"{phase}\"")])
    };
    (of("sum"), of("count"))
}

/// The phases that some request of the sample was in.
fn phases(reading: &Reading) -> Vec<&'static str> {
    Phase::ALL.map(Phase::as_str).into_iter().filter(|word| phase(reading, word).1 > 0.0).collect()
}

/// The first request is in the sample, so that one tells.
#[tokio::test]
async fn phases_of_a_request_add_up_to_its_time() {
    let berth = Berth::serving(toasters()).await;
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(TOASTERS);
    let reading = berth.metrics().await;
    let here = ["read", "queue", "parse", "instantiate", "lower", "run", "lift", "discard", "check", "log", "write"];
    assert_eq!(phases(&reading), here);
    let each: Vec<_> = here.iter().map(|word| phase(&reading, word)).collect();
    assert!(each.iter().all(|(time, count)| *count == 1.0 && *time > 0.0), "{each:?}");
    let together: f64 = each.iter().map(|(time, _)| time).sum();
    let whole = reading.sum("berth_request_duration_seconds_sum", &[]);
    assert!((together - whole).abs() < 1e-9, "{together} of {whole}");
}

/// Of the phases a request gets to, the last has the rest of its time.
#[tokio::test]
async fn a_request_that_gets_no_decision_has_the_phases_it_got_to() {
    let catalogue = all_outcomes();
    for (policy, body, there) in [
        ("toasters", "{", vec!["read", "queue", "parse", "log", "write"]),
        ("nobody", bodies::first(), vec!["read", "log", "write"]),
    ] {
        let berth = Berth::serving(catalogue.clone()).await;
        berth.asks(&format!("contoso/{policy}")).with(body).await;
        let reading = berth.metrics().await;
        assert_eq!(phases(&reading), there, "{policy}");
        let together: f64 = there.iter().map(|word| phase(&reading, word).0).sum();
        let whole = reading.sum("berth_request_duration_seconds_sum", &[]);
        assert!((together - whole).abs() < 1e-9, "{policy}: {together} of {whole}");
    }
    // What traps ends in the guest, and still leaves it.
    let berth = Berth::serving(catalogue).await;
    berth.asks("contoso/traps").with(bodies::first()).await.is_error(503, "policy-fault");
    let reading = berth.metrics().await;
    assert!(phases(&reading).starts_with(&["read", "queue", "parse", "instantiate", "lower", "run"]));
}

/// One request of so many is timed by phase, and only that: telling them apart takes time.
#[tokio::test]
async fn a_sample_is_timed_by_phase() {
    let berth = Berth::serving(toasters()).await;
    for _ in 0..=SAMPLE {
        berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(TOASTERS);
    }
    let reading = berth.metrics().await;
    assert_eq!(reading.sum("berth_request_duration_seconds_count", &[]), SAMPLE as f64 + 1.0);
    for word in ["read", "run", "write"] {
        assert_eq!(phase(&reading, word).1, 2.0, "{word}");
    }
    let help = families::PHASE_TIME.help;
    assert!(help.contains(&format!("one request in {SAMPLE}")), "{help}");
}

/// A decision that is made in the process for long ones is one phase here.
#[tokio::test]
async fn a_long_decision_is_one_phase() {
    let spins = Guest::doing("(loop $again (br $again))").after_verification();
    let policy = Policy::from(spins).time_ms(300);
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("spins", policy)).await;
    berth.asks("contoso/spins").with(bodies::first()).await.is_error(503, "policy-fault");
    let reading = berth.metrics().await;
    assert_eq!(phases(&reading), ["read", "queue", "behind", "log", "write"]);
    let (time, whole) = (phase(&reading, "behind").0, reading.sum("berth_request_duration_seconds_sum", &[]));
    assert!(time > 0.9 * whole, "{time} of {whole}");
}

/// A caller that goes away while its policy decides is accounted for, too, and what decides ends.
#[tokio::test]
async fn a_caller_that_leaves_is_counted() {
    let spins = Guest::doing("(loop $again (br $again))").after_verification();
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("spins", spins)).await;
    let (key, body) = (key("contoso"), bodies::first());
    let length = body.len();
    let head =
        format!("POST /allocate/contoso/spins?code={key} HTTP/1.1\r\nhost: b\r\ncontent-length: {length}\r\n\r\n");
    let mut line = berth.line().await;
    line.say(head).await;
    line.say(body).await;
    let behind = |reading: &Reading| reading.sum("berth_decisions_behind", &[]);
    berth.metrics_once("a decision that is made", |reading| behind(reading) == 1.0).await;
    drop(line);
    let reading = berth.metrics_once("no decision any more", |reading| behind(reading) == 0.0).await;
    assert_eq!(reading.sum("berth_requests_total", &["outcome=\"caller-left\""]), 1.0, "{}", reading.text());
    assert_eq!(reading.sum("berth_requests_total", &[]), 1.0);
    assert_eq!(reading.sum("berth_requests_in_flight", &[]), 0.0);
}

/// What is not in the catalogue gets no series, and a version has one only as long as it serves.
#[tokio::test]
async fn nobody_can_make_them_grow() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await;
    berth.asks("contoso/p").with(bodies::first()).await;
    let before = berth.metrics().await;
    for number in 0..20 {
        berth.posts(&format!("/allocate/tenant-{number}/policy-{number}?code=x")).await;
        berth.asks(&format!("contoso/policy-{number}")).await;
    }
    let after = berth.metrics().await;
    assert_eq!(before.text().lines().count(), after.text().lines().count());
    let of = |number| format!("version=\"{}\"", version_of(&version(number).component()));
    assert_eq!(after.sum("berth_decisions_total", &[&of(1)]), 1.0);

    berth.push("contoso/p", version(2)).await;
    let swapped = berth.metrics().await;
    assert!(swapped.members("berth_decisions_total", &[&of(1)]).is_empty());
    assert_eq!(swapped.members("berth_decisions_total", &[&of(2)]).len(), 3);
    assert_eq!(swapped.text().lines().count(), before.text().lines().count());
    assert_eq!(swapped.sum("berth_reloads_total", &["result=\"served\""]), 2.0);
}

/// A change that is refused is counted at its stage.
#[tokio::test]
async fn refused_changes_are_counted_by_stage() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await;
    berth.files("contoso/p").replace("policy.wasm", "not wasm");
    berth.logs("policy refused; what served before still serves").await;
    let reading = berth.metrics().await;
    assert_eq!(reading.sum("berth_reloads_total", &["result=\"refused\""]), 1.0);
    assert_eq!(reading.sum("berth_reload_refusals_total", &["stage=\"compile\""]), 1.0);
    assert_eq!(reading.sum("berth_reload_refusals_total", &[]), 1.0);
    let refused = |reading: &Reading| reading.sum("berth_policy_change_refused", &[]) == 1.0;
    berth.metrics_once("the refusal in the snapshot", refused).await;
}

/// The metrics name every tenant, so they are the platform's.
#[tokio::test]
async fn they_are_the_platforms() {
    let (platform, tenant) = ("platform-token-5711", "contoso-token-5712");
    let config = format!("[admin.tokens]\noperators = \"{}\"\n", key_hash(platform));
    let catalogue = Catalogue::new().tenant("contoso").token("pipeline", tenant).policy("p", version(1));
    let berth = Berth::configured(&config, catalogue).await;
    let ask = || berth.calls(hyper::Method::GET, "/metrics");
    ask().await.is_error(401, "unauthorized");
    ask().token(tenant).await.is_error(403, "forbidden");
    let answer = ask().token(platform).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("tenant=\"contoso\""));
}
