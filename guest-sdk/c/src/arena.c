/* Memory for an instance that lives for one decision. Berth throws the instance away after it, so that little is gained by
   giving memory back: the next block starts where the last one ended. What this saves is not bookkeeping but growing the
   memory, which costs the host more than many a decision and which the C library does for the first block of each size.

   `berth policy build` has these take the place of malloc and its kin. Past the arena's end, the C library's own take over.
   Not for unit tests, which have the machine's own. */
#undef malloc
#undef calloc
#undef realloc
#undef free
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* An ordinary decision takes less than 16 KiB of it; the rest is for long payloads and enrollments. Pages that are not
   touched cost the host nothing. */
#define SIZE ((size_t)256 << 10)
/* Before each block is its size. Blocks and what is before them are aligned for everything. */
#define HEAD ((size_t)16)

static _Alignas(16) unsigned char arena[SIZE];
static size_t taken;

static size_t *size_of(void *block) {
  return (size_t *)((unsigned char *)block - HEAD);
}

static bool is_ours(const void *block) {
  return (uintptr_t)block - (uintptr_t)arena < SIZE;
}

static size_t rounded(size_t size) {
  return (size + HEAD - 1) & ~(HEAD - 1);
}

static size_t end_of(void *block) {
  return (size_t)((unsigned char *)block - arena) + rounded(*size_of(block));
}

void *berth_malloc(size_t size) {
  /* A block of no bytes at the very end would not be recognised as the arena's. */
  if (size > SIZE || HEAD + rounded(size) >= SIZE - taken) return malloc(size);
  void *block = arena + taken + HEAD;
  *size_of(block) = size;
  taken += HEAD + rounded(size);
  return block;
}

void berth_free(void *block) {
  if (!is_ours(block)) free(block);
  else if (end_of(block) == taken) taken -= HEAD + rounded(*size_of(block));
}

void *berth_calloc(size_t count, size_t size) {
  size_t all;
  if (__builtin_mul_overflow(count, size, &all)) return NULL;
  void *block = berth_malloc(all);
  /* A block may have been another before. */
  return block == NULL ? NULL : memset(block, 0, all);
}

void *berth_realloc(void *block, size_t size) {
  if (block == NULL) return berth_malloc(size);
  if (!is_ours(block)) return realloc(block, size);
  size_t before = *size_of(block), at = (size_t)((unsigned char *)block - arena);
  bool is_last = end_of(block) == taken;
  if (size <= before || (is_last && size <= SIZE && rounded(size) <= SIZE - at)) {
    *size_of(block) = size;
    if (is_last) taken = end_of(block);
    return block;
  }
  void *moved = berth_malloc(size);
  if (moved == NULL) return NULL;
  memcpy(moved, block, before);
  berth_free(block);
  return moved;
}
