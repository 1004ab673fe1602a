/* Unit tests: `make test`. Each failure ends them with its line. */
#include <stdio.h>
#include <string.h>

#include "testing.h"

static void a_device_keeps_its_hub(void) {
  berth_request *request = berth_test_request("sensor-7", "{\"modelId\": \"dtmi:com:example:Thermostat;1\"}");
  berth_test_currently_at(request, "hub-b.azure-devices.net");
  allocate(request);
  berth_assert(strcmp(berth_test_hub(request), "hub-b.azure-devices.net") == 0);
}

static void a_device_without_a_model_is_rejected(void) {
  berth_request *request = berth_test_request("sensor-7", "{}");
  allocate(request);
  berth_assert(berth_test_is_reject(request));
  berth_assert(strcmp(berth_test_refusal(request), "the payload has no `modelId`") == 0);
}

int main(void) {
  a_device_keeps_its_hub();
  a_device_without_a_model_is_rejected();
  puts("all passed");
  return 0;
}
