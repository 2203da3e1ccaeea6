#include "dispatch.h"

int msd_level(void) {
#if defined(__x86_64__)
  static int level = -1;
  int known = __atomic_load_n(&level, __ATOMIC_RELAXED);
  if (known < 0) {
    __builtin_cpu_init();
    int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    int medium = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    known = medium ? (wide ? 2 : 1) : 0;
    __atomic_store_n(&level, known, __ATOMIC_RELAXED);
  }
  return known;
#else
  return 0;
#endif
}
