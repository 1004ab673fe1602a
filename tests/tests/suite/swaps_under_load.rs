//! A swap while requests flow loses none of them, and each is answered by the old version or the new.

use std::sync::atomic::{AtomicU32, Ordering};

use berth_tests::{Berth, Catalogue, bodies};

use crate::version;

/// Versions deployed one after the other.
const SWAPS: u32 = 12;

/// Connections that ask without a pause.
const CONNECTIONS: usize = 6;

/// Every answer on every connection is a decision of a version that serves at that moment: never an older one than the
/// newest that was known to serve when the request was made, never one that is still to come.
#[tokio::test]
async fn no_request_is_lost() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await;
    // The version known to serve, and the one that is being deployed.
    let (serving, deployed) = (AtomicU32::new(1), AtomicU32::new(1));
    let load = async || {
        let mut connection = berth.connection().await;
        let mut asked = 0_u32;
        while serving.load(Ordering::Relaxed) < SWAPS {
            let oldest = serving.load(Ordering::Relaxed);
            let answer = connection.asks(berth.asks("contoso/p").with(bodies::first())).await;
            let newest = deployed.load(Ordering::Relaxed);
            assert_eq!(answer.status, 200, "{}", answer.text());
            let version = answer.json()["payload"]["version"].as_u64().unwrap();
            assert!((oldest.into()..=newest.into()).contains(&version), "{version} not in {oldest}..={newest}");
            asked += 1;
        }
        asked
    };
    let swaps = async {
        for number in 2..=SWAPS {
            deployed.store(number, Ordering::Relaxed);
            let component = version(number).component();
            if number % 2 == 0 {
                berth.files("contoso/p").replace("policy.wasm", component);
            } else {
                berth.files("contoso/p").overwrite("policy.wasm", component);
            }
            berth.serves("contoso/p").await;
            serving.store(number, Ordering::Relaxed);
        }
        0
    };
    let loads = (0..CONNECTIONS).map(|_| load());
    let (_, asked) = tokio::join!(swaps, all(loads));
    assert!(asked.iter().all(|asked| *asked > 0), "{asked:?}");
    let lines = berth.log().lines(0..berth.log().len());
    assert!(!lines.iter().any(|line| line.text("level") == "ERROR"), "{}", berth.log());
}

/// Awaits all of these at the same time.
async fn all<F: Future<Output = u32>>(futures: impl Iterator<Item = F>) -> Vec<u32> {
    let mut pinned: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut pinned {
            if output.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        match pinned.iter().map(|(_, output)| *output).collect::<Option<Vec<u32>>>() {
            Some(outputs) => std::task::Poll::Ready(outputs),
            None => std::task::Poll::Pending,
        }
    })
    .await
}
