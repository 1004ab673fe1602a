//! The admin listener: tokens that are nobody's or another's, names that lead elsewhere, and bodies that are no push.

use berth_tests::{Answer, Ask, Berth, Catalogue, Siege, api::push_body, bodies as sent, key, key_hash, tcp::Line};
use hyper::Method;
use serde_json::{Value, json};

use super::attacks;
use crate::{toasters, version};

const PLATFORM: &str = "platform-token-4711";
const CONTOSO: &str = "contoso-token-4712";
const FABRIKAM: &str = "fabrikam-token-4713";

/// Servers whose platform has the token [`PLATFORM`] (its digest is in the configuration).
static GUARDED: Siege = Siege::of(
    "[admin.tokens]\noperators = \"sha256:2aba69104f77ad0aa0a11c45666b2c51a2f31170e24c1b1dc707a7872579a61d\"\n",
    guarded,
);
/// Servers whose API is for whoever is on the machine.
static OPEN: Siege = Siege::of("", toasters);

fn guarded() -> Catalogue {
    Catalogue::new()
        .tenant("contoso")
        .token("pipeline", CONTOSO)
        .policy("p", version(1))
        .tenant("fabrikam")
        .token("people", FABRIKAM)
        .policy("q", version(2))
}

/// Every call of the API about a policy, by name.
fn call(berth: &Berth, name: &str, policy: &str) -> Ask {
    let below = |method: Method, below: &str| berth.calls(method, &format!("/api/v1/policies/{policy}{below}"));
    match name {
        "policy" => below(Method::GET, ""),
        "history" => below(Method::GET, "/history"),
        "push" => berth.push(policy, version(9)),
        "rollback" => berth.rollback(policy, None),
        "unpin" => below(Method::DELETE, "/pin"),
        other => panic!("there is no call {other}"),
    }
}

/// A call with this token is refused like this, and changes nothing.
fn refused(name: &'static str, token: &'static str, status: u16, code: &'static str) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        let ask = call(berth, name, "contoso/p");
        let ask = if token.is_empty() { ask } else { ask.token(token) };
        ask.await.is_error(status, code);
        unchanged(berth).await;
    }
}

