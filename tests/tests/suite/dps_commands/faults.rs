//! `berth dps fault`.

use berth_tests::local_dps::{Ended, LocalDps, Setup};
use serde_json::{Value, json};

use super::need_a_local_dps;
use crate::devices::world::{CLIMATE, GROUP_KEY, PHONES, by_model_url, group, serving};

async fn fault(dps: &LocalDps, arguments: &[&str]) -> Ended {
    dps.berth(&[&["dps", "fault"], arguments].concat()).await
}

/// How a device fares that the policy sends to the hub for phones.
async fn registers(dps: &LocalDps) -> Value {
    let device = ["--registration-id", "phone", "--group-key", GROUP_KEY, "--retry-for", "0", "--json"];
    dps.register(&[&device[..], &["--model-id", "dtmi:azureiot:PhoneAsADevice;2"]].concat()).await.json()
}

#[tokio::test]
async fn dps_fault_tells_what_is_on_and_does_it() {
    let dps = serving([group("all", &by_model_url())]).await;
    assert_eq!(fault(&dps, &["show"]).await.printed(), "no faults\n");
    for (arguments, told, json, code) in [
        (&["webhook-down"][..], "no webhook can be reached\n", json!({"webhook": "down"}), json!(400_207)),
        (
            &["webhook-status", "404"],
            "every webhook answers 404\n",
            json!({"webhook": {"status": 404}}),
            json!(400_207),
        ),
        (
            &["webhook-status", "401"],
            "every webhook answers 401\n",
            json!({"webhook": {"status": 401}}),
            json!(400_209),
        ),
        (
            &["webhook-garbage"],
            "every webhook answers 200 with something that is not JSON\n",
            json!({"webhook": "garbage"}),
            json!(400_207),
        ),
        (
            &["webhook-slow", "1"],
            "every webhook is called only after 1 ms\n",
            json!({"webhook": {"slow": 1}}),
            Value::Null,
        ),
        (&["throttle"], "every registration is answered with 429001\n", json!({"throttled": true}), json!(429_001)),
        (
            &["unlink", PHONES],
            &format!("the link to {PHONES} is broken\n"),
            json!({"unlinked": [PHONES]}),
            json!(401_002),
        ),
    ] {
        assert_eq!(fault(&dps, arguments).await.printed(), told);
        assert_eq!(fault(&dps, &["show", "--json"]).await.json(), json);
        let ended = registers(&dps).await;
        assert_eq!(ended["errorCode"], code, "{arguments:?}: {ended}");
        assert_eq!(fault(&dps, &["clear"]).await.printed(), "no faults\n");
        assert_eq!(registers(&dps).await["assignedHub"], PHONES);
    }
}

/// A webhook that is slower than it may be has not answered, and is asked again as one that is down.
#[tokio::test]
async fn dps_fault_makes_a_webhook_too_slow() {
    let dps = Setup::new().webhook_timeout_ms(20).enrollment(group("all", &by_model_url())).start().await;
    assert_eq!(fault(&dps, &["webhook-slow", "60000"]).await.code, Some(0));
    assert_eq!(registers(&dps).await["errorCode"], 400_207);
    let trace = dps.berth(&["dps", "trace", "phone"]).await;
    assert_eq!(trace.printed().matches("no answer within 20 ms").count(), 11, "{}", trace.stdout);
}

/// Faults of different kinds are on together; of those of a webhook, the last.
#[tokio::test]
async fn dps_fault_adds_one_to_another() {
    let dps = serving([]).await;
    for arguments in [
        &["webhook-down"][..],
        &["throttle"],
        &["webhook-garbage"],
        &["unlink", PHONES],
        &["unlink", CLIMATE[0]],
        &["unlink", &PHONES.to_uppercase()],
    ] {
        assert_eq!(fault(&dps, arguments).await.code, Some(0));
    }
    let told = format!(
        "every webhook answers 200 with something that is not JSON\nevery registration is answered with 429001\n\
         the link to {PHONES} is broken\nthe link to {} is broken\n",
        CLIMATE[0]
    );
    assert_eq!(fault(&dps, &["show"]).await.printed(), told);
    assert_eq!(fault(&dps, &["clear", "--json"]).await.json(), json!({}));
}

#[tokio::test]
async fn dps_fault_takes_no_nonsense() {
    let dps = serving([]).await;
    for (arguments, said) in [
        (&["webhook-status", "99"][..], "100..=599"),
        (&["webhook-status", "teapot"], "teapot"),
        (&["webhook-slow", "-1"], "-1"),
        (&["webhook-slow"], "<MILLISECONDS>"),
        (&["unlink"], "<HUB>"),
        (&["set-fire"], "set-fire"),
    ] {
        fault(&dps, arguments).await.failed(2, &[said]);
    }
    let other = fault(&dps, &["unlink", "other.azure-devices.net"]).await;
    other.failed(1, &["other.azure-devices.net is not one of the hubs: ", CLIMATE[0], CLIMATE[1], PHONES]);
    assert_eq!(fault(&dps, &["show"]).await.printed(), "no faults\n");
    need_a_local_dps(&dps, &[&["fault", "show"], &["fault", "throttle"], &["fault", "clear"]]).await;
}
