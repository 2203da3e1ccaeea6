#pragma once
#include "CKernels.h"

#define MSD_INLINE static inline __attribute__((always_inline))

// Before a loop whose iterations are independent, even if it works in place: it also ends with a masked vector and not with
// single numbers, since short rows are common.
#define MSD_ROW _Pragma("clang loop vectorize(assume_safety) vectorize_predicate(enable)")

// Compiles one body once per instruction set; at run time, calls the version for this processor.
#if defined(__x86_64__)
#define MSD_KERNEL(name, parameters, arguments)                                                    \
  void name##_scalar parameters { name##_body arguments; }                                         \
  __attribute__((target("avx2,fma,f16c"))) static void name##_avx2 parameters {                    \
    name##_body arguments;                                                                         \
  }                                                                                                \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))) static void          \
    name##_avx512 parameters {                                                                     \
    name##_body arguments;                                                                         \
  }                                                                                                \
  void name parameters {                                                                           \
    switch (msd_level()) {                                                                         \
      case 2: name##_avx512 arguments; break;                                                      \
      case 1: name##_avx2 arguments; break;                                                        \
      default: name##_scalar arguments;                                                            \
    }                                                                                              \
  }
#else
#define MSD_KERNEL(name, parameters, arguments)            \
  void name##_scalar parameters { name##_body arguments; } \
  void name parameters { name##_body arguments; }
#endif
