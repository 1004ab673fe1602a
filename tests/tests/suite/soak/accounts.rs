//! Every decision is accounted for: what the server counts is what its callers heard, and nothing stays behind.
#![expect(clippy::expect_used, reason = "helpers of tests stop at what they did not expect, as tests do")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use berth_tests::{
    Berth, Catalogue, Holding, bodies,
    guests::{Guest, Reply},
    key,
    metrics::Reading,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpStream, tcp::OwnedReadHalf},
    sync::Notify,
};

use super::count;

/// Connections that ask without a pause, and requests that each has under way at once.
const CONNECTIONS: usize = 4;
const UNDER_WAY: usize = 20;
/// What becomes of those, in the words of the metrics: most are decisions, one is a refusal, and one, so one in twenty, is a
/// fault.
const OUTCOMES: [&str; 3] = ["decision", "rejected", "policy-fault"];

/// File handles that a server may hold more at the end than after its first decisions: that of the process behind for either
/// policy, which it may have been asked for or not.
const HANDLES: usize = 2;
/// Bytes that a server may hold more at the end than after its first decisions: what the C library keeps of what it freed.
const KEPT: u64 = 32 << 20;

/// The policies that are swapped in turn: one that fails now and then, so that all of its decisions are made behind, and one
/// that never does, so that its are made by the server itself.
const SWAPPED: [&str; 2] = ["fails", "decides"];

