/* Allocation policies for Berth, in C.
 *
 * A policy is one function, which gets the request of one device and decides on it:
 *
 *     #include "berth.h"
 *
 *     void allocate(berth_request *request) {
 *       const char *model = berth_model_id(request);
 *       const char *hub = berth_spread(berth_hubs_of(request), berth_registration_id(request));
 *       berth_decide(request, hub);
 *       berth_tag(request, "model", berth_string(model));
 *       berth_because(request, "model-known");
 *     }
 *
 * Errors stick: the first refusal of a request is its answer, whatever is decided before or after. A helper that has no
 * answer refuses and returns something harmless (an empty text, zero), so a policy needs no test after every call. What is
 * wrong with the request rejects the device; what is wrong with the policy's settings or tables asks DPS to come again.
 * `berth_refused` tells whether it has happened.
 *
 * Texts are UTF-8 and end with a zero byte. Memory is never given back: an instance lives for one decision.
 */
#ifndef BERTH_H
#define BERTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct berth_request berth_request;
typedef struct berth_json berth_json;

/* What a policy defines. */
void allocate(berth_request *request);

/* What a policy may define: says what is wrong with settings before they serve, NULL if nothing is. */
const char *validate_settings(const berth_json *settings);

/* ---- The request ---- */

/* The device's registration id, as the device gave it. DPS compares these without regard to case. */
const char *berth_registration_id(const berth_request *request);
/* Whether the device has no hub yet. */
bool berth_is_first(const berth_request *request);
/* Whether the device stays on its hub whatever is decided. The reply still reaches it. */
bool berth_is_pinned(const berth_request *request);
/* The host name of the device's hub; NULL if it has none yet. It need not be linked any more. */
const char *berth_current_hub(const berth_request *request);
/* The device's hub while it is still linked, as DPS spells it; NULL otherwise. */
const char *berth_keep_current_hub(const berth_request *request);
/* The id of the enrollment group; NULL if the device has an enrollment of its own. */
const char *berth_group(const berth_request *request);
/* The enrollment, and the whole `deviceRuntimeContext`, as DPS sent them. */
const berth_json *berth_enrollment(const berth_request *request);
const berth_json *berth_runtime_context(const berth_request *request);

/* One alternative name of a certificate's subject, of the kind `dns`, `uri`, `email` or `ip`. */
typedef struct {
  const char *kind, *value;
} berth_alternative_name;
/* What the device's X.509 certificate says; NULL if it showed none that can be parsed. Names are in RFC 4514's form:
 * `CN=dev1,O=Contoso`. Common names may be NULL. */
typedef struct {
  const char *subject, *subject_common_name, *issuer, *issuer_common_name;
  const berth_alternative_name *alternative_names;
  size_t alternative_name_count;
  const char *serial_number, *not_before, *not_after, *sha1_thumbprint, *sha256_thumbprint;
} berth_certificate;
const berth_certificate *berth_certificate_of(const berth_request *request);

/* The payload: NULL if the device sent nothing. A string that holds a JSON object or array has been opened. */
const berth_json *berth_payload(const berth_request *request);
/* What is at a dotted path of the payload (`firmware.version`, `sensors.0`); NULL if nothing is, or null. */
const berth_json *berth_payload_find(const berth_request *request, const char *path);
/* The same, of one type. What is missing or of another type rejects the device, naming the path. */
const char *berth_payload_string(berth_request *request, const char *path);
int64_t berth_payload_integer(berth_request *request, const char *path);
double berth_payload_number(berth_request *request, const char *path);
bool berth_payload_boolean(berth_request *request, const char *path);
/* The IoT Plug and Play model the device announces: `modelId`, or IoT Central's older `iotcModelId`. */
const char *berth_model_id(berth_request *request);

/* ---- The linked hubs ---- */

/* Linked hubs, as many of them as passed the conditions so far. Conditions look at the first label of a host name, or at all
 * of it if what they look for has a dot; none regards case. A choice among nothing rejects the device. */
typedef struct {
  berth_request *request;
  const char **left;
  size_t count;
  const char *conditions;
} berth_hubs;