async fn unchanged(berth: &Berth) {
    let answer = berth.asks("contoso/p").with(sent::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": 1 }));
    let history = call(berth, "history", "contoso/p").token(PLATFORM).await.json();
    assert_eq!(history["events"].as_array().unwrap().len(), 1, "{history}");
}

/// A request with this header in place of a proper token is nobody's.
fn nobody(header: &'static str, value: impl Into<String>) -> impl AsyncFnOnce(&Berth) {
    let value = value.into();
    async move |berth: &Berth| {
        berth.calls(Method::GET, "/api/v1/status").header(header, &value).await.is_error(401, "unauthorized");
        let log = berth.log().to_string();
        assert!(!log.contains("-token-47"), "a token is in the log");
    }
}

attacks! { GUARDED:
    slow_pushes_of_one_tenant_to_another => async |berth: &Berth| {
        let mut lines = Vec::new();
        for _ in 0..40 {
            let mut line = Line::to(berth.admin_address()).await.unwrap();
            line.say(format!(
                "PUT /api/v1/policies/contoso/p HTTP/1.1\r\nhost: b\r\nauthorization: bearer {CONTOSO}\r\n\
                 content-type: application/json\r\ncontent-length: 1000000\r\n\r\n{{"
            )).await;
            lines.push(line);
        }
        for token in [PLATFORM, FABRIKAM] {
            berth.rollback("fabrikam/q", None).token(token).await.is_error(409, "no-earlier-version");
            assert_eq!(berth.push("fabrikam/q", version(2)).token(token).await.status, 200);
        }
    };
    a_policy_without_a_token => refused("policy", "", 401, "unauthorized");
    a_history_without_a_token => refused("history", "", 401, "unauthorized");
    a_push_without_a_token => refused("push", "", 401, "unauthorized");
    a_rollback_without_a_token => refused("rollback", "", 401, "unauthorized");
    an_unpin_without_a_token => refused("unpin", "", 401, "unauthorized");
    a_policy_with_anothers_token => refused("policy", FABRIKAM, 403, "forbidden");
    a_history_with_anothers_token => refused("history", FABRIKAM, 403, "forbidden");
    a_push_with_anothers_token => refused("push", FABRIKAM, 403, "forbidden");
    a_rollback_with_anothers_token => refused("rollback", FABRIKAM, 403, "forbidden");
    an_unpin_with_anothers_token => refused("unpin", FABRIKAM, 403, "forbidden");
    a_policy_with_a_webhook_key => refused("policy", "contoso-primary", 401, "unauthorized");
    a_push_with_a_webhook_key => refused("push", "contoso-primary", 401, "unauthorized");
    a_status_with_anothers_token => async |berth: &Berth| {
        let status = berth.calls(Method::GET, "/api/v1/status").token(FABRIKAM).await.json();
        assert_eq!(status["policies"].as_array().unwrap().len(), 1, "{status}");
        assert_eq!(status["policies"][0]["policy"], "fabrikam/q");
    };
    a_token_at_the_webhook => async |berth: &Berth| {
        berth.asks("contoso/p").with(sent::first()).query(&format!("code={CONTOSO}")).await.is_error(401, "unauthorized");
    };
    a_token_that_is_empty => nobody("authorization", "Bearer ");
    a_token_without_its_scheme => nobody("authorization", CONTOSO);
    a_token_of_the_basic_scheme => nobody("authorization", format!("Basic {CONTOSO}"));
    a_token_that_is_its_own_hash => nobody("authorization", format!("Bearer {}", key_hash(CONTOSO)));
    a_token_of_12_thousand_bytes => nobody("authorization", format!("Bearer {}", "t".repeat(12_000)));
    a_token_in_capitals => nobody("authorization", format!("Bearer {}", CONTOSO.to_uppercase()));
    two_tokens_in_one_header => nobody("authorization", format!("Bearer {FABRIKAM},{CONTOSO}"));
    a_token_in_a_cookie => nobody("cookie", format!("authorization={CONTOSO}"));
    a_token_in_the_functions_header => nobody("x-functions-key", key("contoso"));
    a_token_in_the_query => async |berth: &Berth| {
        berth.calls(Method::GET, &format!("/api/v1/status?token={PLATFORM}&code={CONTOSO}")).await.is_error(401, "unauthorized");
    };
    a_forwarded_loopback => nobody("x-forwarded-for", "127.0.0.1");
    a_wrong_token_before_the_right_one => async |berth: &Berth| {
        berth.calls(Method::GET, "/api/v1/status").token("wrong").token(PLATFORM).await.is_error(401, "unauthorized");
    };
}

/// The sound push with this member changed or added.
fn with(member: &str, value: Value) -> Value {
    let mut body = push_body(&version(5).into());
    body[member] = value;
    body
}

/// A push of this body is malformed, and nothing of it is in the catalogue.
fn malformed(body: impl ToString) -> impl AsyncFnOnce(&Berth) {
    let body = body.to_string();
    async move |berth: &Berth| {
        let ask =
            berth.calls(Method::PUT, "/api/v1/policies/contoso/pushed").header("content-type", "application/json");
        ask.with(body).await.is_error(400, "malformed-request");
        assert!(!berth.files("contoso/pushed").path().exists());
    }
}

/// A push of this body is refused at this stage.
fn at_stage(body: Value, stage: &'static str) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        let answer: Answer = berth.changes(Method::PUT, "contoso/pushed", "", &body).await;
        let message = answer.is_error(422, "refused");
        assert!(message.starts_with(&format!("refused at the stage {stage}: ")), "{message}");
        assert!(!berth.files("contoso/pushed").path().exists());
    }
}

/// A sound push to this path, as it stands, fails like this.
fn pushed_to(path: &'static str, status: u16, code: &'static str) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        let body = push_body(&version(5).into()).to_string();
        let before = berth.status().await["policies"].as_array().unwrap().len();
        let ask = berth.calls(Method::PUT, path).header("content-type", "application/json");
        let answer = ask.with(body).await;
        if code.is_empty() {
            assert_eq!(answer.status, status, "{}", answer.text());
        } else {
            answer.is_error(status, code);
        }
        assert_eq!(berth.status().await["policies"].as_array().unwrap().len(), before);
    }
}

/// A call by a method that the path does not know.
fn by(method: Method, path: &'static str) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        assert_eq!(berth.calls(method, path).await.status, 405);
    }
}

