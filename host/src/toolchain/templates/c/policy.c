/* Which hub a device joins. */
#include "berth.h"

void allocate(berth_request *request) {
  const char *model = berth_model_id(request);
  const char *hub = berth_keep_current_hub(request);
  if (hub == NULL) hub = berth_spread(berth_hubs_of(request), berth_registration_id(request));
  berth_decide(request, hub);
  berth_tag(request, "model", berth_string(model));
  berth_reply(request, berth_set(berth_object(), "reportEverySeconds", berth_integer(60)));
  berth_because(request, "model-known");
}
