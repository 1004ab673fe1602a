//! What the noisy tenant's policies do once they serve. They are never set aside, since their owner wants it so.

use berth_tests::{
    Policy,
    bodies::TOASTERS,
    guests::{Guest, Reply},
};

/// Each with its name.
pub(super) fn policies() -> Vec<(&'static str, Policy)> {
    let spin = Guest::doing("(loop $again (br $again))");
    let allocate = Guest::doing(
        "(drop (memory.grow (i32.const 1000)))
        (memory.fill (i32.const 100000) (i32.const 7) (i32.const 60000000))
        (unreachable)",
    );
    let log = Guest::doing("(loop $again (call $log (i32.const 3) (i32.const 0) (i32.const 1000)) (br $again))");
    let megabytes = format!(r#"{{"a":"{}"}}"#, "x".repeat(5 << 20));
    let guests = [
        ("spin", spin),
        ("allocate", allocate),
        ("trap", Guest::doing("(unreachable)")),
        ("log", log.logging()),
        ("megabytes", Guest::answering(Reply::hub(TOASTERS).payload(&megabytes))),
    ];
    guests
        .map(|(name, guest)| {
            (name, Policy::from(guest.after_verification()).manifest("[fallback]\nfaults_in_a_row = 0\n"))
        })
        .into()
}
