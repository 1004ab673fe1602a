/* One device asks for a hub, and what is decided on it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* ---- Memory and texts ---- */

void *berth_alloc(size_t size) {
  void *memory = malloc(size);
  if (memory == NULL) berth_fault("no memory for %lu bytes", (unsigned long)size);
  return memory;
}

const char *berth_copy(const char *text, size_t length) {
  char *copy = berth_alloc(length + 1);
  memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}

const char *berth_join(const char *first, const char *second, const char *third) {
  size_t one = strlen(first), two = strlen(second), three = strlen(third);
  char *joined = berth_alloc(one + two + three + 1);
  memcpy(joined, first, one);
  memcpy(joined + one, second, two);
  memcpy(joined + one + two, third, three + 1);
  return joined;
}

const char *berth_format(const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  char *text = berth_alloc((size_t)length + 1);
  vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return text;
}

/* ---- The request ---- */

berth_request *berth_new_request(berth_facts facts) {
  berth_request *request = berth_alloc(sizeof *request);
  memset(request, 0, sizeof *request);
  request->facts = facts;
  request->tags = berth_object();
  request->desired = berth_object();
  if (facts.payload == NULL) return request;
  const berth_json *sent = berth_parse(facts.payload);
  request->payload_parsed = sent != NULL;
  /* Only objects and arrays are opened: a device that sends the string "12" means a string. */
  const char *text = berth_text(sent);
  const char *inner = text == NULL ? "" : text + strspn(text, " \t\r\n");
  const berth_json *opened = *inner == '{' || *inner == '[' ? berth_parse(inner) : NULL;
  request->payload = opened != NULL ? opened : berth_kind_of(sent) == BERTH_NULL ? NULL : sent;
  return request;
}

const char *berth_registration_id(const berth_request *request) { return request->facts.registration_id; }

bool berth_is_first(const berth_request *request) { return request->facts.current_hub == NULL; }

bool berth_is_pinned(const berth_request *request) { return request->facts.pinned; }

const char *berth_current_hub(const berth_request *request) { return request->facts.current_hub; }

const char *berth_keep_current_hub(const berth_request *request) {
  const char *current = request->facts.current_hub;
  for (size_t i = 0; current != NULL && i < request->facts.hub_count; i++) {
    if (berth_hub_matches(request->facts.hubs[i], current)) return request->facts.hubs[i];
  }
  return NULL;
}

const char *berth_group(const berth_request *request) { return request->facts.group; }

const berth_json *berth_enrollment(const berth_request *request) { return berth_parse(request->facts.enrollment); }

const berth_json *berth_runtime_context(const berth_request *request) {
  return berth_parse(request->facts.runtime_context);
}

const berth_certificate *berth_certificate_of(const berth_request *request) { return request->facts.certificate; }

const berth_json *berth_payload(const berth_request *request) { return request->payload; }

const berth_json *berth_payload_find(const berth_request *request, const char *path) {
  return berth_walk(request->payload, path);
}

static void wrong_type(berth_request *request, const char *path, const berth_json *found, const char *wanted) {
  const char *what = *path == 0 ? "the payload" : berth_join("`", path, "` in the payload");
  berth_refuse(request, BERTH_REJECTED, berth_join(what, " is ", berth_join(berth_describe(found), ", not ", wanted)));
}

/* What there is where a path leads to nothing: a misspelt member is found by those that are there. */
static const char *instead_of(const berth_request *request, const char *path) {
  enum { MOST_NAMES = 10 };
  const char *what = "it";
  const berth_json *found = request->payload;
  for (const char *end = strchr(path, '.'); end != NULL; end = strchr(end + 1, '.')) {
    const char *above = berth_copy(path, (size_t)(end - path));
    const berth_json *there = berth_payload_find(request, above);
    if (there == NULL) break;
    what = berth_join("`", above, "`");
    found = there;
  }
  if (berth_kind_of(found) == BERTH_ARRAY) {
    char count[24];
    snprintf(count, sizeof count, "%lu", (unsigned long)berth_count(found));
    return berth_join("; ", what, berth_join(" is an array of ", count, ""));
  }
  if (berth_kind_of(found) != BERTH_OBJECT) return berth_join("; ", what, berth_join(" is ", berth_describe(found), ""));
  const char *names = "";
  size_t count = 0;
  for (size_t i = 0; i < berth_count(found) && count <= MOST_NAMES; i++) {
    if (berth_kind_of(berth_element(found, i)) == BERTH_NULL) continue;
    const char *name = berth_join("`", berth_name(found, i), "`");
    names = berth_join(names, count == 0 ? "" : ", ", count == MOST_NAMES ? "…" : name);
    count++;
  }
  return count == 0 ? "" : berth_join("; ", what, berth_join(" has ", names, ""));
}

/* What is at a path; NULL once the request is refused for the lack of it. */
static const berth_json *require(berth_request *request, const char *path) {
  berth_kind kind = berth_kind_of(request->payload);
  if (request->facts.payload != NULL && !request->payload_parsed) {
    berth_refuse(request, BERTH_REJECTED, "the payload is not JSON");
  } else if (kind == BERTH_NULL) {
    berth_refuse(request, BERTH_REJECTED, "the device sent no payload");
  } else if (*path != 0 && kind != BERTH_OBJECT && kind != BERTH_ARRAY) {
    wrong_type(request, "", request->payload, "an object");
  } else {
    const berth_json *found = berth_payload_find(request, path);
    if (found == NULL) {
      berth_refuse(request, BERTH_REJECTED,
                   berth_join("the payload has no `", path, berth_join("`", instead_of(request, path), "")));
    }
    return found;
  }
  return NULL;
}

