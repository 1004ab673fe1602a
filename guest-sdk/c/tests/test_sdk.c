/* The SDK's own tests: `make test` in the folder above. Each failure ends them with its line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../testing.h"
#include "../src/internal.h"

#define SAME(found, wanted) same(__LINE__, found, wanted)

static void same(int line, const char *found, const char *wanted) {
  if (found == NULL || strcmp(found, wanted) != 0) berth_fault_at("tests/test_sdk.c", line, "%s\n  is not\n%s", found ? found : "NULL", wanted);
}

void allocate(berth_request *request) { (void)request; }

static uint64_t bits(double number) {
  uint64_t bits;
  memcpy(&bits, &number, sizeof bits);
  return bits;
}

static void scores_and_hubs_are_those_of_the_rust_sdk(void) {
  static const char *const hubs[] = {"north", "south", "east", "west"};
  static const uint64_t scores[] = {0x3febe58ef948846e, 0x400348bf4b29239f, 0x3fe227b12f99a9d0, 0x400aeb4e5f467d77};
  static const char found[] = "west east south west east north east north south west east west ";
  berth_request *request = berth_test_request("a", NULL);
  for (int i = 0; i < 4; i++) {
    char *hub = malloc(64);
    snprintf(hub, 64, "%s.azure-devices.net", hubs[i]);
    berth_test_link(request, hub);
    berth_assert(bits(berth_hub_score("breakroom499-contoso-tstrsd-007", hub, 1)) == scores[i]);
  }
  char spread[128] = "";
  for (int n = 0; n < 12; n++) {
    char key[16];
    snprintf(key, sizeof key, "device-%d", n);
    const char *hub = berth_spread(berth_hubs_of(request), key);
    strncat(spread, hub, strcspn(hub, "."));
    strcat(spread, " ");
  }
  SAME(spread, found);
}

static void conditions_narrow_and_say_when_nothing_is_left(void) {
  berth_request *request = berth_test_request("a", NULL);
  berth_test_link(request, "Toasters-EU.azure-devices.net");
  berth_test_link(request, "heatpumps-eu.azure-devices.net");
  berth_hubs hubs = berth_hubs_of(request);
  SAME(berth_named(hubs, "TOASTERS-eu"), "Toasters-EU.azure-devices.net");
  berth_assert(berth_ending_with(hubs, "-EU").count == 2 && berth_containing(hubs, "azure").count == 0);
  SAME(berth_first(berth_ending_with(berth_starting_with(hubs, "heat"), "-us")), "");
  SAME(berth_test_refusal(request), "no linked hub whose name starts with `heat` and ends with `-us`; "
                                    "linked: Toasters-EU.azure-devices.net, heatpumps-eu.azure-devices.net");
}

static void a_payload_is_looked_into_and_the_first_error_sticks(void) {
  berth_request *request = berth_test_request("a", "\"{\\\"a\\\": [{\\\"b\\\": 12}], \\\"half\\\": 1.5}\"");
  berth_assert(berth_payload_integer(request, "a.0.b") == 12 && berth_payload_find(request, "a.1") == NULL);
  berth_payload_integer(request, "half");
  SAME(berth_test_refusal(request), "`half` in the payload is a number, not a whole number of 64 bits");
  berth_payload_string(request, "missing");
  berth_decide(request, "hub-a.azure-devices.net");
  SAME(berth_test_refusal(request), "`half` in the payload is a number, not a whole number of 64 bits");
  berth_assert(berth_test_hub(request) == NULL && berth_test_is_reject(request));
  SAME(berth_model_id(berth_test_request("a", "{\"iotcModelId\":\"old\"}")), "old");
  request = berth_test_request("a", "null");
  berth_model_id(request);
  SAME(berth_test_refusal(request), "the device sent no payload");
}

static const char *missing(const char *payload) {
  berth_request *request = berth_test_request("a", payload);
  berth_payload_string(request, "a.b");
  return berth_test_refusal(request) + strlen("the payload has no `a.b`");
}

static void a_missing_path_is_told_with_what_is_there(void) {
  SAME(missing("{\"b\": null}"), "");
  SAME(missing("{\"b\": 1, \"A\": {}}"), "; it has `A`, `b`");
  SAME(missing("{\"a\": {\"c\": 1}, \"d\": 1}"), "; `a` has `c`");
  SAME(missing("{\"a\": [1, 2]}"), "; `a` is an array of 2");
  SAME(missing("{\"a\": 7}"), "; `a` is a number");
  SAME(missing("{\"00\":0,\"01\":0,\"02\":0,\"03\":0,\"04\":0,\"05\":0,\"06\":0,\"07\":0,\"08\":0,\"09\":0,\"10\":0}"),
       "; it has `00`, `01`, `02`, `03`, `04`, `05`, `06`, `07`, `08`, `09`, …");
}

static void json_is_written_as_every_sdk_does(void) {
  const char *text = " {\"b\": [1, -0, 21.0, 1e16, 1.50, 0.00001, 1.5e-6, 18446744073709551615, 1e-7],\n \"10\": \"\\u00e9\\ud83e\\udd80\\u2028/\\u0007\\n\", \"9\": {}} ";
  SAME(berth_write(berth_parse(text)),
       "{\"10\":\"\u00e9\U0001f980\u2028/\\u0007\\n\",\"9\":{},\"b\":[1,-0.0,21.0,1e16,1.5,0.00001,1.5e-6,18446744073709551615,1e-7]}");
  static const char *const broken[] = {"", "{", "[1,]", "01", "1.", "\"\\x\"", "\"\\ud800\"", "nul", "{\"a\" 1}", "[] []", "\"\x01\""};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) berth_assert(berth_parse(broken[i]) == NULL);
}

static void a_host_has_settings_tables_and_a_log(void) {
  berth_request *request = berth_test_request("a", NULL);
  berth_test_settings("{\"who\": \"host\"}");
  berth_test_table("t", "{\"k\": [1]}");
  SAME(berth_text(berth_member(berth_settings(request), "who")), "host");
  SAME(berth_write(berth_lookup(request, "t", "k")), "[1]");
  berth_assert(berth_lookup(request, "t", "none") == NULL && !berth_refused(request));
  berth_log(BERTH_WARN, "careful with %d", 7);
  SAME(berth_test_log(), "warn: careful with 7\n");
  berth_lookup(request, "u", "k");
  SAME(berth_test_refusal(request), "table `u`: the policy has no such table: put it at tables/u.csv or tables/u.json");
  berth_assert(!berth_test_is_reject(request));
}

static void a_certificate_is_what_the_test_says(void) {
  berth_request *request = berth_test_request("a", NULL);
  berth_assert(berth_certificate_of(request) == NULL);
  const berth_alternative_name names[] = {{"dns", "a.example.com"}};
  const berth_certificate certificate = {.subject = "CN=a", .alternative_names = names, .alternative_name_count = 1};
  berth_test_certificate(request, &certificate);
  SAME(berth_certificate_of(request)->alternative_names[0].value, "a.example.com");
}

static void the_arena_gives_blocks_that_are_aligned_apart_and_last(void) {
  unsigned char *first = berth_malloc(3), *second = berth_calloc(2, 4), *none = berth_malloc(0);
  berth_assert((uintptr_t)first % 16 == 0 && (uintptr_t)second % 16 == 0 && first != second && none != second);
  memset(first, 1, 3);
  memset(second, 2, 8);
  unsigned char *moved = berth_realloc(first, 1000);
  berth_assert(moved != first && moved[2] == 1 && second[7] == 2);
  berth_assert(berth_realloc(moved, 2000) == moved && berth_realloc(moved, 10) == moved);
  unsigned char *next = berth_malloc(5);
  memset(next, 3, 5);
  berth_free(next);
  unsigned char *again = berth_calloc(5, 1);
  berth_assert(again == next && again[4] == 0 && berth_calloc(SIZE_MAX, 2) == NULL);
  berth_free(again);
  berth_free(NULL);
}

static void what_the_arena_has_no_room_for_is_the_librarys(void) {
  unsigned char *large = berth_malloc(1 << 20), *inside = berth_malloc(100);
  memset(large, 1, 1 << 20);
  memset(inside, 2, 100);
  large = berth_realloc(large, 2 << 20);
  inside = berth_realloc(inside, 1 << 20);
  berth_assert(large[(1 << 20) - 1] == 1 && inside[99] == 2);
  berth_free(large);
  berth_free(inside);
  for (int n = 0; n < 40; n++) memset(berth_malloc(10000), n, 10000);
  for (int n = 0; n < 40; n++) berth_free(berth_malloc(0));
}

int main(void) {
  scores_and_hubs_are_those_of_the_rust_sdk();
  conditions_narrow_and_say_when_nothing_is_left();
  a_payload_is_looked_into_and_the_first_error_sticks();
  json_is_written_as_every_sdk_does();
  a_missing_path_is_told_with_what_is_there();
  a_host_has_settings_tables_and_a_log();
  a_certificate_is_what_the_test_says();
  the_arena_gives_blocks_that_are_aligned_apart_and_last();
  what_the_arena_has_no_room_for_is_the_librarys();
  puts("all passed");
  return 0;
}
