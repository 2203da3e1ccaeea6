#include "functions.h"

MSD_INLINE void msd_softmax_body(float *values, int64_t rows, int64_t columns) {
  for (int64_t row = 0; row < rows; row++) {
    float *x = values + row * columns;
    float largest = -__builtin_inff();
    for (int64_t i = 0; i < columns; i++) {
#pragma clang fp reassociate(on)
      largest = x[i] > largest ? x[i] : largest;
    }
    if (largest == -__builtin_inff()) {
      for (int64_t i = 0; i < columns; i++) x[i] = x[i] != x[i] ? x[i] : 0.0f;
      continue;
    }
    for (int64_t i = 0; i < columns; i++) x[i] = msd_exp(x[i] - largest);
    float sum = 0;
    for (int64_t i = 0; i < columns; i++) {
#pragma clang fp reassociate(on)
      sum += x[i];
    }
    float factor = 1.0f / sum;
    for (int64_t i = 0; i < columns; i++) x[i] *= factor;
  }
}
MSD_KERNEL(msd_softmax, (float *values, int64_t rows, int64_t columns), (values, rows, columns))
