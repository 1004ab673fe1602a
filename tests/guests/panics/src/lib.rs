//! A policy that panics, so that its words can be looked for.

use berth_sdk::{Decision, Refusal, Request};

berth_sdk::policy!(allocate);

fn allocate(request: &Request) -> Result<Decision, Refusal> {
    panic!("no hub for {}: the secret is 4711", request.registration_id());
}
