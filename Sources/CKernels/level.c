#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"

static const char *const names[] = {"scalar", "avx2", "avx512"};

// The best version that the processor can run.
static int best_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  int medium = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return medium ? (wide ? 2 : 1) : 0;
#else
  return 0;
#endif
}

static int chosen_level(void) {
  int best = best_level();
  const char *wanted = getenv("MSDIFFUSION_KERNELS");
  if (!wanted || !*wanted) return best;
  for (int level = 0; level <= 2; level++) {
    if (strcmp(wanted, names[level])) continue;
    if (level <= best) return level;
    fprintf(stderr, "error: MSDIFFUSION_KERNELS is %s; this processor has %s at most\n", wanted, names[best]);
    exit(1);
  }
  fprintf(stderr, "error: MSDIFFUSION_KERNELS: expected scalar, avx2 or avx512, found '%s'\n", wanted);
  exit(1);
}

int msd_level(void) {
  static int level = -1;
  int known = __atomic_load_n(&level, __ATOMIC_RELAXED);
  if (known < 0) {
    known = chosen_level();
    __atomic_store_n(&level, known, __ATOMIC_RELAXED);
  }
  return known;
}
