//! `berth policy inspect`: what a component is.

use std::process::ExitCode;

use clap::Args;
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::{
    report::row,
    subject::{PolicyArgs, block_on},
};
use crate::{
    author::inspect::Anatomy,
    cli::output::say,
    engine::{CONTRACT_VERSION, Offer},
    toolchain::Terminal,
};

/// Show a component's contract version, imports, exports, parts and makers, and whether Berth would take it.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 Berth would take it; 1 it would not, or this is no component; 2 wrong arguments."
)]
pub(in crate::cli) struct Inspect {
    #[command(flatten)]
    policy: PolicyArgs,
}

impl Inspect {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let component = self.policy.place()?.component(&Terminal::new(super::interrupted()))?;
        let rig = self.policy.rig()?;
        let anatomy = block_on(Anatomy::of(&component, &rig))?;
        if self.policy.json {
            say!("{}", report(&anatomy));
        } else {
            print(&anatomy);
        }
        Ok(if anatomy.verdict.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn report(anatomy: &Anatomy) -> Value {
    let imports =
        anatomy.imports.iter().map(|(name, offer)| json!({"name": name, "granted": *offer == Offer::Granted}));
    let sections = anatomy.sections.iter().map(|(name, bytes)| json!({"name": name, "bytes": bytes}));
    let producers = anatomy.producers.iter();
    let producers = producers.map(|made| json!({"field": made.field, "name": made.name, "version": made.version}));
    let refused = anatomy.verdict.as_ref().err();
    json!({
        "version": anatomy.digest,
        "bytes": anatomy.bytes,
        "contract": anatomy.contract,
        "imports": imports.collect::<Value>(),
        "exports": anatomy.exports,
        "sections": sections.collect::<Value>(),
        "producers": producers.collect::<Value>(),
        "refused": refused.map(|failure| json!({"stage": failure.stage.as_str(), "reason": failure.reason})),
    })
}

fn print(anatomy: &Anatomy) {
    row("version", &anatomy.digest);
    row("size", &HumanBytes(anatomy.bytes as u64).to_string());
    let contract = match anatomy.contract.as_slice() {
        [] => "it imports nothing of berth:allocation".to_owned(),
        versions => format!("berth:allocation@{} (Berth speaks {CONTRACT_VERSION})", versions.join(", ")),
    };
    row("contract", &contract);
    for (name, offer) in &anatomy.imports {
        row("imports", &format!("{name}: {}", words(*offer)));
    }
    for name in &anatomy.exports {
        let what = match name.as_str() {
            "allocate" => "decides",
            "validate-settings" => "judges settings",
            _ => "passed over by Berth",
        };
        row("exports", &format!("{name}: {what}"));
    }
    for (name, bytes) in &anatomy.sections {
        row("part", &format!("{:>10}  {name}", HumanBytes(*bytes as u64).to_string()));
    }
    for made in &anatomy.producers {
        row("made by", format!("{} {} ({})", made.name, made.version, made.field).trim());
    }
    match &anatomy.verdict {
        Ok(()) => say!("Berth would take this component"),
        Err(failure) => say!("Berth would refuse this component at the stage {failure}"),
    }
}

/// What Berth says to an import.
fn words(offer: Offer) -> &'static str {
    match offer {
        Offer::Granted => "granted",
        Offer::OtherVersion => "not granted, it is another version of the contract",
        Offer::Unknown => "not granted, the contract has no such interface",
        Offer::Wasi => "not granted, a policy has no system around it; `berth policy seal` may answer it inside",
        Offer::Foreign => "not granted",
    }
}
