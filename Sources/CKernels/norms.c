#include "functions.h"

MSD_INLINE double msd_sum_of(const float *in, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
#pragma clang fp reassociate(on)
    sum += (double)in[i];
  }
  return sum;
}

MSD_INLINE double msd_squares_of(const float *in, int64_t count, double mean) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
#pragma clang fp reassociate(on)
    double difference = (double)in[i] - mean;
    sum += difference * difference;
  }
  return sum;
}

MSD_INLINE void msd_sum_body(const float *in, int64_t count, double *result) { *result = msd_sum_of(in, count); }
MSD_KERNEL(msd_sum, (const float *in, int64_t count, double *result), (in, count, result))

MSD_INLINE void msd_squares_body(const float *in, int64_t count, double mean, double *result) {
  *result = msd_squares_of(in, count, mean);
}
MSD_KERNEL(msd_squares, (const float *in, int64_t count, double mean, double *result), (in, count, mean, result))

MSD_INLINE void msd_affine_body(const float *in, float *out, int64_t count, float scale, float shift) {
  MSD_ROW for (int64_t i = 0; i < count; i++) out[i] = in[i] * scale + shift;
}
MSD_KERNEL(
  msd_affine, (const float *in, float *out, int64_t count, float scale, float shift), (in, out, count, scale, shift))

MSD_INLINE void msd_affine_silu_body(const float *in, float *out, int64_t count, float scale, float shift) {
  MSD_ROW for (int64_t i = 0; i < count; i++) {
    float x = in[i] * scale + shift;
    out[i] = x * msd_sigmoid_one(x);
  }
}
MSD_KERNEL(
  msd_affine_silu, (const float *in, float *out, int64_t count, float scale, float shift),
  (in, out, count, scale, shift))

MSD_INLINE void msd_layer_norm_body(
  const float *in, float *out, int64_t rows, int64_t columns, const float *weight, const float *bias, float epsilon) {
  for (int64_t row = 0; row < rows; row++) {
    const float *x = in + row * columns;
    float *y = out + row * columns;
    double mean = msd_sum_of(x, columns) / (double)columns;
    double variance = msd_squares_of(x, columns, mean) / (double)columns;
    float centre = (float)mean;
    float factor = (float)(1.0 / __builtin_sqrt(variance + (double)epsilon));
    if (weight && bias) {
      MSD_ROW for (int64_t i = 0; i < columns; i++) y[i] = (x[i] - centre) * factor * weight[i] + bias[i];
      continue;
    }
    MSD_ROW for (int64_t i = 0; i < columns; i++) y[i] = (x[i] - centre) * factor;
    if (weight)
      for (int64_t i = 0; i < columns; i++) y[i] *= weight[i];
    if (bias)
      for (int64_t i = 0; i < columns; i++) y[i] += bias[i];
  }
}
MSD_KERNEL(
  msd_layer_norm,
  (const float *in, float *out, int64_t rows, int64_t columns, const float *weight, const float *bias, float epsilon),
  (in, out, rows, columns, weight, bias, epsilon))
