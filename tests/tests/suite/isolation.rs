//! Decisions do not touch one another: not the next one, not another policy's, not another tenant's.

use berth_tests::{
    Berth, Catalogue, Policy, bodies,
    guests::{Guest, Reply, built},
    key,
};
use serde_json::json;

use crate::toasters;

/// A policy that counts its decisions in memory, in a global and in fresh pages, is always at its first.
#[tokio::test]
async fn nothing_is_remembered() {
    let count = "(local $digit i32)
        (local.set $digit (i32.add (i32.load offset=44 (global.get $answer)) (i32.const 9)))
        (i32.store8 (local.get $digit) (i32.add (i32.load8_u (local.get $digit)) (i32.const 1)))
        (global.set $heap (i32.add (global.get $heap) (i32.const 1)))
        (if (i32.ne (i32.const 1) (memory.grow (i32.const 1))) (then (unreachable)))
        (if (i32.load (i32.const 65536)) (then (unreachable)))
        (i32.store (i32.const 65536) (i32.const 1))";
    let guest = Guest::answering(Reply::hub(bodies::TOASTERS).payload(r#"{"count":0}"#)).first(count);
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("count", guest)).await;
    let mut connection = berth.connection().await;
    for _ in 0..50 {
        let answer = connection.asks(berth.asks("contoso/count").with(bodies::first())).await;
        assert_eq!(answer.json()["payload"], json!({ "count": 1 }));
    }
}

/// What one tenant's request held cannot be found in memory by another's policy.
#[tokio::test]
async fn nothing_of_others_is_left_in_memory() {
    // Traps if any byte beyond its own data and the request is not zero: four megabytes are asked for and read.
    let search = "(local $at i32) (local $end i32)
        (local.set $at (i32.mul (memory.size) (i32.const 65536)))
        (drop (memory.grow (i32.const 64)))
        (local.set $end (i32.mul (memory.size) (i32.const 65536)))
        (loop $again
            (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (unreachable)))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $again (i32.lt_u (local.get $at) (local.get $end))))";
    let fill = "(drop (memory.grow (i32.const 64)))
        (memory.fill (i32.const 70000) (i32.const 0x5a) (i32.const 4000000))";
    let catalogue = Catalogue::new().tenant("contoso").policy("fill", Guest::doing(fill));
    let berth = Berth::serving(catalogue.tenant("spy").policy("search", Guest::doing(search))).await;
    for _ in 0..20 {
        berth.asks("contoso/fill").with(bodies::first()).await.is_hub(bodies::TOASTERS);
        berth.asks("spy/search").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    }
}

/// The same request gets the same answer, byte for byte, however often and on whichever thread.
#[tokio::test]
async fn decisions_repeat_byte_for_byte() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("echo", built("echo"))).await;
    let first = berth.asks("contoso/echo").with(bodies::individual_x509()).await;
    assert_eq!(first.status, 200);
    for _ in 0..20 {
        let again = berth.asks("contoso/echo").with(bodies::individual_x509()).await;
        assert_eq!(first.body, again.body);
    }
}

/// While one tenant's policy spins on many connections, another tenant's decisions are made.
#[tokio::test]
async fn a_spinning_tenant_starves_nobody() {
    let spin = Policy::from(Guest::doing("(loop $again (br $again))").after_verification()).time_ms(60_000);
    let berth =
        Berth::configured("[webhook]\ndrain_timeout_ms = 1\n", toasters().tenant("hostile").policy("spin", spin)).await;
    let mut spinning = Vec::new();
    for _ in 0..16 {
        let mut line = berth.line().await;
        let (key, body) = (key("hostile"), bodies::first());
        let head = format!("POST /allocate/hostile/spin?code={key} HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
        line.say(format!("{head}host: berth\r\n\r\n{body}")).await;
        spinning.push(line);
    }
    for _ in 0..20 {
        berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    }
    let faults = |line: &berth_tests::log::Entry| line.message() == "policy fault";
    let lines = berth.log().lines(0..berth.log().len());
    assert!(!lines.iter().any(faults), "the spinning was over too early for this to say anything");
}

/// Traps of another tenant's policy, several at the same time, leave the decisions of its neighbours alone.
#[tokio::test]
async fn a_trapping_neighbour_is_not_noticed() {
    let trap = Policy::from(Guest::doing("(unreachable)").after_verification());
    let trap = trap.manifest("[fallback]\nfaults_in_a_row = 0\n");
    let berth = Berth::serving(toasters().tenant("hostile").policy("trap", trap)).await;
    let traps = async || {
        for _ in 0..20 {
            berth.asks("hostile/trap").with(bodies::first()).await.is_error(503, "policy-fault");
        }
    };
    let hostile = async { tokio::join!(traps(), traps(), traps(), traps()) };
    let honest = async {
        for _ in 0..50 {
            berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
        }
    };
    tokio::join!(hostile, honest);
    let faults = berth.metrics().await.sum("berth_faults_total", &[r#"tenant="hostile""#, r#"kind="trap""#]);
    assert_eq!(faults, 80.0);
}
