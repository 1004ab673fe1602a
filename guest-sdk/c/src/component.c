/* From the component's exports to the policy's functions, and from the SDK to what Berth gives. Compiled for WebAssembly only. */
#include <string.h>

#include "../bindings/policy.h"
#include "internal.h"

/* A policy without a validator takes any settings. */
__attribute__((weak)) const char *validate_settings(const berth_json *settings) {
  (void)settings;
  return NULL;
}

/* What the bindings call so that a description of the world is linked. `berth policy build` adds it to the module. */
void __component_type_object_force_link_policy(void) {}

/* ---- What the C library asks of a system ---- */

/* Lends what answers WASI, `berth policy build`'s stubs.wat, memory for an unfinished line of each stream and its last words,
 * and has it log the lines that have no end. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("berth_console"))) void berth_console(
    char *lines, const char *exit_text, size_t exit_size, const char *clock_text, size_t clock_size);

static void console(void) {
  static char lines[2048];
  static const char exited[] = "panicked: the policy called exit: it ends by returning from allocate";
  static const char clock[] =
      "panicked: the policy looked at the clock, and a policy has none: the same request has to get the same decision. "
      "A time that it goes by belongs in its settings or tables";
  berth_console(lines, exited, sizeof exited - 1, clock, sizeof clock - 1);
}

/* Writes out what the C library still holds, where it is linked at all. */
extern void __stdio_exit(void) __attribute__((weak));

static void end_output(void) {
  if (__stdio_exit != NULL) __stdio_exit();
  console();
}

/* What `berth policy build` has `abort` and `assert` call, in place of functions that tell the log nothing. */
_Noreturn void berth_abort(void) {
  berth_host_log(BERTH_ERROR, "panicked: the policy called abort");
  berth_host_trap();
}

_Noreturn void berth_assert_fail(const char *condition, const char *file, int line, const char *function) {
  (void)function;
  berth_fault_at(file, line, "`%s` does not hold", condition);
}

/* ---- What crosses ---- */

static const char *text_of(policy_string_t text) { return berth_copy((const char *)text.ptr, text.len); }

static const char *optional(policy_option_string_t text) { return text.is_some ? text_of(text.val) : NULL; }

static policy_string_t to_text(const char *text) { return (policy_string_t){(uint8_t *)text, strlen(text)}; }

/* A text of its own, which the bindings give back after the call. */
static policy_string_t owned(const char *text) { return to_text(berth_copy(text, strlen(text))); }

static const berth_alternative_name *alternative_names(const berth_allocation_types_list_alternative_name_t *from) {
  /* In the order of the contract's cases, each of which carries a text. */
  static const char *const kinds[] = {"dns", "uri", "email", "ip"};
  berth_alternative_name *names = berth_alloc((from->len + 1) * sizeof *names);
  for (size_t i = 0; i < from->len; i++) {
    names[i] = (berth_alternative_name){kinds[from->ptr[i].tag], text_of(from->ptr[i].val.dns)};
  }
  return names;
}

static const berth_certificate *certificate_of(const berth_allocation_types_attestation_t *attestation) {
  if (attestation->tag != BERTH_ALLOCATION_TYPES_ATTESTATION_X509 || !attestation->val.x509.facts.is_some) return NULL;
  const berth_allocation_types_certificate_facts_t *facts = &attestation->val.x509.facts.val;
  berth_certificate *certificate = berth_alloc(sizeof *certificate);
  *certificate = (berth_certificate){
      .subject = text_of(facts->subject),
      .subject_common_name = optional(facts->subject_common_name),
      .issuer = text_of(facts->issuer),
      .issuer_common_name = optional(facts->issuer_common_name),
      .alternative_names = alternative_names(&facts->subject_alternative_names),
      .alternative_name_count = facts->subject_alternative_names.len,
      .serial_number = text_of(facts->serial_number),
      .not_before = text_of(facts->not_before),
      .not_after = text_of(facts->not_after),
      .sha1_thumbprint = text_of(facts->sha1_thumbprint),
      .sha256_thumbprint = text_of(facts->sha256_thumbprint),
  };
  return certificate;
}

