"""Tells all that the device's certificate says."""

from berth_sdk import Decision, Request, Twin


def allocate(request: Request) -> Decision:
    decision = Decision.to(request.hubs().first())
    facts = request.certificate
    if facts is None:
        return decision.because("no-certificate")
    names = [
        f"{type(name).__name__.removeprefix('AlternativeName').lower()} {name.value}"
        for name in facts.subject_alternative_names
    ]
    twin = Twin().tag("subjectAlternativeNames", names)
    for name in ("subject", "issuer"):
        twin.tag(name, getattr(facts, name)).tag(f"{name}CommonName", getattr(facts, f"{name}_common_name"))
    twin.tag("serialNumber", facts.serial_number).tag("notBefore", facts.not_before).tag("notAfter", facts.not_after)
    twin.tag("sha1Thumbprint", facts.sha1_thumbprint).tag("sha256Thumbprint", facts.sha256_thumbprint)
    return decision.twin(twin)
