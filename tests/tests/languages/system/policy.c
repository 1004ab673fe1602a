/* Asks for what a policy does not have, by the device's id. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "berth.h"

void allocate(berth_request *request) {
  const char *asked = berth_registration_id(request);
  if (strcmp(asked, "print") == 0) {
    printf("%s has %d", "a", 2);
    puts(" more");
    fprintf(stderr, "error\n");
    printf("half \xff \xc3\xa9 \xed\xa0\x80\n");
    printf("no end");
  }
  if (strcmp(asked, "long") == 0) {
    for (int i = 0; i < 2000; i++) putchar('a' + i % 26);
  }
  if (strcmp(asked, "exit") == 0) exit(3);
  if (strcmp(asked, "abort") == 0) abort();
  if (strcmp(asked, "assert") == 0) assert(asked == NULL);
  if (strcmp(asked, "time") == 0) printf("%ld\n", (long)time(NULL));
  if (strcmp(asked, "sleep") == 0) printf("%u\n", sleep(3600));
  if (strcmp(asked, "open") == 0) printf("%d\n", fopen("models.csv", "r") == NULL);
  if (strcmp(asked, "getenv") == 0) printf("%d\n", getenv("HOME") == NULL);
  if (strcmp(asked, "chance") == 0) {
    int first = rand();
    srand(1);
    printf("%d\n", first == rand());
  }
  berth_decide(request, berth_first(berth_hubs_of(request)));
}