static berth_request *request_of(const policy_request_t *from) {
  const char **hubs = berth_alloc((from->linked_hubs.len + 1) * sizeof *hubs);
  for (size_t i = 0; i < from->linked_hubs.len; i++) hubs[i] = text_of(from->linked_hubs.ptr[i]);
  const berth_allocation_types_enrollment_identity_t *identity = &from->enrollment.identity;
  bool first = from->assignment.tag == BERTH_ALLOCATION_TYPES_ASSIGNMENT_FIRST;
  return berth_new_request((berth_facts){
      .registration_id = text_of(from->registration_id),
      /* Both cases that carry where the device is carry it in the same place. */
      .current_hub = first ? NULL : text_of(from->assignment.val.may_move.hub),
      .pinned = from->assignment.tag == BERTH_ALLOCATION_TYPES_ASSIGNMENT_PINNED,
      .group = identity->tag == BERTH_ALLOCATION_TYPES_ENROLLMENT_IDENTITY_GROUP ? text_of(identity->val.group) : NULL,
      .payload = from->payload.is_some ? text_of(from->payload.val) : NULL,
      .enrollment = text_of(from->enrollment.document),
      .runtime_context = text_of(from->runtime_context),
      .hubs = hubs,
      .hub_count = from->linked_hubs.len,
      .certificate = certificate_of(&from->attestation),
  });
}

/* An object without members is left out, as DPS leaves it out. */
static berth_allocation_types_option_json_t members(const berth_json *object) {
  if (berth_count(object) == 0) return (berth_allocation_types_option_json_t){0};
  return (berth_allocation_types_option_json_t){true, to_text(berth_write(object))};
}

static void to_decision(const berth_request *request, policy_decision_t *decision) {
  memset(decision, 0, sizeof *decision);
  decision->hub = owned(request->hub);
  decision->initial_twin.is_some = request->has_twin;
  decision->initial_twin.val.tags = members(request->tags);
  decision->initial_twin.val.desired_properties = members(request->desired);
  if (request->reply != NULL) {
    decision->payload.is_some = true;
    decision->payload.val = to_text(berth_write(request->reply));
  }
  decision->reasons.len = request->reason_count;
  decision->reasons.ptr = berth_alloc((request->reason_count + 1) * sizeof *decision->reasons.ptr);
  for (size_t i = 0; i < request->reason_count; i++) decision->reasons.ptr[i] = owned(request->reasons[i]);
}

bool exports_policy_allocate(policy_request_t *from, policy_decision_t *decision, policy_refusal_t *refusal) {
  console();
  berth_request *request = request_of(from);
  allocate(request);
  end_output();
  switch (request->outcome) {
    case BERTH_UNDECIDED: berth_fault("allocate has neither decided nor refused");
    case BERTH_DECIDED: to_decision(request, decision); return true;
    case BERTH_REJECTED:
      refusal->tag = BERTH_ALLOCATION_TYPES_REFUSAL_REJECT;
      refusal->val.reject = owned(request->message);
      return false;
    case BERTH_RETRY:
      refusal->tag = BERTH_ALLOCATION_TYPES_REFUSAL_RETRY_LATER;
      refusal->val.retry_later.message = owned(request->message);
      refusal->val.retry_later.after_seconds.is_some = request->after_seconds >= 0;
      refusal->val.retry_later.after_seconds.val = (uint32_t)request->after_seconds;
      return false;
  }
  berth_host_trap();
}

bool exports_policy_validate_settings(policy_json_t *settings, policy_string_t *complaint) {
  console();
  const berth_json *parsed = berth_parse(text_of(*settings));
  const char *problem = parsed == NULL ? "the settings do not fit: they are not JSON" : validate_settings(parsed);
  end_output();
  if (problem == NULL) return true;
  *complaint = owned(problem);
  return false;
}

void berth_host_log(berth_level level, const char *message) {
  policy_string_t line = to_text(message);
  berth_allocation_log_write((berth_allocation_log_level_t)level, &line);
}

const char *berth_host_settings(void) {
  policy_string_t settings;
  berth_allocation_settings_get(&settings);
  return text_of(settings);
}

berth_found berth_host_lookup(const char *table, const char *key, const char **row) {
  policy_string_t table_text = to_text(table), key_text = to_text(key);
  berth_allocation_tables_option_json_t found;
  berth_allocation_tables_lookup_error_t error;
  if (!berth_allocation_tables_lookup(&table_text, &key_text, &found, &error)) {
    return error.tag == BERTH_ALLOCATION_TABLES_LOOKUP_ERROR_NO_SUCH_TABLE ? BERTH_NO_TABLE : BERTH_TOO_MANY;
  }
  if (!found.is_some) return BERTH_NO_KEY;
  *row = text_of(found.val);
  return BERTH_FOUND;
}

void berth_host_trap(void) { __builtin_trap(); }
