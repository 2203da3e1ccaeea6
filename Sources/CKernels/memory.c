#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "CKernels.h"

// Freed blocks are kept for the next request of their size: a page that the system hands out anew must be cleared and
// mapped first, which costs more than most operations. Sizes are rounded up to an eighth of a power of two, so that
// shapes that differ little share blocks. A block that waits belongs to two lists, whose links lie in its own memory:
// the blocks of its size, and all blocks by age. If too much waits, the oldest block goes back to the system.

enum {
  smallest = 1 << 14,        // below this, malloc keeps memory well enough
  huge_page = 1 << 21,       // the system is asked for pages of this size
  classes = 64 * 8,
};
static const size_t most_waiting = (size_t)512 << 20;

typedef struct block {
  struct block *next, *previous;   // of the same size, the latest first
  struct block *older, *younger;
  size_t size;
} block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static block *waiting[classes];
static block *oldest, *youngest;
static size_t waiting_bytes;

// The step between sizes of this magnitude.
static size_t step_of(size_t size) { return (size_t)1 << (63 - __builtin_clzl(size) - 3); }

static size_t rounded(size_t size) {
  size_t step = step_of(size);
  return (size + step - 1) / step * step;
}

static int class_of(size_t size) {
  int magnitude = 63 - __builtin_clzl(size);
  return magnitude * 8 + (int)((size >> (magnitude - 3)) & 7);
}

static void take(block *one) {
  block **first = &waiting[class_of(one->size)];
  if (one->previous) one->previous->next = one->next; else *first = one->next;
  if (one->next) one->next->previous = one->previous;
  if (one->older) one->older->younger = one->younger; else oldest = one->younger;
  if (one->younger) one->younger->older = one->older; else youngest = one->older;
  waiting_bytes -= one->size;
}

static void put(block *one, size_t size) {
  block **first = &waiting[class_of(size)];
  *one = (block){.next = *first, .older = youngest, .size = size};
  if (*first) (*first)->previous = one;
  *first = one;
  if (youngest) youngest->younger = one; else oldest = one;
  youngest = one;
  waiting_bytes += size;
}

void *msd_allocate(int64_t bytes) {
  size_t size = bytes > 0 ? (size_t)bytes : 1;
  if (size < smallest) return aligned_alloc(64, (size + 63) / 64 * 64);
  size = rounded(size);
  pthread_mutex_lock(&lock);
  block *found = waiting[class_of(size)];
  if (found) take(found);
  pthread_mutex_unlock(&lock);
  if (found) return found;
  if (size < 2 * (size_t)huge_page) return aligned_alloc(64, size);
  void *memory = aligned_alloc(huge_page, (size + huge_page - 1) / huge_page * huge_page);
#if defined(MADV_HUGEPAGE)
  if (memory) madvise(memory, size / huge_page * huge_page, MADV_HUGEPAGE);
#endif
  return memory;
}

void msd_release(void *memory, int64_t bytes) {
  size_t size = bytes > 0 ? (size_t)bytes : 1;
  size = size < smallest ? size : rounded(size);
  if (!memory || size < smallest || size > most_waiting / 2) {
    free(memory);
    return;
  }
  block *surplus = 0;
  pthread_mutex_lock(&lock);
  put(memory, size);
  while (waiting_bytes > most_waiting) {
    block *one = oldest;
    take(one);
    one->next = surplus;
    surplus = one;
  }
  pthread_mutex_unlock(&lock);
  while (surplus) {
    block *next = surplus->next;
    free(surplus);
    surplus = next;
  }
}

int64_t msd_waiting_bytes(void) {
  pthread_mutex_lock(&lock);
  int64_t bytes = (int64_t)waiting_bytes;
  pthread_mutex_unlock(&lock);
  return bytes;
}
