#include "functions.h"

// The largest number, or minus infinity. Written with 32 separate lanes, because compilers do not vectorise a single chain of
// comparisons: with NaN, which is never larger, the result would depend on their order.
MSD_INLINE float msd_largest(const float *x, int64_t count) {
  enum { lanes = 32 };
  float largest[lanes];
  for (int lane = 0; lane < lanes; lane++) largest[lane] = -__builtin_inff();
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (int lane = 0; lane < lanes; lane++) largest[lane] = x[i + lane] > largest[lane] ? x[i + lane] : largest[lane];
  for (; i < count; i++) largest[i % lanes] = x[i] > largest[i % lanes] ? x[i] : largest[i % lanes];
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; lane++)
      largest[lane] = largest[lane + half] > largest[lane] ? largest[lane + half] : largest[lane];
  return largest[0];
}

// Replaces each number x by e^(x - largest).
// Returns: their sum.
MSD_INLINE float msd_exponentials(float *x, int64_t count, float largest) {
  float sum = 0;
  MSD_ROW for (int64_t i = 0; i < count; i++) {
#pragma clang fp reassociate(on)
    x[i] = msd_exp_not_above_zero(x[i] - largest);
    sum += x[i];
  }
  return sum;
}

MSD_INLINE void msd_softmax_body(float *values, int64_t rows, int64_t columns) {
  for (int64_t row = 0; row < rows; row++) {
    float *x = values + row * columns;
    float largest = msd_largest(x, columns);
    if (largest == -__builtin_inff()) {
      for (int64_t i = 0; i < columns; i++) x[i] = x[i] != x[i] ? x[i] : 0.0f;
      continue;
    }
    float sum = msd_exponentials(x, columns, largest);
    float factor = 1.0f / sum;
    MSD_ROW for (int64_t i = 0; i < columns; i++) x[i] *= factor;
  }
}
MSD_KERNEL(msd_softmax, (float *values, int64_t rows, int64_t columns), (values, rows, columns))

MSD_INLINE void msd_online_softmax_body(
  float *values, int64_t rows, int64_t columns, float *maxima, float *sums, float *factors) {
  for (int64_t row = 0; row < rows; row++) {
    float *x = values + row * columns;
    float largest = msd_largest(x, columns);
    if (largest < maxima[row]) largest = maxima[row];
    factors[row] = 1;
    if (largest == -__builtin_inff()) {
      for (int64_t i = 0; i < columns; i++) x[i] = x[i] != x[i] ? x[i] : 0.0f;
      continue;
    }
    if (maxima[row] != largest) factors[row] = msd_exp(maxima[row] - largest);
    maxima[row] = largest;
    float sum = msd_exponentials(x, columns, largest);
    sums[row] = sums[row] * factors[row] + sum;
  }
}
MSD_KERNEL(
  msd_online_softmax,
  (float *values, int64_t rows, int64_t columns, float *maxima, float *sums, float *factors),
  (values, rows, columns, maxima, sums, factors))

MSD_INLINE void msd_scale_rows_body(float *values, int64_t rows, int64_t columns, int64_t stride, const float *factors) {
  for (int64_t row = 0; row < rows; row++) {
    float *x = values + row * stride;
    float factor = factors[row];
    MSD_ROW for (int64_t i = 0; i < columns; i++) x[i] *= factor;
  }
}
MSD_KERNEL(
  msd_scale_rows, (float *values, int64_t rows, int64_t columns, int64_t stride, const float *factors),
  (values, rows, columns, stride, factors))
