/* Unit tests for policies, without WebAssembly: requests, a host with settings, tables and a log, and what was decided.
 *
 * Compile the policy with the SDK's sources but for src/component.c, and with src/testing.c, by any C compiler. Not for
 * checks: those are files beside the policy, which Berth runs against the component itself. */
#ifndef BERTH_TESTING_H
#define BERTH_TESTING_H

#include "berth.h"

/* A first registration with this payload (a JSON text, NULL for none), through the group `devices`, with the linked hubs
 * `hub-a.azure-devices.net` and `hub-b.azure-devices.net`. Starts over: the host has no settings, tables or log any more. */
berth_request *berth_test_request(const char *registration_id, const char *payload);
/* A request that DPS has made: the text of a webhook call's body. NULL if it is none. Starts over as well. */
berth_request *berth_test_request_from_dps(const char *body);
/* Links one more hub, the first in place of the two above. */
void berth_test_link(berth_request *request, const char *hub);
/* Lets the device have a hub already, from which it may move, or on which it has to stay. */
void berth_test_currently_at(berth_request *request, const char *hub);
void berth_test_pinned_at(berth_request *request, const char *hub);
/* Lets the device show a certificate that says this; NULL stands for one that cannot be parsed. */
void berth_test_certificate(berth_request *request, const berth_certificate *certificate);

/* Gives the policy settings, and a table of rows by key: JSON objects as text. */
void berth_test_settings(const char *settings);
void berth_test_table(const char *name, const char *rows);
/* What the policy has logged: a line for each, `warn: careful`. */
const char *berth_test_log(void);

/* What was decided: NULL, or nothing, if it was something else. */
const char *berth_test_hub(const berth_request *request);
const berth_json *berth_test_tags(const berth_request *request);
const berth_json *berth_test_desired(const berth_request *request);
const berth_json *berth_test_reply(const berth_request *request);
const char *berth_test_reason(const berth_request *request, size_t index);
/* Why it was refused, and whether for good. */
const char *berth_test_refusal(const berth_request *request);
bool berth_test_is_reject(const berth_request *request);

#endif
