//! `berth policy test`: the author's unit tests, then the policy's checks.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{
    check::Checked,
    subject::{PolicyArgs, block_on},
};
use crate::{
    author::{Place, unit_tests::Tests},
    cli::output::say,
};

/// Run the author's unit tests, then build the policy and check it.
///
/// Unit tests are run by the language's own command: `cargo test`, `npm test`, `python3 -m unittest`, `go test ./...`, or
/// `make test`. What it prints goes to standard error.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 all passed; 1 something did not; 2 wrong arguments.")]
pub(in crate::cli) struct Test {
    #[command(flatten)]
    policy: PolicyArgs,
}

impl Test {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let place = self.policy.place()?;
        // Unit tests are of the source, and so of no component that is there already.
        let source = place.folder().filter(|_| matches!(place, Place::Source(_)));
        let tests = source.and_then(Tests::of);
        let status = tests.zip(source).map(|(tests, folder)| tests.run(folder)).transpose()?;
        let command = tests.map(|tests| tests.name());
        let name = place.name();
        if let (Some(command), Some(status)) = (&command, status.filter(|status| !status.success())) {
            if self.policy.json {
                say!("{}", json!({"policy": name, "unitTests": {"command": command, "passed": false}, "checks": null}));
            } else {
                say!("{name}: unit tests failed (`{command}`: {status}); nothing was built or checked");
            }
            return Ok(ExitCode::FAILURE);
        }
        let rig = self.policy.rig()?;
        let subject = self.policy.subject()?;
        let checked = block_on(async { Ok(Checked::of(&rig, &subject).await) })?;
        if self.policy.json {
            let unit_tests = command.map(|command| json!({"command": command, "passed": true}));
            say!("{}", json!({"policy": name, "unitTests": unit_tests, "checks": checked.json()}));
        } else {
            checked.print();
            let unit_tests = match command {
                Some(command) => format!("unit tests passed (`{command}`)"),
                None => "no unit tests".to_owned(),
            };
            say!("{name}: {unit_tests}, {}", checked.summary());
        }
        Ok(checked.code())
    }
}
