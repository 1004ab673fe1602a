//! What the client certificate of a device says reaches a rule in every language, in the same words.

use berth_tests::bodies;
use serde_json::json;

use crate::asker::{Asker, C, GO, JAVASCRIPT, PYTHON, RUST, TYPESCRIPT};

#[test]
fn every_language_reads_the_same_certificate() {
    let rules = [
        (RUST, include_str!("certificate/policy.rs")),
        (JAVASCRIPT, include_str!("certificate/policy.js")),
        (TYPESCRIPT, include_str!("certificate/policy.ts")),
        (PYTHON, include_str!("certificate/policy.py")),
        (C, include_str!("certificate/policy.c")),
        (GO, include_str!("certificate/policy.go")),
    ];
    for (start, rule) in rules {
        let policy = Asker::build(start, rule);
        let report = policy.asked(bodies::individual_x509());
        let told = json!({
            "subject": "CN=press-17,O=Contoso",
            "subjectCommonName": "press-17",
            "issuer": "CN=press-17,O=Contoso",
            "issuerCommonName": "press-17",
            "subjectAlternativeNames": [
                "dns press-17.plant.example",
                "uri urn:example:press:17",
                "email presses@plant.example",
                "ip 192.0.2.17",
                "ip 2001:db8::17",
            ],
            "serialNumber": "1D0C5E",
            "notBefore": "2026-11-23T09:21:35Z",
            "notAfter": "2046-11-18T09:21:35Z",
            "sha1Thumbprint": "F0ECBAB47FE5A6E6231D2FB4233DD9CF262DA9C6",
            "sha256Thumbprint": "5C545A69BDF9A39CFDD156AE3C09E7F8D6992E0758C6D31F86AE2DEDD76F0166",
        });
        assert_eq!(report["response"]["initialTwin"]["tags"], told, "{start:?}: {report:#}");
        let report = policy.asked(bodies::first());
        assert_eq!(report["reasons"], json!(["no-certificate"]), "{start:?}: {report:#}");
    }
}
