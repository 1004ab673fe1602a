//! What can be wrong before and while a device registers: each is said with what to do next, and no key is repeated.

use berth_tests::{
    guests::{Guest, Reply},
    tls::Authority,
};
use serde_json::json;

use super::world::{CLIMATE, DEVICE_KEY, GROUP_KEY, by_key, custom, group, serving};

const DEVICE: [&str; 4] = ["--registration-id", "dev1", "--group-key", GROUP_KEY];

#[tokio::test]
async fn wrong_arguments_are_told_before_anything_is_begun() {
    let dps = serving([]).await;
    dps.write("text", "text");
    dps.write("empty.json", "[]");
    dps.write("broken.json", "{\"a\": {id}}");
    let fleet = ["--count", "3", "--registration-id", "d-{n}", "--group-key", GROUP_KEY];
    for (arguments, said) in [
        (&["--registration-id", "dev1"][..], "in one way"),
        (&["--registration-id", "dev1", "--group-key", GROUP_KEY, "--tpm", "t"], "in one way"),
        (&["--registration-id", "dev1", "--symmetric-key", "secret!"], "--symmetric-key"),
        (&["--group-key", GROUP_KEY], "--registration-id"),
        (&["--registration-id", "dev1", "--cert", "text"], "--key"),
        (&["--cert", "text", "--key", "text"], "text holds no certificate"),
        (&["--cert", "nothing", "--key", "text"], "nothing"),
        (&["--registration-id", "dev1", "--tpm", "text"], "text holds no software TPM"),
        (&["--registration-id", "dev1", "--tpm", "nothing"], "`berth device tpm nothing` makes one"),
        (&["--registration-id", "dev1", "--group-key", GROUP_KEY, "--payload", "{"], "--payload"),
        (&["--registration-id", "dev1", "--group-key", GROUP_KEY, "--payload", "nothing"], "nothing"),
        (&["--registration-id", "dev1", "--group-key", GROUP_KEY, "--payload", "text"], "text (--payload)"),
        (&["--registration-id", "dev1", "--group-key", GROUP_KEY, "--dps", "http://localhost"], "--dps"),
        (&["--registration-id", "dev1", "--group-key", GROUP_KEY, "--dps", "https://localhost/x"], "https, no path"),
        (&["--registration-id", "dev1", "--group-key", GROUP_KEY, "--ca", "text"], "text holds no certificate"),
        (&["--count", "3", "--registration-id", "dev1", "--group-key", GROUP_KEY], "{n}"),
        (&[&fleet[..], &["--payload-template", "empty.json"]].concat(), "empty.json"),
        (&[&fleet[..], &["--payload-template", "broken.json"]].concat(), "broken.json"),
        (&[&fleet[..], &["--payload-template", "nothing.json"]].concat(), "nothing.json"),
        (&[&fleet[..], &["--payload", "{\"number\":\"{n}\"}"]].concat(), "--payload-template FILE"),
        (&[&fleet[..], &["--payload", "broken.json"]].concat(), "--payload-template FILE"),
        (&[&fleet[..], &["--parallel", "0"]].concat(), "--parallel"),
        (&["--config", "config.toml", "--registration-id", "dev1"], "--registration-id"),
        (&["--config", "nothing.toml"], "nothing.toml"),
        (&["--config", "text", "--group-key", GROUP_KEY], "--group-key"),
    ] {
        let ended = dps.register(arguments).await;
        ended.failed(2, &[said]);
        assert!(!ended.stderr.contains("secret!") && !ended.stderr.contains(GROUP_KEY), "{}", ended.stderr);
    }
    assert!(dps.devices().await.is_empty());
    assert!(!dps.folder().join("nothing").exists(), "a TPM is made only where that is asked for");
}

