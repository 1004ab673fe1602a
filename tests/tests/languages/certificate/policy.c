/* Tells all that the device's certificate says. */
#include <stdio.h>

#include "berth.h"

void allocate(berth_request *request) {
  const berth_certificate *facts = berth_certificate_of(request);
  berth_decide(request, berth_first(berth_hubs_of(request)));
  if (facts == NULL) {
    berth_because(request, "no-certificate");
    return;
  }
  berth_json *names = berth_array();
  for (size_t i = 0; i < facts->alternative_name_count; i++) {
    char name[256];
    snprintf(name, sizeof name, "%s %s", facts->alternative_names[i].kind, facts->alternative_names[i].value);
    berth_push(names, berth_string(name));
  }
  berth_tag(request, "subjectAlternativeNames", names);
  berth_tag(request, "subject", berth_string(facts->subject));
  berth_tag(request, "subjectCommonName", berth_string(facts->subject_common_name));
  berth_tag(request, "issuer", berth_string(facts->issuer));
  berth_tag(request, "issuerCommonName", berth_string(facts->issuer_common_name));
  berth_tag(request, "serialNumber", berth_string(facts->serial_number));
  berth_tag(request, "notBefore", berth_string(facts->not_before));
  berth_tag(request, "notAfter", berth_string(facts->not_after));
  berth_tag(request, "sha1Thumbprint", berth_string(facts->sha1_thumbprint));
  berth_tag(request, "sha256Thumbprint", berth_string(facts->sha256_thumbprint));
}
