/* Chooses hub, first twin and settings by the IoT Plug and Play model a device announces in its payload.
 *
 * What each model gets is in the table `models`, so that a new model needs no new code. */
#include <string.h>

#include "berth.h"

static bool spreads(const berth_json *settings) {
  const char *unknown_model = berth_text(berth_member(settings, "unknownModel"));
  return unknown_model != NULL && strcmp(unknown_model, "spread") == 0;
}

void allocate(berth_request *request) {
  const char *id = berth_registration_id(request);
  const char *model_id = berth_model_id(request);
  if (berth_refused(request)) return;
  const berth_json *model = berth_lookup(request, "models", model_id);
  if (model != NULL) {
    const char *prefix = berth_text(berth_member(model, "hub"));
    berth_assert(prefix != NULL);
    berth_decide(request, berth_spread(berth_starting_with(berth_hubs_of(request), prefix), id));
    berth_with_tags(request, berth_member(model, "tags"));
    berth_with_desired(request, berth_member(model, "desired"));
    berth_reply(request, berth_member(model, "settings"));
    berth_because(request, "model-known");
  } else if (spreads(berth_settings(request))) {
    berth_log(BERTH_WARN, "%s has the unknown model %s", id, model_id);
    berth_decide(request, berth_spread(berth_hubs_of(request), id));
    berth_because(request, "model-unknown");
  } else {
    berth_reject(request, "unknown model `%s`", model_id);
  }
}

const char *validate_settings(const berth_json *settings) {
  for (size_t i = 0; i < berth_count(settings); i++) {
    if (strcmp(berth_name(settings, i), "unknownModel") != 0) return "there is a setting other than unknownModel";
    const char *value = berth_text(berth_element(settings, i));
    if (value == NULL || (strcmp(value, "reject") != 0 && strcmp(value, "spread") != 0)) {
      return "unknownModel is neither \"reject\" nor \"spread\"";
    }
  }
  return NULL;
}
