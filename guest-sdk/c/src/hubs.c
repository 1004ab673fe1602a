/* Choosing among the linked hubs. Every choice ends in a host name, spelled as DPS spells it. */
#include <math.h>
#include <string.h>

#include "internal.h"

char berth_lower(char letter) { return letter >= 'A' && letter <= 'Z' ? (char)(letter + 32) : letter; }

/* Compares so many bytes without regard to case, or as many as there are. */
static int compare(const char *a, const char *b, size_t length) {
  for (size_t i = 0; i < length; i++) {
    int difference = (unsigned char)berth_lower(a[i]) - (unsigned char)berth_lower(b[i]);
    if (difference != 0 || a[i] == 0) return difference;
  }
  return 0;
}

/* How much of a host name to hold against `wanted`: all of it if `wanted` has a dot, else its first label. */
static size_t comparable(const char *host_name, const char *wanted) {
  return strchr(wanted, '.') != NULL ? strlen(host_name) : strcspn(host_name, ".");
}

bool berth_hub_matches(const char *host_name, const char *wanted) {
  size_t length = comparable(host_name, wanted);
  return length == strlen(wanted) && compare(host_name, wanted, length) == 0;
}

berth_hubs berth_hubs_of(berth_request *request) {
  return (berth_hubs){request, request->facts.hubs, request->facts.hub_count, ""};
}

typedef bool test(const char *name, size_t length, const char *wanted, size_t wanted_length);

static bool starts(const char *name, size_t length, const char *wanted, size_t wanted_length) {
  return wanted_length <= length && compare(name, wanted, wanted_length) == 0;
}

static bool ends(const char *name, size_t length, const char *wanted, size_t wanted_length) {
  return wanted_length <= length && compare(name + length - wanted_length, wanted, wanted_length) == 0;
}

static bool contains(const char *name, size_t length, const char *wanted, size_t wanted_length) {
  for (size_t at = 0; at + wanted_length <= length; at++) {
    if (compare(name + at, wanted, wanted_length) == 0) return true;
  }
  return false;
}

static berth_hubs narrow(berth_hubs hubs, const char *verb, const char *wanted, test *holds) {
  berth_hubs narrowed = {hubs.request, berth_alloc((hubs.count + 1) * sizeof *hubs.left), 0, NULL};
  for (size_t i = 0; i < hubs.count; i++) {
    const char *name = hubs.left[i];
    if (holds(name, comparable(name, wanted), wanted, strlen(wanted))) narrowed.left[narrowed.count++] = name;
  }
  const char *condition = berth_join(verb, wanted, "`");
  narrowed.conditions = *hubs.conditions == 0 ? condition : berth_join(hubs.conditions, " and ", condition);
  return narrowed;
}

berth_hubs berth_starting_with(berth_hubs hubs, const char *prefix) { return narrow(hubs, "starts with `", prefix, starts); }

berth_hubs berth_ending_with(berth_hubs hubs, const char *suffix) { return narrow(hubs, "ends with `", suffix, ends); }

berth_hubs berth_containing(berth_hubs hubs, const char *word) { return narrow(hubs, "contains `", word, contains); }

/* Refuses a choice among nothing. `wish` is what this choice asked for on top of the conditions. */
static const char *nothing_left(berth_hubs hubs, const char *wish) {
  const char *wanted = *hubs.conditions == 0 ? "" : berth_join(" whose name ", hubs.conditions, "");
  const char *linked = "";
  for (size_t i = 0; i < hubs.request->facts.hub_count; i++) {
    linked = berth_join(linked, i == 0 ? "" : ", ", hubs.request->facts.hubs[i]);
  }
  const char *message = berth_join(berth_join("no linked hub", wanted, wish), "; linked: ", linked);
  berth_refuse(hubs.request, BERTH_REJECTED, message);
  return "";
}

const char *berth_named(berth_hubs hubs, const char *name) {
  for (size_t i = 0; i < hubs.count; i++) {
    if (berth_hub_matches(hubs.left[i], name)) return hubs.left[i];
  }
  return nothing_left(hubs, berth_join(" named `", name, "`"));
}

const char *berth_first(berth_hubs hubs) { return hubs.count > 0 ? hubs.left[0] : nothing_left(hubs, ""); }

static double equal(const char *hub, void *data) {
  (void)hub;
  (void)data;
  return 1;
}

/* Of equal scores, the hub whose lower-case name comes first. NULL if no hub has a weight above zero. */
static const char *best(berth_hubs hubs, const char *key, double (*weight)(const char *, void *), void *data) {
  const char *found = NULL;
  double highest = 0;
  for (size_t i = 0; i < hubs.count; i++) {
    const char *hub = hubs.left[i];
    double score = berth_hub_score(key, hub, weight(hub, data));
    if (isinf(score)) continue;
    bool earlier = found != NULL && score == highest && compare(hub, found, strlen(hub) + 1) < 0;
    if (found == NULL || score > highest || earlier) {
      found = hub;
      highest = score;
    }
  }
  return found;
}

const char *berth_spread(berth_hubs hubs, const char *key) {
  const char *hub = best(hubs, key, equal, NULL);
  return hub != NULL ? hub : nothing_left(hubs, "");
}

const char *berth_spread_weighted(berth_hubs hubs, const char *key, double (*weight)(const char *, void *), void *data) {
  const char *hub = best(hubs, key, weight, data);
  return hub != NULL ? hub : nothing_left(hubs, " with a weight above zero");
}