/// Bytes on the admin listener.
fn heard(bytes: impl Into<Vec<u8>>, start: &'static str) -> impl AsyncFnOnce(&Berth) {
    let bytes = bytes.into();
    async move |berth: &Berth| {
        let mut line = Line::to(berth.admin_address()).await.unwrap();
        line.say(&bytes).await;
        let heard = String::from_utf8_lossy(&line.hear().await).into_owned();
        assert!(heard.starts_with(start), "{heard}");
    }
}

attacks! { OPEN:
    a_name_that_was_made_to_lead_here => async |berth: &Berth| {
        let mut line = Line::to(berth.admin_address()).await.unwrap();
        line.say("GET /api/v1/status HTTP/1.1\r\nhost: berth.example:7072\r\nconnection: close\r\n\r\n").await;
        line.answer().await.is_error(421, "misdirected");
        assert_eq!(berth.admin("/api/v1/status").await.status, 200);
    };
    a_push_of_nothing => malformed("");
    a_push_of_null => malformed("null");
    a_push_of_an_array => malformed("[]");
    a_push_without_a_component => malformed("{}");
    a_push_cut_short => malformed("{\"component\":\"AGFz");
    a_push_of_levels_without_end => malformed("[".repeat(100_000));
    a_push_with_a_member_nobody_knows => malformed(with("run", json!("rm -rf /")));
    a_push_with_a_member_twice => malformed(with("manifest", json!("")).to_string().replacen('{', "{\"manifest\":\"\",", 1));
    a_push_of_a_component_that_is_no_base64 => malformed(with("component", json!("????")));
    a_push_of_a_component_in_url_base64 => malformed(with("component", json!("_-_-")));
    a_push_of_a_component_that_is_an_array => malformed(with("component", json!([0, 97, 115, 109])));
    a_push_of_a_manifest_that_is_a_table => malformed(with("manifest", json!({ "limits": {} })));
    a_push_of_a_manifest_of_two_mebibytes => at_stage(with("manifest", json!("#".repeat(2 << 20))), "size");
    a_push_of_a_check_that_climbs => malformed(with("checks", json!({ "../../escaped.json": "{}" })));
    a_push_of_a_check_at_the_root => malformed(with("checks", json!({ "/tmp/escaped.json": "{}" })));
    a_push_of_a_check_with_a_nul => malformed(with("checks", json!({ "a\0.json": "{}" })));
    a_push_of_a_check_with_a_line => malformed(with("checks", json!({ "a\n.json": "{}" })));
    a_push_of_a_check_that_hides => malformed(with("checks", json!({ ".git.json": "{}" })));
    a_push_of_a_check_without_a_name => malformed(with("checks", json!({ "": "{}" })));
    a_push_of_a_check_with_a_long_name => malformed(with("checks", json!({ format!("{}.json", "n".repeat(300)): "{}" })));
    a_push_of_a_check_that_is_a_script => malformed(with("checks", json!({ "a.sh": "{}" })));
    a_push_of_a_table_that_climbs => malformed(with("tables", json!({ "..\\..\\t.csv": "" })));
    a_push_of_a_table_that_is_no_base64 => malformed(with("tables", json!({ "t.csv": "k,v" })));
    a_push_of_ten_thousand_checks => at_stage(with("checks", (0..10_000).map(|n| (format!("c{n}.json"), json!("{}"))).collect::<serde_json::Map<_, _>>().into()), "size");
    a_push_of_an_empty_component => at_stage(with("component", json!("")), "compile");
    a_push_of_a_zip => at_stage(with("component", json!("UEsDBBQAAAAIAAAAAAAAAAAAAAAAAAAAAAA=")), "compile");
    a_push_of_forty_mebibytes_of_nothing => at_stage(with("component", json!("A".repeat(40 << 20))), "compile");
    a_push_of_a_broken_manifest => at_stage(with("manifest", json!("[[[[")), "manifest");
    a_push_of_a_broken_table => at_stage(with("tables", json!({ "t.json": "W10=" })), "tables");
    a_push_of_two_tables_of_one_name => at_stage(with("tables", json!({ "t.json": "e30=", "t.csv": "" })), "tables");
    a_push_of_a_broken_check => at_stage(with("checks", json!({ "c.json": "[" })), "checks");
    a_push_that_is_no_json => async |berth: &Berth| {
        let ask = berth.calls(Method::PUT, "/api/v1/policies/contoso/pushed").with("{}");
        ask.await.is_error(400, "malformed-request");
    };
    a_push_of_a_terabyte => async |berth: &Berth| {
        let mut line = Line::to(berth.admin_address()).await.unwrap();
        line.say("PUT /api/v1/policies/contoso/p HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 1099511627776\r\n\r\n{").await;
        line.answer().await.is_error(413, "body-too-large");
    };
    a_push_into_a_tenant_that_is_not_there => pushed_to("/api/v1/policies/nobody/p", 404, "not-found");
    a_push_that_climbs => pushed_to("/api/v1/policies/contoso/..", 400, "malformed-request");
    a_push_that_climbs_encoded => pushed_to("/api/v1/policies/..%2f..%2fetc/passwd", 400, "malformed-request");
    a_push_into_a_hidden_folder => pushed_to("/api/v1/policies/contoso/.berth-x", 400, "malformed-request");
    a_push_into_a_name_with_a_nul => pushed_to("/api/v1/policies/contoso/a%00", 400, "malformed-request");
    a_push_into_a_name_that_is_no_utf8 => pushed_to("/api/v1/policies/contoso/%ff", 400, "malformed-request");
    a_push_into_a_name_of_capitals => pushed_to("/api/v1/policies/contoso/P", 400, "malformed-request");
    a_push_into_a_name_of_64_letters => pushed_to("/api/v1/policies/contoso/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 400, "malformed-request");
    a_push_into_a_path_too_deep => pushed_to("/api/v1/policies/contoso/a/b", 404, "");
    a_push_to_the_webhook => async |berth: &Berth| {
        berth.posts("/api/v1/policies/contoso/p").by(Method::PUT).with("{}").await.is_error(404, "not-found");
    };
    a_rollback_to_a_version_that_is_none => async |berth: &Berth| {
        for version in ["", "latest", "../../key", "sha256:zz"] {
            berth.rollback("contoso/toasters", Some(version)).await.is_error(400, "malformed-request");
        }
    };
    a_history_of_a_negative_length => async |berth: &Berth| {
        let history = |limit: &str| berth.calls(Method::GET, &format!("/api/v1/policies/contoso/toasters/history?limit={limit}"));
        history("-1").await.is_error(400, "malformed-request");
        history("99999999999999999999999").await.is_error(400, "malformed-request");
        assert_eq!(history("18446744073709551615").await.status, 200);
    };
    a_status_by_post => by(Method::POST, "/api/v1/status");
    a_policy_by_delete => by(Method::DELETE, "/api/v1/policies/contoso/toasters");
    a_policy_by_patch => by(Method::PATCH, "/api/v1/policies/contoso/toasters");
    a_rollback_by_get => by(Method::GET, "/api/v1/policies/contoso/toasters/rollback");
    an_unpin_by_get => by(Method::GET, "/api/v1/policies/contoso/toasters/pin");
    a_probe_by_delete => by(Method::DELETE, "/livez");
    tls_on_the_admin_port => heard(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), "HTTP/1.1 400 ");
    http_2_on_the_admin_port => heard("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "");
    ten_thousand_headers_for_the_admin_port => heard(format!("GET /livez HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000)), "HTTP/1.1 431 ");
    two_lengths_for_the_admin_port => heard("GET /livez HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "HTTP/1.1 400 ");
    silent_connections_of_many_to_the_admin_port => async |berth: &Berth| {
        let mut sockets = Vec::new();
        for peer in 2..10 {
            for _ in 0..48 {
                let socket = tokio::net::TcpSocket::new_v4().unwrap();
                socket.bind(std::net::SocketAddr::from(([127, 0, 0, peer], 0))).unwrap();
                sockets.push(socket.connect(berth.admin_address()).await.unwrap());
            }
        }
        assert_eq!(berth.admin("/livez").await.status, 200);
    };
    forty_silent_connections_to_the_admin_port => async |berth: &Berth| {
        let mut lines = Vec::new();
        for _ in 0..40 {
            lines.push(Line::to(berth.admin_address()).await.unwrap());
        }
        assert_eq!(berth.admin("/livez").await.status, 200);
    };
}