/// A version of either, told apart from others by its payload. It fails the device whose id has these many letters.
fn version(number: u64) -> Guest {
    let fails = "(if (i32.eq (i32.load offset=4 (local.get $request)) (i32.const 5)) (then (unreachable)))";
    Guest::answering(Reply::hub(bodies::TOASTERS).payload(&format!(r#"{{"version":{number}}}"#))).first(fails)
}

fn request(policy: &str, device: &str) -> String {
    let body = bodies::from_device(device);
    let (key, length) = (key("contoso"), body.len());
    format!(
        "POST /allocate/contoso/{policy}?code={key} HTTP/1.1\r\nhost: berth\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// As many requests as are under way at once on a connection, in one breath.
fn breath() -> String {
    let [fails, decides] = SWAPPED;
    let decided = [request(fails, "a-device"), request(decides, "a-device")].concat().repeat((UNDER_WAY - 2) / 2);
    format!("{}{}{decided}", request(fails, "fails"), request("refuses", "a-device"))
}

/// Reads one answer and returns its status.
async fn answer(from: &mut BufReader<OwnedReadHalf>, line: &mut String, body: &mut Vec<u8>) -> u16 {
    let (mut status, mut length) = (0, 0);
    loop {
        line.clear();
        assert!(from.read_line(line).await.expect("the connection goes on") > 0, "the server ended the connection");
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
            status = rest.split(' ').next().and_then(|status| status.parse().ok()).expect("a status");
        } else if let Some(bytes) = text.strip_prefix("content-length: ") {
            length = bytes.parse().expect("a length");
        }
    }
    body.resize(length, 0);
    from.read_exact(body).await.expect("a whole body");
    status
}

/// What the server says it counted, once that is so many: in the order of [`OUTCOMES`], and all of any outcome.
async fn counted(berth: &Berth, requests: f64) -> ([f64; 3], f64) {
    // The last answers are heard a moment before they are counted.
    let all = |metrics: &Reading| metrics.sum("berth_requests_total", &[]) >= requests;
    let metrics = berth.metrics_once("every request to be counted", all).await;
    let of = |outcome: &str| metrics.sum("berth_requests_total", &[&format!("outcome=\"{outcome}\"")]);
    (OUTCOMES.map(of), metrics.sum("berth_requests_total", &[]))
}

/// What was heard so far.
#[derive(Default)]
struct Heard {
    /// In the order of [`OUTCOMES`].
    outcomes: [AtomicU64; 3],
    /// Hears of each breath.
    more: Notify,
}

impl Heard {
    fn total(&self) -> u64 {
        self.outcomes.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// Swaps a policy each time that so many decisions have been made, until it is over. Returns how often.
async fn swap(berth: &Berth, heard: &Heard, over: &AtomicBool, every: u64) -> u64 {
    let mut swaps = 0;
    while !over.load(Ordering::Relaxed) {
        if heard.total() < swaps * every {
            heard.more.notified().await;
            continue;
        }
        swaps += 1;
        let policy = SWAPPED[usize::from(swaps % 2 == 0)];
        // Versions come back: a compiler that only compiles is another test.
        assert_eq!(berth.push(&format!("contoso/{policy}"), version(swaps % 50)).await.status, 200);
    }
    swaps
}

/// Asks on a connection until so many decisions were made by all.
async fn ask(berth: &Berth, heard: &Heard, decisions: u64) {
    let stream = TcpStream::connect(berth.webhook()).await.expect("the server accepts connections");
    let (read, mut write) = stream.into_split();
    let (mut read, breath) = (BufReader::new(read), breath());
    let (mut line, mut body) = (String::new(), Vec::new());
    while heard.total() < decisions {
        write.write_all(breath.as_bytes()).await.expect("the connection goes on");
        for place in 0..UNDER_WAY {
            let outcome = match (place, answer(&mut read, &mut line, &mut body).await) {
                (0, 503) => 2,
                (1, 403) => 1,
                (2.., 200) => 0,
                (place, status) => panic!("request {place} got {status}: {}", String::from_utf8_lossy(&body)),
            };
            heard.outcomes[outcome].fetch_add(1, Ordering::Relaxed);
        }
        heard.more.notify_one();
    }
}

async fn ask_and_swap(berth: &Berth, heard: &Heard, decisions: u64, every: u64) -> u64 {
    let over = AtomicBool::new(false);
    let asked = async {
        let ask = || ask(berth, heard, decisions);
        const { assert!(CONNECTIONS == 4) };
        tokio::join!(ask(), ask(), ask(), ask());
        over.store(true, Ordering::Relaxed);
        heard.more.notify_one();
    };
    tokio::join!(asked, swap(berth, heard, &over, every)).1
}

/// With a fault in twenty decisions and a swap every few thousand, each is counted by its outcome, and the server holds at
/// the end no more memory and file handles than after its first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_decision_is_accounted_for() {
    let (decisions, every) = (count("BERTH_SOAK_DECISIONS", 6000_u64), count("BERTH_SOAK_DECISIONS_A_SWAP", 600_u64));
    let refuses = Guest::answering(Reply::reject("not this one"));
    let catalogue =
        SWAPPED.iter().fold(Catalogue::new().tenant("contoso").policy("refuses", refuses), |all, swapped| {
            all.policy(swapped, version(0))
        });
    // A line for each fault would be kept by the test, which is not what is measured.
    let berth = Berth::configured("[log]\nfilter = \"info,berth::webhook=off\"\n", catalogue).await;
    let heard = Heard::default();
    let warm = decisions / 20;
    let mut swaps = ask_and_swap(&berth, &heard, warm, every).await;
    let before = berth.holds().await;
    swaps += ask_and_swap(&berth, &heard, decisions, every).await;
    let told = heard.outcomes.map(AtomicU64::into_inner);
    let total: u64 = told.iter().sum();
    // Far below 2^53: exact.
    let exact = |count: u64| count as f64;
    assert_eq!(
        counted(&berth, exact(total)).await,
        (told.map(exact), exact(total)),
        "what is counted is what was heard"
    );
    let after = settled(&berth, before).await;
    assert!(total >= decisions && told[2] * 20 == total, "{told:?}");
    // How many there is time for is the machine's business.
    assert!(swaps >= 2, "{swaps} swaps");
    println!(
        "soak: {total} decisions ({} allocated, {} refused, {} faulted), {swaps} swaps; {} KiB and {} handles before, {} KiB \
         and {} after",
        told[0],
        told[1],
        told[2],
        before.memory >> 10,
        before.handles,
        after.memory >> 10,
        after.handles
    );
}

/// Waits until the server holds what it may, and says what it held last if that does not come about.
async fn settled(berth: &Berth, before: Holding) -> Holding {
    let mut last = before;
    let quiet = async {
        loop {
            last = berth.holds().await;
            if last.memory <= before.memory + KEPT && last.handles <= before.handles + HANDLES {
                return last;
            }
        }
    };
    let settled = tokio::time::timeout(berth_tests::PATIENCE, quiet).await.ok();
    settled
        .unwrap_or_else(|| panic!("the server held {before:?} after its first decisions and holds {last:?} in the end"))
}