berth_hubs berth_hubs_of(berth_request *request);
berth_hubs berth_starting_with(berth_hubs hubs, const char *prefix);
berth_hubs berth_ending_with(berth_hubs hubs, const char *suffix);
berth_hubs berth_containing(berth_hubs hubs, const char *word);
/* The hub of this name: a whole host name, or just its first label. */
const char *berth_named(berth_hubs hubs, const char *name);
/* The first hub left, in DPS's order. */
const char *berth_first(berth_hubs hubs);
/* The hub that a key prefers, by rendezvous hash: always the same one while it is there, evenly spread over many keys. */
const char *berth_spread(berth_hubs hubs, const char *key);
/* The same, each hub getting a share in proportion to its weight. */
const char *berth_spread_weighted(berth_hubs hubs, const char *key, double (*weight)(const char *hub, void *data), void *data);
/* Whether a host name is the hub meant: by its whole host name, or by its first label. */
bool berth_hub_matches(const char *host_name, const char *wanted);
/* How much a key prefers a hub. The recipe is the same in every SDK, to the bit. */
double berth_hub_score(const char *key, const char *hub, double weight);

/* ---- The answer ---- */

/* Sends the device to this hub. */
void berth_decide(berth_request *request, const char *hub);
/* Sets a tag, or a desired property, of the device's first twin. */
void berth_tag(berth_request *request, const char *name, const berth_json *value);
void berth_desired(berth_request *request, const char *name, const berth_json *value);
/* Sets every member of an object as a tag, or as a desired property. */
void berth_with_tags(berth_request *request, const berth_json *members);
void berth_with_desired(berth_request *request, const berth_json *members);
/* Lets the device hear this object. */
void berth_reply(berth_request *request, const berth_json *members);
/* Notes why, in one short machine-readable word. For Berth's log; it never reaches the device. */
void berth_because(berth_request *request, const char *reason);
/* The device is not welcome. Permanent for this attempt. The message is formatted as by printf. */
void berth_reject(berth_request *request, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Not now. DPS asks again after so many seconds; a negative number leaves it to Berth. */
void berth_retry_later(berth_request *request, int64_t after_seconds, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Whether the request has been refused. */
bool berth_refused(const berth_request *request);

/* ---- What else a policy can reach ---- */

/* The policy's settings: an object, empty if there are none. */
const berth_json *berth_settings(berth_request *request);
/* The row of a key in `tables/NAME.csv` or `tables/NAME.json`; NULL if the table has no such key. */
const berth_json *berth_lookup(berth_request *request, const char *table, const char *key);

typedef enum { BERTH_DEBUG, BERTH_INFO, BERTH_WARN, BERTH_ERROR } berth_level;
/* Writes a line of the policy's log, formatted as by printf. */
void berth_log(berth_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends the decision as a fault of the policy, and tells the log why and where. */
#define berth_fault(...) berth_fault_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void berth_fault_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Ends the decision as a fault unless something holds. */
#define berth_assert(holds) ((holds) ? (void)0 : berth_fault("`%s` does not hold", #holds))

/* ---- JSON ---- */

typedef enum { BERTH_NULL, BERTH_BOOLEAN, BERTH_NUMBER, BERTH_STRING, BERTH_ARRAY, BERTH_OBJECT } berth_kind;

/* Reads a text; NULL if it is not JSON, or nested deeper than 128. */
berth_json *berth_parse(const char *text);
/* Writes a value: no spaces, members in the order of their names. */
const char *berth_write(const berth_json *value);
/* What a value is; a NULL pointer is null. */
berth_kind berth_kind_of(const berth_json *value);
/* The text of a string, or NULL for any other value; the member of an object, or the element of an array, or NULL. */
const char *berth_text(const berth_json *value);
const berth_json *berth_member(const berth_json *object, const char *name);
const berth_json *berth_element(const berth_json *array, size_t index);
/* How many elements or members there are, and the name of one of the members. */
size_t berth_count(const berth_json *value);
const char *berth_name(const berth_json *object, size_t index);

berth_json *berth_null(void);
berth_json *berth_boolean(bool value);
berth_json *berth_integer(int64_t value);
berth_json *berth_number(double value);
/* A copy of a text; null for NULL. */
berth_json *berth_string(const char *text);
berth_json *berth_array(void);
berth_json *berth_object(void);
/* Adds to an array or object, and returns it. A member of the same name is replaced. */
berth_json *berth_push(berth_json *array, const berth_json *element);
berth_json *berth_set(berth_json *object, const char *name, const berth_json *value);

#endif
