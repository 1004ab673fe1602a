/* Berth's part in a unit test. Not compiled for WebAssembly. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../testing.h"
#include "internal.h"

static const char *settings = "{}", *lines = "";
static berth_json *tables;

static void start_over(void) {
  settings = "{}";
  lines = "";
  tables = berth_object();
}

static const char *const two_hubs[] = {"hub-a.azure-devices.net", "hub-b.azure-devices.net"};

berth_request *berth_test_request(const char *registration_id, const char *payload) {
  start_over();
  return berth_new_request((berth_facts){
      .registration_id = registration_id,
      .group = "devices",
      .payload = payload,
      .enrollment = "{\"enrollmentGroupId\":\"devices\",\"attestation\":{\"type\":\"symmetricKey\"}}",
      .runtime_context = "{}",
      .hubs = (const char **)two_hubs,
      .hub_count = 2,
  });
}

berth_request *berth_test_request_from_dps(const char *text) {
  start_over();
  const berth_json *body = berth_parse(text), *context = berth_member(body, "deviceRuntimeContext");
  const berth_json *group = berth_member(body, "enrollmentGroup"), *hubs = berth_member(body, "linkedHubs");
  const berth_json *enrollment = group != NULL ? group : berth_member(body, "individualEnrollment");
  if (enrollment == NULL || berth_count(hubs) == 0) return NULL;
  const berth_json *payload = berth_member(context, "payload");
  const berth_json *stays = berth_walk(enrollment, "reprovisionPolicy.updateHubAssignment");
  berth_facts facts = {
      .registration_id = berth_text(berth_member(context, "registrationId")),
      .current_hub = berth_text(berth_member(context, "currentIotHubHostName")),
      .group = berth_text(berth_member(group, "enrollmentGroupId")),
      .payload = berth_kind_of(payload) == BERTH_NULL ? NULL : berth_write(payload),
      .enrollment = berth_write(enrollment),
      .runtime_context = berth_write(context),
      .hubs = berth_alloc(berth_count(hubs) * sizeof *facts.hubs),
      .hub_count = berth_count(hubs),
  };
  facts.pinned = facts.current_hub != NULL && stays != NULL && strcmp(berth_write(stays), "false") == 0;
  for (size_t i = 0; i < facts.hub_count; i++) facts.hubs[i] = berth_text(berth_element(hubs, i));
  return berth_new_request(facts);
}

void berth_test_link(berth_request *request, const char *hub) {
  berth_facts *facts = &request->facts;
  size_t count = facts->hubs == (const char **)two_hubs ? 0 : facts->hub_count;
  const char **hubs = berth_alloc((count + 1) * sizeof *hubs);
  for (size_t i = 0; i < count; i++) hubs[i] = facts->hubs[i];
  hubs[count] = hub;
  facts->hubs = hubs;
  facts->hub_count = count + 1;
}

void berth_test_currently_at(berth_request *request, const char *hub) { request->facts.current_hub = hub; }

void berth_test_pinned_at(berth_request *request, const char *hub) {
  request->facts.current_hub = hub;
  request->facts.pinned = true;
}

void berth_test_certificate(berth_request *request, const berth_certificate *certificate) {
  request->facts.certificate = certificate;
}

void berth_test_settings(const char *text) { settings = text; }

void berth_test_table(const char *name, const char *rows) { berth_set(tables, name, berth_parse(rows)); }

const char *berth_test_log(void) { return lines; }

const char *berth_test_hub(const berth_request *request) { return request->outcome == BERTH_DECIDED ? request->hub : NULL; }

const berth_json *berth_test_tags(const berth_request *request) { return request->tags; }

const berth_json *berth_test_desired(const berth_request *request) { return request->desired; }

const berth_json *berth_test_reply(const berth_request *request) { return request->reply; }

const char *berth_test_reason(const berth_request *request, size_t index) {
  return index < request->reason_count ? request->reasons[index] : NULL;
}

const char *berth_test_refusal(const berth_request *request) { return berth_refused(request) ? request->message : NULL; }

bool berth_test_is_reject(const berth_request *request) { return request->outcome == BERTH_REJECTED; }

void berth_host_log(berth_level level, const char *message) {
  static const char *const words[] = {"debug: ", "info: ", "warn: ", "error: "};
  lines = berth_join(lines, berth_join(words[level], message, ""), "\n");
}

const char *berth_host_settings(void) { return settings; }

berth_found berth_host_lookup(const char *table, const char *key, const char **row) {
  const berth_json *rows = berth_member(tables, table);
  if (rows == NULL) return BERTH_NO_TABLE;
  const berth_json *found = berth_member(rows, key);
  if (found == NULL) return BERTH_NO_KEY;
  *row = berth_write(found);
  return BERTH_FOUND;
}

/* A fault ends the tests, as it would end the decision. */
void berth_host_trap(void) {
  fputs(lines, stderr);
  abort();
}
