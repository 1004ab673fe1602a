//! The commands of `berth dps`: what each does, prints and says when it cannot.

mod certificates;
mod enrollments;
mod faults;
mod looks;
mod serve;

use berth_tests::local_dps::LocalDps;

/// That each of these commands says where it looked in vain for a local DPS: where nobody is, and where somebody else is.
async fn need_a_local_dps(dps: &LocalDps, commands: &[&[&str]]) {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{free}");
    for command in commands {
        let arguments = [&["dps"][..], command].concat();
        let at = async |control: &str| dps.berth(&[&arguments[..], &["--control", control]].concat()).await;
        at(&nobody).await.failed(1, &["error: ", &format!("failed to reach {nobody}"), "berth dps serve", "--control"]);
        at("nowhere in particular").await.failed(1, &["error: ", "nowhere in particular", "--control"]);
    }
}
