//! `docs/webhook.md`: what a caller of the webhook hears, from the table the server answers by.

use anyhow::{Context as _, ensure};
use berth::{config::Config, contract::Limits, webhook::Problem};

use super::{
    markdown::{code, table},
    source,
};

/// What the code alone does not say about each code: the cause, for people.
const CAUSES: &[(&str, &str)] = &[
    (
        "not-found",
        "There is no such path, or no such policy. A caller without the tenant's key hears the same whether or not there is such a tenant.",
    ),
    ("method-not-allowed", "The method is not `POST`."),
    ("unauthorized", "The key is missing, or is none of the tenant's."),
    (
        "body-too-large",
        "The body is longer than `webhook.max_body_bytes`. It is not read to its end, and the connection is closed.",
    ),
    ("body-too-slow", "The body did not arrive within `webhook.body_timeout_ms`. The connection is closed."),
    ("malformed-request", "The body is not an allocation request. The message says what is wrong with it."),
    (
        "over-quota",
        "The tenant has more requests under way, or makes more of them a second, than its [`[quotas]`](configuration.md#quotas-in-tenanttoml) allow.",
    ),
    ("over-capacity", "All places for decisions are taken, or the process that made this one is lost."),
    ("rejected", "The policy turns the device away. The message is the policy's."),
    ("retry-later", "The policy asks to come again. Message and `Retry-After` are the policy's, if it names a time."),
    (
        "policy-fault",
        "The policy failed, or no version of it could be loaded, and its [fallback](#fallbacks) has no other answer. The reason is in the log, under the request's id, and only there.",
    ),
];

/// The sources of the enums that the page lists.
pub(super) struct Sources {
    pub(super) faults: String,
    pub(super) fallbacks: String,
    pub(super) stages: String,
}

/// The reference of the webhook.
pub(super) fn reference(sources: &Sources) -> anyhow::Result<String> {
    let config = Config::default();
    let limits = Limits::default();
    let mut out = super::notice("`host/src/webhook/problem.rs`");
    out.push_str(&format!(
        "\
# The webhook

`POST /allocate/{{tenant}}/{{policy}}?code=KEY` at `{listen}` asks a policy where a device goes. Body and answer
are those of DPS's custom allocation.

## The key

DPS can only send a key in the query: give the enrollment the webhook URL with `?code=KEY`. The header
`x-functions-key: KEY` does the same for other callers; if both are there, the query counts. A tenant has a primary and a
secondary key, and either opens all of its policies: see [Configuration](configuration.md#how-a-key-is-made-and-hashed).

## The request

The body is DPS's allocation request. No header is needed, not even `content-type`. Members that nobody has heard of are
passed over and reach the policy within the parts that it gets as received.

- At most {body} bytes (`webhook.max_body_bytes`), to arrive within {time} ms (`webhook.body_timeout_ms`).
- One JSON object in UTF-8, at most {depth} levels deep (`limits.json_depth`), without half a surrogate pair.
- Exactly one of `individualEnrollment`, with its `registrationId`, and `enrollmentGroup`, with its `enrollmentGroupId`.
- `deviceRuntimeContext` with a `registrationId` and exactly one of `x509`, `symmetricKey` and `tpm`.
- `linkedHubs` with at least one name.

Anything else is a `malformed-request`, and so is a known member of the wrong type or one that occurs twice. Members that
DPS may leave out may be `null` as well.

The `payload` reaches the policy exactly as the device sent it: an object, an array, a number, or a string, even one that
holds JSON text. `null` is the same as no payload.

## The answer

A decision is status 200 with DPS's allocation response: `iotHubHostName`, spelled as in `linkedHubs`, and `initialTwin`
and `payload` if the policy gives them. It has at most {answer} bytes.

Every answer names its request in the header `x-request-id`, and every line of the log about the request has that id.

## Errors

The body of an error says what is wrong, to programs by a `code` that never changes and to people by a `message`:

```json
{{\"error\": {{\"code\": \"unauthorized\", \"message\": \"the key is missing or wrong: …\", \"requestId\": \"…\"}}}}
```

DPS reads the status and nothing else. What it makes of each is the last column.

",
        listen = config.webhook.listen,
        body = config.webhook.max_body_bytes,
        time = config.webhook.body_timeout_ms,
        depth = limits.json_depth,
        answer = limits.answer,
    ));
    out.push_str(&problems()?);
    out.push_str(
        "\
- **fails**: the device's registration fails with error 400207, \"Custom allocation failed with status code\" and the
  status. It has to register again.
- **fails: key**: the same with error 400209. It tells the operator that the key in the webhook's URL is wrong.
- **asks again**: the device waits. DPS asks ten times more, after a second first and nine seconds longer each time: about
  seven minutes in all. `Retry-After` is for other callers; DPS is not known to heed it.

Status 200 without a hub would be error 400208. Berth never answers so.

## Faults

What the log calls `fault`, next to the code `policy-fault`, or for `lost`, which is no policy's fault, `over-capacity`:

",
    );
    out.push_str(&words("fault", &sources.faults, "FaultKind")?);
    out.push_str(
        "\
## Fallbacks

What is answered in place of a fault, of whatever kind, is the policy's
[`[fallback]`](configuration.md#fallback-in-policytoml):

",
    );
    out.push_str(&words("fallback", &sources.fallbacks, "Fallback")?);
    out.push_str(
        "\
Where a fallback has no answer, it is as `retry`. A hub it gives is one of `linkedHubs`, without twin and payload. The
header `x-berth-fallback` names the fallback that answered, the log has it beside the fault, and the policy's status counts
the fault and the fallback. A policy that fails too often in a row is set aside for a while: its requests get the fallback
at once, until one that it is tried with succeeds.

## Verification

A policy's files are verified before they serve, stage by stage. The log's `stage` says where they failed:

",
    );
    out.push_str(&words("stage", &sources.stages, "Stage")?);
    Ok(out.trim_end().to_owned() + "\n")
}

fn problems() -> anyhow::Result<String> {
    let problems = Problem::every();
    let mut rows = Vec::new();
    for problem in &problems {
        let reply = problem.reply();
        let (_, cause) = CAUSES
            .iter()
            .find(|(code, _)| *code == reply.code)
            .with_context(|| format!("no cause is written for the code {}", reply.code))?;
        let retry = reply.retry_after.map(|seconds| format!("{seconds} s"));
        rows.push(vec![
            reply.status.as_u16().to_string(),
            code(reply.code),
            (*cause).to_owned(),
            retry.unwrap_or_default(),
            dps_reads(reply.status.as_u16()).to_owned(),
        ]);
    }
    ensure!(rows.len() == CAUSES.len(), "a cause is written for a code that is gone");
    Ok(table(&["status", "code", "cause", "`Retry-After`", "DPS"], rows))
}

/// What DPS makes of a status that is not 200.
fn dps_reads(status: u16) -> &'static str {
    match status {
        401 => "fails: key",
        429.. => "asks again",
        _ => "fails",
    }
}

fn words(what: &str, source: &str, name: &str) -> anyhow::Result<String> {
    let variants = source::variants(source, name)?;
    let rows = variants.iter().map(|variant| vec![code(&variant.word), variant.docs.clone()]);
    Ok(table(&[what, "meaning"], rows))
}
