#include "functions.h"

// Gradients of inputs, computed from the gradients of results.

MSD_INLINE void msd_silu_gradient_body(const float *in, const float *gradient, float *out, int64_t count) {
  MSD_ROW for (int64_t i = 0; i < count; i++) {
    float s = msd_sigmoid_one(in[i]);
    out[i] = gradient[i] * s * (1.0f + in[i] * (1.0f - s));
  }
}
MSD_KERNEL(
  msd_silu_gradient, (const float *in, const float *gradient, float *out, int64_t count), (in, gradient, out, count))

// d/dx x·Φ(x) = Φ(x) + x·φ(x).
MSD_INLINE float msd_gelu_gradient_one(float x) {
  return 0.5f * (1.0f + msd_erf(x * 0.70710678f)) + x * 0.39894228f * msd_exp(-0.5f * x * x);
}

MSD_INLINE void msd_gelu_gradient_body(const float *in, const float *gradient, float *out, int64_t count) {
  MSD_ROW for (int64_t i = 0; i < count; i++) out[i] = gradient[i] * msd_gelu_gradient_one(in[i]);
}
MSD_KERNEL(
  msd_gelu_gradient, (const float *in, const float *gradient, float *out, int64_t count), (in, gradient, out, count))

MSD_INLINE void msd_quick_gelu_gradient_body(const float *in, const float *gradient, float *out, int64_t count) {
  MSD_ROW for (int64_t i = 0; i < count; i++) {
    float s = msd_sigmoid_one(1.702f * in[i]);
    out[i] = gradient[i] * s * (1.0f + 1.702f * in[i] * (1.0f - s));
  }
}
MSD_KERNEL(
  msd_quick_gelu_gradient, (const float *in, const float *gradient, float *out, int64_t count), (in, gradient, out, count))

MSD_INLINE void msd_geglu_gradient_body(const float *in, const float *gradient, float *out, int64_t rows, int64_t width) {
  for (int64_t row = 0; row < rows; row++) {
    const float *value = in + row * 2 * width;
    const float *gate = value + width;
    const float *from = gradient + row * width;
    float *to = out + row * 2 * width;
    MSD_ROW for (int64_t i = 0; i < width; i++) {
      float x = gate[i];
      float phi = 0.5f * (1.0f + msd_erf(x * 0.70710678f));
      float gate_factor = phi + x * 0.39894228f * msd_exp(-0.5f * x * x);
      to[i] = from[i] * x * phi;
      to[width + i] = from[i] * value[i] * gate_factor;
    }
  }
}
MSD_KERNEL(
  msd_geglu_gradient, (const float *in, const float *gradient, float *out, int64_t rows, int64_t width),
  (in, gradient, out, rows, width))

MSD_INLINE void msd_softmax_gradient_body(
  const float *probabilities, float *gradient, int64_t rows, int64_t columns, float factor) {
  for (int64_t row = 0; row < rows; row++) {
    const float *p = probabilities + row * columns;
    float *d = gradient + row * columns;
    float sum = 0;
    for (int64_t i = 0; i < columns; i++) {
#pragma clang fp reassociate(on)
      sum += p[i] * d[i];
    }
    MSD_ROW for (int64_t i = 0; i < columns; i++) d[i] = p[i] * (d[i] - sum) * factor;
  }
}
MSD_KERNEL(
  msd_softmax_gradient, (const float *probabilities, float *gradient, int64_t rows, int64_t columns, float factor),
  (probabilities, gradient, rows, columns, factor))

// With n = (x - mean)·factor and g = gradient·weight, the gradient of x is factor·(g - mean(g) - n·mean(g·n)).
MSD_INLINE void msd_layer_norm_gradient_body(
  const float *in, const float *gradient, float *out, int64_t rows, int64_t columns, const float *weight,
  float *weight_gradient, float *bias_gradient, float epsilon) {
  for (int64_t row = 0; row < rows; row++) {
    const float *x = in + row * columns;
    const float *d = gradient + row * columns;
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
    double product_sum = 0;
    for (int64_t i = 0; i < columns; i++) {
#pragma clang fp reassociate(on)
      float normal = (x[i] - centre) * factor;
      float scaled = weight ? d[i] * weight[i] : d[i];
      sum += (double)scaled;
      product_sum += (double)scaled * (double)normal;
    }
    float gradient_mean = (float)(sum / (double)columns);
    float product_mean = (float)(product_sum / (double)columns);
    for (int64_t i = 0; i < columns; i++) {
      float normal = (x[i] - centre) * factor;
      float scaled = weight ? d[i] * weight[i] : d[i];
      y[i] = factor * (scaled - gradient_mean - normal * product_mean);
    }
    if (weight_gradient)
      for (int64_t i = 0; i < columns; i++) weight_gradient[i] += d[i] * ((x[i] - centre) * factor);
    if (bias_gradient)
      for (int64_t i = 0; i < columns; i++) bias_gradient[i] += d[i];
  }
}
MSD_KERNEL(
  msd_layer_norm_gradient,
  (const float *in, const float *gradient, float *out, int64_t rows, int64_t columns, const float *weight,
   float *weight_gradient, float *bias_gradient, float epsilon),
  (in, gradient, out, rows, columns, weight, weight_gradient, bias_gradient, epsilon))

// One group of a group norm, `channels` contiguous planes of `area` values. `out` first holds the gradient of the
// scaled and shifted values, then that of the input.
MSD_INLINE void msd_group_norm_gradient_body(
  const float *in, const float *gradient, float *out, int64_t channels, int64_t area, float mean, float factor,
  const float *weight, const float *bias, int silu, float *weight_gradient, float *bias_gradient) {
  double sum = 0;
  double product_sum = 0;
  for (int64_t channel = 0; channel < channels; channel++) {
    const float *x = in + channel * area;
    const float *d = gradient + channel * area;
    float *y = out + channel * area;
    float w = weight ? weight[channel] : 1.0f;
    float b = bias ? bias[channel] : 0.0f;
    double of_weight = 0;
    double of_bias = 0;
    MSD_ROW for (int64_t i = 0; i < area; i++) {
#pragma clang fp reassociate(on)
      float normal = (x[i] - mean) * factor;
      float each = d[i];
      if (silu) {
        float before = normal * w + b;
        float s = msd_sigmoid_one(before);
        each *= s * (1.0f + before * (1.0f - s));
      }
      y[i] = each;
      of_weight += (double)(each * normal);
      of_bias += (double)each;
    }
    if (weight_gradient) weight_gradient[channel] += (float)of_weight;
    if (bias_gradient) bias_gradient[channel] += (float)of_bias;
    sum += of_bias * (double)w;
    product_sum += of_weight * (double)w;
  }
  double count = (double)(channels * area);
  float gradient_mean = (float)(sum / count);
  float product_mean = (float)(product_sum / count);
  for (int64_t channel = 0; channel < channels; channel++) {
    const float *x = in + channel * area;
    float *y = out + channel * area;
    float w = weight ? weight[channel] : 1.0f;
    MSD_ROW for (int64_t i = 0; i < area; i++)
      y[i] = factor * (y[i] * w - gradient_mean - (x[i] - mean) * factor * product_mean);
  }
}
MSD_KERNEL(
  msd_group_norm_gradient,
  (const float *in, const float *gradient, float *out, int64_t channels, int64_t area, float mean, float factor,
   const float *weight, const float *bias, int silu, float *weight_gradient, float *bias_gradient),
  (in, gradient, out, channels, area, mean, factor, weight, bias, silu, weight_gradient, bias_gradient))

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
