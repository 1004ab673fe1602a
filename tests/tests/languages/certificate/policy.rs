//! Tells all that the device's certificate says.

use berth_sdk::{Decision, Refusal, Request, Twin, contract::AlternativeName};

berth_sdk::policy!(allocate);

fn allocate(request: &Request) -> Result<Decision, Refusal> {
    let hub = request.hubs().first()?;
    let Some(facts) = request.certificate() else {
        return Ok(Decision::to(hub).because("no-certificate"));
    };
    let names: Vec<String> = facts
        .subject_alternative_names
        .iter()
        .map(|name| match name {
            AlternativeName::Dns(name) => format!("dns {name}"),
            AlternativeName::Uri(name) => format!("uri {name}"),
            AlternativeName::Email(name) => format!("email {name}"),
            AlternativeName::Ip(name) => format!("ip {name}"),
        })
        .collect();
    let twin = Twin::new()
        .tag("subject", facts.subject.clone())
        .tag("subjectCommonName", facts.subject_common_name.clone())
        .tag("issuer", facts.issuer.clone())
        .tag("issuerCommonName", facts.issuer_common_name.clone())
        .tag("subjectAlternativeNames", names)
        .tag("serialNumber", facts.serial_number.clone())
        .tag("notBefore", facts.not_before.clone())
        .tag("notAfter", facts.not_after.clone())
        .tag("sha1Thumbprint", facts.sha1_thumbprint.clone())
        .tag("sha256Thumbprint", facts.sha256_thumbprint.clone());
    Ok(Decision::to(hub).twin(twin))
}
