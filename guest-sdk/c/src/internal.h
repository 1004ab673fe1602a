/* What the parts of the SDK share. Not for policies. */
#ifndef BERTH_INTERNAL_H
#define BERTH_INTERNAL_H

#include <stdarg.h>

#include "../berth.h"

typedef struct {
  const char *registration_id, *current_hub, *group, *payload, *enrollment, *runtime_context;
  bool pinned;
  const char **hubs;
  size_t hub_count;
  const berth_certificate *certificate;
} berth_facts;

typedef enum { BERTH_UNDECIDED, BERTH_DECIDED, BERTH_REJECTED, BERTH_RETRY } berth_outcome;

struct berth_request {
  berth_facts facts;
  const berth_json *payload;
  bool payload_parsed;
  berth_outcome outcome;
  const char *hub, *message;
  int64_t after_seconds;
  bool has_twin;
  berth_json *tags, *desired;
  const berth_json *reply;
  const char **reasons;
  size_t reason_count;
};

/* The host's side: Berth's in a component, the testing host's elsewhere. */
typedef enum { BERTH_FOUND, BERTH_NO_KEY, BERTH_NO_TABLE, BERTH_TOO_MANY } berth_found;
void berth_host_log(berth_level level, const char *message);
const char *berth_host_settings(void);
berth_found berth_host_lookup(const char *table, const char *key, const char **row);
_Noreturn void berth_host_trap(void);

/* The arena, which takes the place of the C library's functions in a component. */
void *berth_malloc(size_t size);
void *berth_calloc(size_t count, size_t size);
void *berth_realloc(void *block, size_t size);
void berth_free(void *block);

/* Memory that is there, or a trap. */
void *berth_alloc(size_t size);
const char *berth_copy(const char *text, size_t length);
const char *berth_format(const char *format, va_list arguments);
const char *berth_join(const char *first, const char *second, const char *third);

berth_request *berth_new_request(berth_facts facts);
/* Whether a number is a whole one of 64 bits, and if so which. */
bool berth_as_integer(const berth_json *value, int64_t *integer);
double berth_as_double(const berth_json *value);
const char *berth_describe(const berth_json *value);
const berth_json *berth_walk(const berth_json *root, const char *path);
void berth_refuse(berth_request *request, berth_outcome outcome, const char *message);
int berth_compare_names(const char *a, const char *b);
char berth_lower(char letter);

#endif
