#include "functions.h"

// Derivatives of inputs from those of results.

MSD_INLINE void msd_silu_slope_body(const float *in, const float *slope, float *out, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    float s = msd_sigmoid_one(in[i]);
    out[i] = slope[i] * s * (1.0f + in[i] * (1.0f - s));
  }
}
MSD_KERNEL(
  msd_silu_slope, (const float *in, const float *slope, float *out, int64_t count), (in, slope, out, count))

// d/dx x·Φ(x) = Φ(x) + x·φ(x).
MSD_INLINE float msd_gelu_slope_one(float x) {
  return 0.5f * (1.0f + msd_erf(x * 0.70710678f)) + x * 0.39894228f * msd_exp(-0.5f * x * x);
}

MSD_INLINE void msd_gelu_slope_body(const float *in, const float *slope, float *out, int64_t count) {
  for (int64_t i = 0; i < count; i++) out[i] = slope[i] * msd_gelu_slope_one(in[i]);
}
MSD_KERNEL(
  msd_gelu_slope, (const float *in, const float *slope, float *out, int64_t count), (in, slope, out, count))

MSD_INLINE void msd_quick_gelu_slope_body(const float *in, const float *slope, float *out, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    float s = msd_sigmoid_one(1.702f * in[i]);
    out[i] = slope[i] * s * (1.0f + 1.702f * in[i] * (1.0f - s));
  }
}
MSD_KERNEL(
  msd_quick_gelu_slope, (const float *in, const float *slope, float *out, int64_t count), (in, slope, out, count))

MSD_INLINE void msd_geglu_slope_body(const float *in, const float *slope, float *out, int64_t rows, int64_t width) {
  for (int64_t row = 0; row < rows; row++) {
    const float *value = in + row * 2 * width;
    const float *gate = value + width;
    const float *from = slope + row * width;
    float *to = out + row * 2 * width;
    for (int64_t i = 0; i < width; i++) {
      float x = gate[i];
      float phi = 0.5f * (1.0f + msd_erf(x * 0.70710678f));
      float steep = phi + x * 0.39894228f * msd_exp(-0.5f * x * x);
      to[i] = from[i] * x * phi;
      to[width + i] = from[i] * value[i] * steep;
    }
  }
}
MSD_KERNEL(
  msd_geglu_slope, (const float *in, const float *slope, float *out, int64_t rows, int64_t width),
  (in, slope, out, rows, width))

MSD_INLINE void msd_softmax_slope_body(
  const float *probabilities, float *slope, int64_t rows, int64_t columns, float factor) {
  for (int64_t row = 0; row < rows; row++) {
    const float *p = probabilities + row * columns;
    float *d = slope + row * columns;
    float sum = 0;
    for (int64_t i = 0; i < columns; i++) {
#pragma clang fp reassociate(on)
      sum += p[i] * d[i];
    }
    for (int64_t i = 0; i < columns; i++) d[i] = p[i] * (d[i] - sum) * factor;
  }
}
MSD_KERNEL(
  msd_softmax_slope, (const float *probabilities, float *slope, int64_t rows, int64_t columns, float factor),
  (probabilities, slope, rows, columns, factor))

