/* Unit tests: `make test`. Each failure ends them with its line. */
#include <stdio.h>
#include <string.h>

#include "testing.h"

#define SAME(found, wanted) berth_assert(found != NULL && strcmp(found, wanted) == 0)

static berth_request *device(const char *payload) {
  static char models[8192];
  FILE *file = fopen("tables/models.json", "r");
  berth_assert(file != NULL);
  models[fread(models, 1, sizeof models - 1, file)] = 0;
  fclose(file);
  berth_request *request = berth_test_request("sensor-7", payload);
  berth_test_table("models", models);
  berth_test_link(request, "contoso-climate-1.azure-devices.net");
  berth_test_link(request, "contoso-other.azure-devices.net");
  return request;
}

static void a_known_model_gets_its_hub_twin_and_settings(void) {
  berth_request *request = device("{\"modelId\": \"dtmi:com:example:Thermostat;1\"}");
  allocate(request);
  SAME(berth_test_hub(request), "contoso-climate-1.azure-devices.net");
  SAME(berth_text(berth_member(berth_test_tags(request), "deviceType")), "thermostat");
  SAME(berth_write(berth_member(berth_test_reply(request), "telemetryInterval")), "60");
}

static void an_unknown_model_is_rejected_unless_the_settings_spread_it(void) {
  static const char kettle[] = "{\"modelId\": \"dtmi:com:example:Kettle;1\"}";
  berth_request *request = device(kettle);
  allocate(request);
  SAME(berth_test_refusal(request), "unknown model `dtmi:com:example:Kettle;1`");
  berth_assert(berth_test_is_reject(request));
  request = device(kettle);
  berth_test_settings("{\"unknownModel\": \"spread\"}");
  allocate(request);
  SAME(berth_test_reason(request, 0), "model-unknown");
  SAME(berth_test_log(), "warn: sensor-7 has the unknown model dtmi:com:example:Kettle;1\n");
}

static void settings_are_exact(void) {
  berth_assert(validate_settings(berth_parse("{}")) == NULL);
  berth_assert(validate_settings(berth_parse("{\"unknownModel\": \"spread\"}")) == NULL);
  berth_assert(validate_settings(berth_parse("{\"unknownModel\": \"ignore\"}")) != NULL);
  berth_assert(validate_settings(berth_parse("{\"unknown_model\": \"spread\"}")) != NULL);
}

int main(void) {
  a_known_model_gets_its_hub_twin_and_settings();
  an_unknown_model_is_rejected_unless_the_settings_spread_it();
  settings_are_exact();
  puts("all passed");
  return 0;
}
