// Tells all that the device's certificate says.

import { Decision, Twin, type CertificateFacts, type Request } from "berth-sdk";

export function allocate(request: Request): Decision {
  const decision = Decision.to(request.hubs().first());
  const facts: CertificateFacts | null = request.certificate;
  if (facts === null) return decision.because("no-certificate");
  const subjectAlternativeNames = facts.subjectAlternativeNames.map(({ tag, val }) => `${tag} ${val}`);
  return decision.twin(new Twin().withTags({ ...facts, subjectAlternativeNames }));
}
