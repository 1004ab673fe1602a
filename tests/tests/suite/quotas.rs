//! A tenant gets its share of the server and no more, and what is more is turned away at once.

use berth_tests::{
    Berth, Catalogue, Policy, bodies,
    guests::{Guest, Reply},
    key,
    log::Entry,
    tcp::Line,
    within_patience,
};
use tokio::join;

use crate::toasters;

/// The policies `greedy/spin`, which never ends, and `greedy/plain`, of a tenant with these quotas; and `contoso/toasters`.
fn greedy(quotas: &str) -> Catalogue {
    let spin = Policy::from(Guest::doing("(loop $again (br $again))").after_verification()).time_ms(20_000);
    let plain = Guest::answering(Reply::hub(bodies::TOASTERS));
    toasters().tenant("greedy").settings(quotas).policy("spin", spin).policy("plain", plain)
}

const BRIEF_DRAIN: &str = "[webhook]\ndrain_timeout_ms = 1\n";

/// Asks for a decision that does not end, until one is turned away: then the others hold what there is. Returns them, and
/// why the last was turned away.
async fn fill(berth: &Berth) -> (Vec<Line>, String) {
    let mark = berth.mark().await;
    let mut held = Vec::new();
    let turned_away = |line: &Entry| line.text("code") == "over-quota";
    let full = async {
        loop {
            let mut line = berth.line().await;
            let (key, body) = (key("greedy"), bodies::first());
            let head = format!("POST /allocate/greedy/spin?code={key} HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
            line.say(format!("{head}host: berth\r\n\r\n{body}")).await;
            held.push(line);
            // Answered after all that was said before, on a connection of its own.
            if let Some(line) = berth.logged_since(mark).await.iter().find(|line| turned_away(line)) {
                return line.text("reason").to_owned();
            }
        }
    };
    let why = within_patience("a request that is turned away", full).await;
    (held, why)
}

/// With its one place taken and no queue, the tenant hears 429 at once, and nobody else hears anything.
#[tokio::test]
async fn beyond_its_concurrency_a_tenant_is_turned_away() {
    let berth = Berth::configured(BRIEF_DRAIN, greedy("[quotas]\nconcurrency = 1\nqueue = 0\n")).await;
    let (_held, why) = fill(&berth).await;
    assert_eq!(why, "the tenant has 1 decisions under way and 0 more waiting, which is all it may");
    let answer = berth.asks("greedy/plain").with(bodies::first()).await;
    answer.is_error(429, "over-quota");
    assert_eq!(answer.retry_after(), Some(1));
    let reading = berth.metrics().await;
    let of_greedy = |family| reading.sum(family, &[r#"tenant="greedy""#]);
    assert_eq!(of_greedy("berth_tenant_decisions_in_flight"), 1.0);
    assert_eq!(of_greedy("berth_tenant_requests_waiting"), 0.0);
    assert!(reading.sum("berth_tenant_rejections_total", &[r#"tenant="greedy""#, r#"reason="queue""#]) >= 2.0);
    assert_eq!(reading.sum("berth_tenant_rejections_total", &[r#"tenant="contoso""#]), 0.0);
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}

/// The server's quotas hold for every tenant, whatever its own say.
#[tokio::test]
async fn the_servers_quotas_hold_for_every_tenant() {
    let toml = "[webhook]\ndrain_timeout_ms = 1\n[quotas]\nconcurrency = 1\nqueue = 0\n";
    let berth = Berth::configured(toml, greedy("[quotas]\nconcurrency = 100\nqueue = 100\n")).await;
    let (_held, why) = fill(&berth).await;
    assert!(why.contains(" 1 decisions under way"), "{why}");
}

/// What waits longer than it may is turned away.
#[tokio::test]
async fn waiting_has_an_end() {
    let berth = Berth::configured(BRIEF_DRAIN, greedy("[quotas]\nconcurrency = 1\nqueue_ms = 20\n")).await;
    let (_held, why) = fill(&berth).await;
    assert_eq!(why, "none of the tenant's 1 places for decisions came free within 20 ms");
}

/// What finds a place in time has lost nothing but time.
#[tokio::test]
async fn the_queue_is_served() {
    let berth = Berth::serving(greedy("[quotas]\nconcurrency = 1\nqueue = 100\nqueue_ms = 60000\n")).await;
    let ask = async || {
        for _ in 0..10 {
            berth.asks("greedy/plain").with(bodies::first()).await.is_hub(bodies::TOASTERS);
        }
    };
    join!(ask(), ask(), ask(), ask(), ask());
}

/// Where an operator lets one tenant have every place, another hears at once that there is none, and when to ask again.
#[tokio::test]
async fn beyond_all_places_everybody_is_told_to_ask_again() {
    let all = "[quotas]\nconcurrency = 480\nqueue = 0\n";
    let berth = Berth::configured(&format!("{BRIEF_DRAIN}{all}"), greedy(all)).await;
    let (held, why) = fill(&berth).await;
    assert_eq!(why, "the tenant has 480 decisions under way and 0 more waiting, which is all it may");
    berth.asks("contoso/toasters").with(bodies::first()).await.is_error(503, "over-capacity");
    drop(held);
    let free = async { while berth.asks("contoso/toasters").with(bodies::first()).await.status != 200 {} };
    within_patience("a free place", free).await;
}

/// A caller that leaves gives its place back, though its decision had not ended.
#[tokio::test]
async fn a_caller_that_leaves_gives_its_place_back() {
    let berth = Berth::configured(BRIEF_DRAIN, greedy("[quotas]\nconcurrency = 1\nqueue = 0\n")).await;
    let (held, _) = fill(&berth).await;
    drop(held);
    let free = async { while berth.asks("greedy/plain").with(bodies::first()).await.status != 200 {} };
    within_patience("a free place", free).await;
}

/// So many requests of the tenant `greedy` whose bodies have begun to arrive and do not go on.
async fn arriving(berth: &Berth, count: usize) -> Vec<Line> {
    let mut slow = Vec::new();
    for _ in 0..count {
        let mut line = berth.line().await;
        let head = format!("POST /allocate/greedy/plain?code={} HTTP/1.1\r\nhost: berth\r\n", key("greedy"));
        line.say(format!("{head}content-length: 1000\r\n\r\n{{")).await;
        slow.push(line);
    }
    slow
}

/// Bodies that do not arrive hold no place.
#[tokio::test]
async fn slow_bodies_hold_no_place() {
    let toml = "[webhook]\nbody_timeout_ms = 60000\ndrain_timeout_ms = 1\n";
    let berth = Berth::configured(toml, greedy("[quotas]\nconcurrency = 1\nqueue = 0\n")).await;
    let _slow = arriving(&berth, 10).await;
    berth.asks("greedy/plain").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}

/// There are only so many bodies of a tenant that arrive at the same time, however slowly; others' are not counted.
#[tokio::test]
async fn so_many_bodies_arrive_at_once() {
    let toml = "[webhook]\nbody_timeout_ms = 60000\ndrain_timeout_ms = 1\n";
    let berth = Berth::configured(toml, greedy("")).await;
    let mark = berth.mark().await;
    let slow = arriving(&berth, 513).await;
    let turned_away = |line: &Entry| line.text("code") == "over-quota";
    let (_, line) = berth.log().find("one that is turned away", mark, turned_away).await;
    assert_eq!(line.text("reason"), "512 of the tenant's requests are still arriving, which is all it may have");
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    drop(slow);
    let free = async { while berth.asks("greedy/plain").with(bodies::first()).await.status != 200 {} };
    within_patience("bodies that arrive again", free).await;
}

/// A rate is kept, by this tenant alone.
#[tokio::test]
async fn a_rate_is_kept() {
    let berth = Berth::serving(greedy("[quotas]\nrequests_per_second = 2\n")).await;
    let mark = berth.mark().await;
    let over = async {
        loop {
            let answer = berth.asks("greedy/plain").with(bodies::first()).await;
            if answer.status != 200 {
                return answer;
            }
        }
    };
    let answer = within_patience("a request too many", over).await;
    answer.is_error(429, "over-quota");
    let lines = berth.logged_since(mark).await;
    let reason = "the tenant makes more requests than its 2 a second";
    assert!(lines.iter().any(|line| line.text("reason") == reason), "{lines:?}");
    let reading = berth.metrics().await;
    let rejections = |tenant| reading.sum("berth_tenant_rejections_total", &[tenant, r#"reason="rate""#]);
    assert_eq!([rejections(r#"tenant="greedy""#), rejections(r#"tenant="contoso""#)], [1.0, 0.0]);
    for _ in 0..10 {
        berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    }
}

/// A key nobody knows is refused with its file, and what served before still serves.
#[tokio::test]
async fn a_broken_quota_is_refused() {
    let berth = Berth::serving(greedy("")).await;
    berth.files("greedy").replace("tenant.toml", "[quotas]\nconcurrency = 0\n");
    let refused = |line: &Entry| line.message().starts_with("tenant refused");
    let (_, line) = berth.log().find("`tenant refused`", 0, refused).await;
    assert_eq!(line.text("tenant"), "greedy");
    berth.asks("greedy/plain").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}
