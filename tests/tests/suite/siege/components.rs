//! Components that are attacks: see each module. A policy that gets through verification is asked once.

mod answering;
mod growing;
mod loading;
mod running;
mod trapping;

use berth_tests::{Policy, Siege, bodies, guests::Guest};
use serde_json::Value;

use crate::toasters;

static SERVERS: Siege = Siege::of("", || toasters().tenant("hostile"));

/// Whose fault an attack is.
const POLICY: &str = "hostile/guest";

/// Lines that never end.
const SPIN: &str = "(loop $again (br $again))";

/// The policy serves and then fails like this, which its owner is told: of this kind, with this phrase in the message, and
/// over the limit of this key if there is one. The caller hears nothing of it. Gives what the owner is told.
fn faults(policy: impl Into<Policy>, kind: &str, phrase: &str, key: Option<&str>) -> Value {
    let mut told = Value::Null;
    SERVERS.withstands(async |berth| {
        let pushed = berth.push(POLICY, policy).await;
        assert_eq!(pushed.status, 200, "{}", pushed.text());
        let answer = berth.asks(POLICY).with(bodies::first()).await;
        answer.is_error(503, "policy-fault");
        told = berth.policy(POLICY).await["lastFault"].clone();
        assert_eq!((told["kind"].as_str(), told["requestId"].as_str()), (Some(kind), Some(answer.id())), "{told}");
        assert!(told["message"].as_str().is_some_and(|message| message.contains(phrase)), "{told}");
        assert_eq!(told["limit"]["key"].as_str(), key, "{told}");
        assert!(told.to_string().len() < 100_000, "{} bytes are told", told.to_string().len());
    });
    told
}

/// The policy never serves: it is refused at this stage, or at any if none is given, with this phrase.
fn refused(policy: impl Into<Policy>, stage: &str, phrase: &str) {
    SERVERS.withstands(async |berth| {
        let answer = berth.push(POLICY, policy).await;
        let message = answer.is_error(422, "refused");
        assert!(message.contains(&format!("at the stage {stage}")), "{message}");
        assert!(message.contains(phrase), "{message}");
        assert!(!message.chars().any(|letter| letter.is_control() && letter != '\n'), "{message:?}");
    });
}

/// The policy serves, and there is nothing wrong with its answer.
fn harmless(policy: impl Into<Policy>) {
    SERVERS.withstands(async |berth| {
        let pushed = berth.push(POLICY, policy).await;
        assert_eq!(pushed.status, 200, "{}", pushed.text());
        let answer = berth.asks(POLICY).with(bodies::first()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
}

/// Misbehaves only once it serves.
fn later(guest: Guest) -> Policy {
    guest.after_verification().into()
}

/// The same, with 50 ms.
fn brief(guest: Guest) -> Policy {
    later(guest).time_ms(50)
}

/// With these lines in `[limits]`.
fn limited(policy: impl Into<Policy>, limits: &str) -> Policy {
    policy.into().manifest(&format!("[limits]\n{limits}\n"))
}
