#include <pthread.h>
#include <stdatomic.h>

#include "CKernels.h"

// One run at a time. `ticket` holds the run's number in its upper half and the parts that nobody has begun in its lower
// half: a thread claims a part by decrementing it. A late thread finds nothing to claim, and one that has claimed a part
// keeps the run alive until it has counted the part in `completed`.

static pthread_mutex_t running = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t sleeping = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t begun = PTHREAD_COND_INITIALIZER;
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER;
static _Atomic uint64_t ticket;
static _Atomic int64_t completed;
static _Atomic int sleepers, waits;
static int64_t all_parts;
static int started;
static msd_task current_task;
static void *current_context;

// How often a thread looks for work, or for the end of a run, before it sleeps: some 50 microseconds.
enum { looks = 4000 };

static inline void breathe(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Runs one part, if any is left.
static int work(void) {
  uint64_t seen = atomic_load(&ticket);
  do {
    if ((uint32_t)seen == 0) return 0;
  } while (!atomic_compare_exchange_weak(&ticket, &seen, seen - 1));
  int64_t parts = all_parts;
  current_task(current_context, (int64_t)(uint32_t)seen - 1);
  if (atomic_fetch_add(&completed, 1) + 1 == parts && atomic_load(&waits)) {
    pthread_mutex_lock(&sleeping);
    pthread_cond_signal(&finished);
    pthread_mutex_unlock(&sleeping);
  }
  return 1;
}

static void *serve(void *unused) {
  msd_set_alone(1);
  for (;;) {
    for (int look = 0; look < looks; look++) {
      if (work()) look = 0;
      breathe();
    }
    pthread_mutex_lock(&sleeping);
    atomic_fetch_add(&sleepers, 1);
    while ((uint32_t)atomic_load(&ticket) == 0) pthread_cond_wait(&begun, &sleeping);
    atomic_fetch_sub(&sleepers, 1);
    pthread_mutex_unlock(&sleeping);
  }
  return unused;
}

static void start(int workers) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 8 << 20);
  for (; started < workers; started++) {
    pthread_t thread;
    if (pthread_create(&thread, &attributes, serve, 0)) break;
  }
  pthread_attr_destroy(&attributes);
}

void msd_run(int64_t parts, int threads, msd_task task, void *context) {
  int alone = msd_is_alone();
  if (parts <= 1 || threads <= 1 || alone || parts > UINT32_MAX || pthread_mutex_trylock(&running)) {
    msd_set_alone(1);
    for (int64_t part = 0; part < parts; part++) task(context, part);
    msd_set_alone(alone);
    return;
  }
  start(threads - 1);
  msd_set_alone(1);
  current_task = task;
  current_context = context;
  all_parts = parts;
  atomic_store(&completed, 0);
  uint64_t number = (atomic_load(&ticket) >> 32) + 1;
  atomic_store(&ticket, number << 32 | (uint64_t)parts);
  if (atomic_load(&sleepers)) {
    pthread_mutex_lock(&sleeping);
    pthread_cond_broadcast(&begun);
    pthread_mutex_unlock(&sleeping);
  }
  while (work()) {
  }
  for (int look = 0; look < looks && atomic_load(&completed) < parts; look++) breathe();
  if (atomic_load(&completed) < parts) {
    pthread_mutex_lock(&sleeping);
    atomic_store(&waits, 1);
    while (atomic_load(&completed) < parts) pthread_cond_wait(&finished, &sleeping);
    atomic_store(&waits, 0);
    pthread_mutex_unlock(&sleeping);
  }
  msd_set_alone(0);
  pthread_mutex_unlock(&running);
}
