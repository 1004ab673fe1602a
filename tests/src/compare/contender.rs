//! Who takes part, and what each is asked.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{berth, driver::Driver, exchange::Exchange, native, server::Server};
use crate::{
    bodies,
    guests::{built_from, example},
};

/// The rule that a contender follows: that of one of the example policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Looks up what the device says of itself in a table.
    ByModel,
    /// Looks at the end of the registration id.
    BySuffix,
}

impl Rule {
    /// The example's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ByModel => "by-model",
            Self::BySuffix => "by-suffix",
        }
    }

    /// The native handler that follows it, to which the others are compared.
    #[must_use]
    pub fn ceiling(self) -> &'static str {
        match self {
            Self::ByModel => "native-by-model",
            Self::BySuffix => "native-by-suffix",
        }
    }

    /// The bodies that are sent in turn. Each gets a decision, from one hub that will do.
    fn bodies(self) -> Vec<&'static str> {
        match self {
            Self::ByModel => vec![bodies::phone(), bodies::individual_x509(), bodies::individual_tpm()],
            Self::BySuffix => vec![bodies::first(), bodies::again()],
        }
    }
}

/// Somebody who answers DPS's requests.
pub struct Contender {
    /// By which the goals find it.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    /// What it decides.
    pub rule: Rule,
    /// What is between a request and the next, or other tenants.
    pub isolation: &'static str,
    /// Fetches and builds what it needs, and starts it.
    pub start: fn() -> anyhow::Result<Started>,
}

/// A contender that runs.
pub struct Started {
    /// Its server.
    pub server: Server,
    /// The path that it is asked by.
    pub path: String,
    /// Of what it is.
    pub version: String,
}

/// Those of Berth and the ceiling, which need nothing that is not in the repository.
#[must_use]
pub fn own() -> Vec<Contender> {
    vec![
        Contender {
            id: Rule::ByModel.ceiling(),
            name: "native handler",
            rule: Rule::ByModel,
            isolation: "none",
            start: || native::start(Rule::ByModel),
        },
        Contender {
            id: "berth-by-model",
            name: "Berth, Rust",
            rule: Rule::ByModel,
            isolation: "fresh instance",
            start: || serving(Rule::ByModel),
        },
        Contender {
            id: Rule::BySuffix.ceiling(),
            name: "native handler",
            rule: Rule::BySuffix,
            isolation: "none",
            start: || native::start(Rule::BySuffix),
        },
        Contender {
            id: "berth-by-suffix",
            name: "Berth, Rust",
            rule: Rule::BySuffix,
            isolation: "fresh instance",
            start: || serving(Rule::BySuffix),
        },
    ]
}

/// Berth with the example by-model in other languages, whose tools are fetched.
#[must_use]
pub fn languages() -> Vec<Contender> {
    let of = |id, name, start| Contender { id, name, rule: Rule::ByModel, isolation: "fresh instance", start };
    vec![
        of("berth-c", "Berth, C", || rewritten("c")),
        of("berth-javascript", "Berth, JavaScript", || rewritten("javascript")),
        of("berth-go", "Berth, Go", || rewritten("go")),
        of("berth-python", "Berth, Python", || rewritten("python")),
    ]
}

fn serving(rule: Rule) -> anyhow::Result<Started> {
    started(berth::serving(rule.name(), &example(rule.name()))?, rule)
}

fn rewritten(language: &str) -> anyhow::Result<Started> {
    let component = built_from(&format!("example-policies/by-model-{language}"))?;
    let policy = example(Rule::ByModel.name()).file("policy.wasm", component);
    started(berth::serving(Rule::ByModel.name(), &policy)?, Rule::ByModel)
}

fn started(server: Server, rule: Rule) -> anyhow::Result<Started> {
    Ok(Started { server, path: berth::path(berth::TENANT, rule.name()), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// A contender that runs and is connected to.
pub struct Running {
    /// Who it is.
    pub contender: Contender,
    /// Of what it is.
    pub version: String,
    /// Its server.
    pub server: Server,
    /// The load.
    pub driver: Driver,
    /// Its answers to the bodies.
    answers: Vec<Value>,
}

impl Running {
    /// Starts it and hears its answers.
    ///
    /// # Errors
    ///
    /// If it cannot be had, or does not answer.
    pub fn start(contender: Contender) -> anyhow::Result<Self> {
        let Started { server, path, version } = (contender.start)()?;
        let requests: Vec<Vec<u8>> = contender.rule.bodies().into_iter().map(|body| request(&path, body)).collect();
        let mut exchange = Exchange::with(server.address)?;
        let mut answers = Vec::new();
        for request in &requests {
            let answer = exchange.ask(request)?;
            answers.push(serde_json::from_slice(&answer.body).context("an answer is not JSON")?);
        }
        let driver = Driver::new(server.address, requests);
        Ok(Self { contender, version, server, driver, answers })
    }

    /// Sees that it does the same work as another.
    ///
    /// # Errors
    ///
    /// If it answers anything else.
    pub fn agrees_with(&self, other: &Self) -> anyhow::Result<()> {
        for (own, wanted) in self.answers.iter().zip(&other.answers) {
            ensure!(own == wanted, "{} answers {own}, but {} {wanted}", self.contender.id, other.contender.id);
        }
        Ok(())
    }
}

/// A request as it goes out.
#[must_use]
pub fn request(path: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}
