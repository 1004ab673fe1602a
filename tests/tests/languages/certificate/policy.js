// Tells all that the device's certificate says.

import { Decision, Twin } from "berth-sdk";

export function allocate(request) {
  const decision = Decision.to(request.hubs().first());
  const facts = request.certificate;
  if (facts === null) return decision.because("no-certificate");
  const subjectAlternativeNames = facts.subjectAlternativeNames.map(({ tag, val }) => `${tag} ${val}`);
  return decision.twin(new Twin().withTags({ ...facts, subjectAlternativeNames }));
}
