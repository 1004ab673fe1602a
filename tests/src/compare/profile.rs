//! Where a decision's microseconds go: one Berth under full load, as its own metrics tell it.

use std::{cell::Cell, fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, ensure};
use berth::metrics::Phase;
use serde_json::Value;

use super::{
    berth::{TENANT, folder_of, path},
    contender::request,
    driver::Driver,
    exchange::Exchange,
    report::rounded,
    server::Server,
};
use crate::{
    Catalogue, Policy, binary, bodies,
    guests::{built_from, example},
    metrics::Reading,
    pages::repository,
};

/// A server that serves one of the examples, and the load for it.
pub struct Subject {
    server: Server,
    admin: SocketAddr,
    driver: Driver,
}

/// What a load took.
pub struct Profile {
    /// Answers per second.
    pub rate: f64,
    /// Requests in all.
    pub requests: u64,
    /// Answers that were failures. None should be.
    pub failed: u64,
    /// The phases that any request of the sample was in, in their order.
    pub phases: Vec<Share>,
    /// The whole time of every request, in the sample or not.
    pub whole: Share,
    /// Microseconds of processor time that the server used for each request, with all that it does between requests.
    pub processor: f64,
}

/// The times of one phase, or of all.
pub struct Share {
    /// Its word.
    pub phase: &'static str,
    /// How many requests were in it.
    pub requests: u64,
    /// Microseconds on the average.
    pub mean: f64,
    /// Microseconds of the request in the middle.
    pub median: f64,
}

impl Subject {
    /// Starts a server for this example policy.
    ///
    /// # Errors
    ///
    /// If there is no such policy, or it cannot be built or served.
    pub fn start(name: &str) -> anyhow::Result<Self> {
        let folder = folder_of(&Catalogue::new().tenant(TENANT).policy(name, policy(name)?))?;
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]).current_dir(folder.path());
        let admin = Cell::new(None);
        let server = Server::start(command, |line| {
            let line: Value =
                serde_json::from_str(line).ok().filter(|line: &Value| line["message"] == "berth is ready")?;
            admin.set(line["admin"].as_str().and_then(|address| address.parse().ok()));
            line["webhook"].as_str()?.parse().ok()
        })?;
        let path = path(TENANT, name);
        let requests = bodies_for(name).into_iter().map(|body| request(&path, body)).collect();
        let driver = Driver::new(server.address, requests);
        let admin = admin.get().context("the server tells no address of its admin listener")?;
        Ok(Self { server: server.keeping(folder), admin, driver })
    }

    /// The number of the server's process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.server.process()
    }

    /// Asks for as much as is answered for so long.
    pub fn load(&self, time: Duration) {
        let _ = self.driver.saturate(time);
    }

    /// The same, measured once it is warm.
    ///
    /// # Errors
    ///
    /// If the server tells nothing of itself.
    pub fn measure(&self, time: Duration) -> anyhow::Result<Profile> {
        self.load(time / 2);
        let (before, used_before, failed) = (self.read()?, processor_time(self.process())?, self.driver.failed());
        let rate = self.driver.saturate(time);
        let (after, used) = (self.read()?, processor_time(self.process())? - used_before);
        let requests = after.sum("berth_requests_total", &[]) - before.sum("berth_requests_total", &[]);
        Ok(Profile {
            rate: rounded(rate),
            requests: requests as u64,
            failed: self.driver.failed() - failed,
            phases: Phase::ALL.into_iter().filter_map(|phase| of_phase(phase, &before, &after)).collect(),
            whole: share("every request", ("berth_request_duration_seconds", &[]), &before, &after)
                .context("the server counted no request")?,
            processor: used.as_secs_f64() * 1e6 / requests,
        })
    }

    fn read(&self) -> anyhow::Result<Reading> {
        let answer = Exchange::with(self.admin)?.ask(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        Ok(Reading::of(String::from_utf8(answer.body).context("the metrics are no text")?))
    }
}

fn of_phase(phase: Phase, before: &Reading, after: &Reading) -> Option<Share> {
    let label = format!("phase=\"{}\"", phase.as_str());
    share(phase.as_str(), ("berth_request_phase_duration_seconds", &[&label]), before, after)
}

/// What came to this member of a family between two readings.
fn share(word: &'static str, member: (&str, &[&str]), before: &Reading, after: &Reading) -> Option<Share> {
    let times = after.times(member.0, member.1).since(&before.times(member.0, member.1));
    Some(Share { phase: word, requests: times.count(), mean: times.mean()? * 1e6, median: times.median()? * 1e6 })
}

/// One of the folders of `example-policies`.
fn policy(name: &str) -> anyhow::Result<Policy> {
    let folder = format!("example-policies/{name}");
    ensure!(repository().join(&folder).join("policy.toml").is_file(), "there is no {folder}");
    if repository().join(&folder).join("Cargo.toml").is_file() {
        return Ok(example(name));
    }
    // What is around the code is the same in every language.
    Ok(example("by-model").file("policy.wasm", built_from(&folder)?))
}

/// Bodies to which it answers with a decision.
fn bodies_for(policy: &str) -> Vec<&'static str> {
    if policy.starts_with("by-model") {
        vec![bodies::phone(), bodies::individual_x509(), bodies::individual_tpm()]
    } else {
        vec![bodies::first(), bodies::again()]
    }
}

/// What all threads of a process have used so far.
fn processor_time(process: u32) -> anyhow::Result<Duration> {
    let threads = Path::new("/proc").join(process.to_string()).join("task");
    let mut nanoseconds = 0;
    for thread in fs::read_dir(threads).context("failed to look for the server's threads")? {
        let file = thread.context("failed to look for the server's threads")?.path().join("schedstat");
        let text = fs::read_to_string(file).context("failed to read a thread's processor time")?;
        let used = text.split(' ').next().and_then(|used| used.parse::<u64>().ok());
        nanoseconds += used.context("the system does not say what processor time a thread used")?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

impl Profile {
    /// The whole of it in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let mean: f64 = self.phases.iter().map(|share| share.mean).sum();
        let median: f64 = self.phases.iter().map(|share| share.median).sum();
        let mut table = "| phase | median, µs | of all | mean, µs |\n| --- | --- | --- | --- |\n".to_owned();
        for share in &self.phases {
            let percent = 100.0 * share.median / median;
            table += &format!("| {} | {:.2} | {percent:.0} % | {:.2} |\n", share.phase, share.median, share.mean);
        }
        table += &format!("| all phases | {median:.2} | 100 % | {mean:.2} |\n");
        table += &format!("| every request | {:.2} | | {:.2} |\n", self.whole.median, self.whole.mean);
        table += &format!("| processor time | | | {:.2} |\n", self.processor);
        table
    }
}