MSD_INLINE void msd_layer_norm_slope_body(
  const float *in, const float *slope, float *out, int64_t rows, int64_t columns, const float *weight,
  float *weight_slope, float *bias_slope, float epsilon) {
  for (int64_t row = 0; row < rows; row++) {
    const float *x = in + row * columns;
    const float *d = slope + row * columns;
    float *y = out + row * columns;
    double mean = 0;
    double squares = 0;
    for (int64_t i = 0; i < columns; i++) {
#pragma clang fp reassociate(on)
      mean += (double)x[i];
    }
    mean /= (double)columns;
    for (int64_t i = 0; i < columns; i++) {
#pragma clang fp reassociate(on)
      double difference = (double)x[i] - mean;
      squares += difference * difference;
    }
    float centre = (float)mean;
    float factor = (float)(1.0 / __builtin_sqrt(squares / (double)columns + (double)epsilon));
    double sum = 0;
    double along = 0;
    for (int64_t i = 0; i < columns; i++) {
#pragma clang fp reassociate(on)
      float normal = (x[i] - centre) * factor;
      float scaled = weight ? d[i] * weight[i] : d[i];
      sum += (double)scaled;
      along += (double)scaled * (double)normal;
    }
    float shift = (float)(sum / (double)columns);
    float tilt = (float)(along / (double)columns);
    for (int64_t i = 0; i < columns; i++) {
      float normal = (x[i] - centre) * factor;
      float scaled = weight ? d[i] * weight[i] : d[i];
      y[i] = factor * (scaled - shift - normal * tilt);
    }
    if (weight_slope)
      for (int64_t i = 0; i < columns; i++) weight_slope[i] += d[i] * ((x[i] - centre) * factor);
    if (bias_slope)
      for (int64_t i = 0; i < columns; i++) bias_slope[i] += d[i];
  }
}
MSD_KERNEL(
  msd_layer_norm_slope,
  (const float *in, const float *slope, float *out, int64_t rows, int64_t columns, const float *weight,
   float *weight_slope, float *bias_slope, float epsilon),
  (in, slope, out, rows, columns, weight, weight_slope, bias_slope, epsilon))

// One group of a group norm, `channels` planes of `area` values that lie together; `out` holds the derivative of what
// follows the scale and shift until it is replaced by that of the input.
MSD_INLINE void msd_group_norm_slope_body(
  const float *in, const float *slope, float *out, int64_t channels, int64_t area, float mean, float factor,
  const float *weight, const float *bias, int silu, float *weight_slope, float *bias_slope) {
  double sum = 0;
  double along = 0;
  for (int64_t channel = 0; channel < channels; channel++) {
    const float *x = in + channel * area;
    const float *d = slope + channel * area;
    float *y = out + channel * area;
    float w = weight ? weight[channel] : 1.0f;
    float b = bias ? bias[channel] : 0.0f;
    double steep = 0;
    double flat = 0;
    for (int64_t i = 0; i < area; i++) {
#pragma clang fp reassociate(on)
      float normal = (x[i] - mean) * factor;
      float each = d[i];
      if (silu) {
        float before = normal * w + b;
        float s = msd_sigmoid_one(before);
        each *= s * (1.0f + before * (1.0f - s));
      }
      y[i] = each;
      steep += (double)(each * normal);
      flat += (double)each;
    }
    if (weight_slope) weight_slope[channel] += (float)steep;
    if (bias_slope) bias_slope[channel] += (float)flat;
    sum += flat * (double)w;
    along += steep * (double)w;
  }
  double count = (double)(channels * area);
  float shift = (float)(sum / count);
  float tilt = (float)(along / count);
  for (int64_t channel = 0; channel < channels; channel++) {
    const float *x = in + channel * area;
    float *y = out + channel * area;
    float w = weight ? weight[channel] : 1.0f;
    for (int64_t i = 0; i < area; i++) y[i] = factor * (y[i] * w - shift - (x[i] - mean) * factor * tilt);
  }
}
MSD_KERNEL(
  msd_group_norm_slope,
  (const float *in, const float *slope, float *out, int64_t channels, int64_t area, float mean, float factor,
   const float *weight, const float *bias, int silu, float *weight_slope, float *bias_slope),
  (in, slope, out, channels, area, mean, factor, weight, bias, silu, weight_slope, bias_slope))

MSD_INLINE void msd_column_sums_body(const float *in, float *sums, int64_t rows, int64_t columns) {
  for (int64_t row = 0; row < rows; row++)
    for (int64_t i = 0; i < columns; i++) sums[i] += in[row * columns + i];
}
MSD_KERNEL(
  msd_column_sums, (const float *in, float *sums, int64_t rows, int64_t columns), (in, sums, rows, columns))

MSD_INLINE void msd_add_body(const float *in, float *sum, int64_t count) {
  for (int64_t i = 0; i < count; i++) sum[i] += in[i];
}
MSD_KERNEL(msd_add, (const float *in, float *sum, int64_t count), (in, sum, count))