#[tokio::test]
async fn who_is_not_there_or_not_trusted_is_named() {
    let dps = serving([]).await;
    dps.write("other.pem", &Authority::default().pem());
    let register = async |more: &[&str]| dps.register(&[&DEVICE[..], more].concat()).await;
    register(&["--ca", "other.pem"]).await.failed(1, &["not trusted", "--ca FILE", "authority.pem"]);
    // The port of the control listener is HTTP.
    let plain = dps.control_url().replace("http://", "https://");
    register(&["--dps", &plain]).await.failed(1, &["does not speak TLS", "listen.https"]);
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("https://{free}");
    register(&["--dps", &nobody, "--retry-for", "0"]).await.failed(1, &["no answer", "refused", "berth dps serve"]);
    register(&["--dps", "https://nowhere.invalid"]).await.failed(1, &["nowhere.invalid has no address"]);
}

#[tokio::test]
async fn what_the_dps_refuses_says_why() {
    let disabled =
        json!({"registrationId": "off", "attestation": by_key(DEVICE_KEY), "provisioningStatus": "disabled"});
    let dps = serving([disabled, group("all", "http://127.0.0.1:9/")]).await;
    let off = ["--registration-id", "off", "--symmetric-key", DEVICE_KEY];
    dps.register(&off).await.failed(1, &["off has no hub: disabled", "provisioningStatus"]);
    let wrong = ["--registration-id", "dev1", "--symmetric-key", DEVICE_KEY];
    let ended = dps.register(&wrong).await;
    ended.failed(1, &["refused: 401002 Unauthorized", "berth dps trace", "berth dps enrollment list"]);
    assert!(!ended.stderr.contains(DEVICE_KEY));
    dps.register(&[&DEVICE[..], &["--id-scope", "0neOther"]].concat()).await.failed(1, &["401002", "--id-scope"]);
    dps.register(&[&DEVICE[..], &["--payload", "[1]"]].concat()).await.failed(1, &["400012", "JSON object"]);
    let spaced = ["--registration-id", "a b", "--group-key", GROUP_KEY];
    dps.register(&spaced).await.failed(1, &["400004", "--registration-id"]);
    let json = dps.register(&[&wrong[..], &["--json"]].concat()).await;
    assert_eq!((json.code, &json.json()["errorCode"]), (Some(1), &json!(401_002)));
    assert_eq!(json.json()["status"], "failed");

    assert_eq!(dps.berth(&["dps", "fault", "throttle"]).await.code, Some(0));
    let throttled = dps.register(&[&DEVICE[..], &["--retry-for", "0"]].concat()).await;
    throttled.failed(1, &["429001", "--retry-for"]);
}

#[tokio::test]
async fn what_the_webhook_refuses_says_why() {
    let berth = crate::toasters().tenant("fabrikam").policy("elsewhere", Guest::answering(Reply::hub(CLIMATE[0])));
    let berth = berth_tests::Berth::serving(berth).await;
    let webhook = |path: &str| format!("http://{}/allocate/{path}", berth.webhook());
    let enrollment =
        |id: &str, path: &str| custom(json!({"registrationId": id, "attestation": by_key(DEVICE_KEY)}), &webhook(path));
    let dps = serving([
        enrollment("keyless", "contoso/toasters"),
        enrollment("nowhere", "fabrikam/nothing?code=fabrikam-primary"),
        enrollment("unlinked", "fabrikam/elsewhere?code=fabrikam-primary"),
    ])
    .await;
    let register = async |id: &str| dps.register(&["--registration-id", id, "--symmetric-key", DEVICE_KEY]).await;
    register("keyless").await.failed(1, &["400209", "?code=KEY"]);
    register("nowhere").await.failed(1, &["400207", "webhookUrl"]);
    assert_eq!(register("unlinked").await.code, Some(0));
    assert_eq!(dps.berth(&["dps", "fault", "unlink", CLIMATE[0]]).await.code, Some(0));
    register("unlinked").await.failed(1, &["401002", "mend the hub's link"]);
}