const char *berth_payload_string(berth_request *request, const char *path) {
  const berth_json *value = require(request, path);
  if (value == NULL) return "";
  if (berth_text(value) != NULL) return berth_text(value);
  wrong_type(request, path, value, "a string");
  return "";
}

int64_t berth_payload_integer(berth_request *request, const char *path) {
  const berth_json *value = require(request, path);
  int64_t integer = 0;
  if (value != NULL && !berth_as_integer(value, &integer)) wrong_type(request, path, value, "a whole number of 64 bits");
  return integer;
}

double berth_payload_number(berth_request *request, const char *path) {
  const berth_json *value = require(request, path);
  if (value == NULL) return 0;
  if (berth_kind_of(value) == BERTH_NUMBER) return berth_as_double(value);
  wrong_type(request, path, value, "a number");
  return 0;
}

bool berth_payload_boolean(berth_request *request, const char *path) {
  const berth_json *value = require(request, path);
  if (value == NULL) return false;
  if (berth_kind_of(value) == BERTH_BOOLEAN) return strcmp(berth_write(value), "true") == 0;
  wrong_type(request, path, value, "a boolean");
  return false;
}

const char *berth_model_id(berth_request *request) {
  bool older = berth_payload_find(request, "modelId") == NULL && berth_payload_find(request, "iotcModelId") != NULL;
  return berth_payload_string(request, older ? "iotcModelId" : "modelId");
}

/* ---- The answer ---- */

bool berth_refused(const berth_request *request) { return request->outcome >= BERTH_REJECTED; }

void berth_refuse(berth_request *request, berth_outcome outcome, const char *message) {
  if (berth_refused(request)) return;
  request->outcome = outcome;
  request->message = message;
  request->after_seconds = -1;
}

void berth_reject(berth_request *request, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  berth_refuse(request, BERTH_REJECTED, berth_format(format, arguments));
  va_end(arguments);
}

void berth_retry_later(berth_request *request, int64_t after_seconds, const char *format, ...) {
  if (after_seconds > UINT32_MAX) berth_fault("%lld seconds are too long a wait", (long long)after_seconds);
  bool refused = berth_refused(request);
  va_list arguments;
  va_start(arguments, format);
  berth_refuse(request, BERTH_RETRY, berth_format(format, arguments));
  va_end(arguments);
  if (!refused) request->after_seconds = after_seconds;
}

void berth_decide(berth_request *request, const char *hub) {
  if (hub == NULL) berth_fault("berth_decide wants a hub, not NULL");
  if (berth_refused(request)) return;
  request->outcome = BERTH_DECIDED;
  request->hub = hub;
}

void berth_tag(berth_request *request, const char *name, const berth_json *value) {
  request->has_twin = true;
  berth_set(request->tags, name, value);
}

void berth_desired(berth_request *request, const char *name, const berth_json *value) {
  request->has_twin = true;
  berth_set(request->desired, name, value);
}

void berth_with_tags(berth_request *request, const berth_json *members) {
  request->has_twin = true;
  for (size_t i = 0; i < berth_count(members); i++) berth_tag(request, berth_name(members, i), berth_element(members, i));
}

void berth_with_desired(berth_request *request, const berth_json *members) {
  request->has_twin = true;
  for (size_t i = 0; i < berth_count(members); i++) berth_desired(request, berth_name(members, i), berth_element(members, i));
}

void berth_reply(berth_request *request, const berth_json *members) {
  if (berth_kind_of(members) != BERTH_OBJECT) {
    berth_fault("the payload of a decision must be a JSON object, not %s", berth_describe(members));
  }
  request->reply = members;
}

void berth_because(berth_request *request, const char *reason) {
  const char **reasons = berth_alloc((request->reason_count + 1) * sizeof *reasons);
  if (request->reason_count > 0) memcpy(reasons, request->reasons, request->reason_count * sizeof *reasons);
  reasons[request->reason_count++] = reason;
  request->reasons = reasons;
}

/* ---- The host ---- */

const berth_json *berth_settings(berth_request *request) {
  const berth_json *settings = berth_parse(berth_host_settings());
  if (settings == NULL) berth_refuse(request, BERTH_RETRY, "the settings do not fit: they are not JSON");
  return settings;
}

const berth_json *berth_lookup(berth_request *request, const char *table, const char *key) {
  const char *row = NULL, *problem = NULL, *where = "";
  switch (berth_host_lookup(table, key, &row)) {
    case BERTH_FOUND: return berth_parse(row);
    case BERTH_NO_KEY: return NULL;
    case BERTH_NO_TABLE:
      problem = "`: the policy has no such table: put it at tables/";
      where = berth_join(table, berth_join(".csv or tables/", table, ".json"), "");
      break;
    case BERTH_TOO_MANY: problem = "`: the decision has used up its look-ups"; break;
  }
  berth_refuse(request, BERTH_RETRY, berth_join("table `", table, berth_join(problem, where, "")));
  return NULL;
}

void berth_log(berth_level level, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  berth_host_log(level, berth_format(format, arguments));
  va_end(arguments);
}

/* Berth knows the line by its first word, and keeps it however full the log is. No memory is asked for: there may be none. */
void berth_fault_at(const char *file, int line, const char *format, ...) {
  static char text[1024];
  int length = snprintf(text, sizeof text, "panicked at %s:%d: ", file, line);
  va_list arguments;
  va_start(arguments, format);
  if (length > 0 && (size_t)length < sizeof text) vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
  va_end(arguments);
  berth_host_log(BERTH_ERROR, text);
  berth_host_trap();
}
