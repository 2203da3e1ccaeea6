#include "dispatch.h"

// Operations in PyTorch's order, each rounded on its own: no multiplication is fused with an addition, so that every
// version returns the same bits.

MSD_INLINE float msd_between(float from, float to, float fraction) {
#pragma clang fp contract(off)
  return fraction < 0.5f ? from + fraction * (to - from) : to - (to - from) * (1.0f - fraction);
}

MSD_INLINE void msd_adamw_body(
  float *weight, const float *gradient, float *first, float *second, int64_t count, msd_adamw_step step) {
#pragma clang fp contract(off)
  for (int64_t i = 0; i < count; i++) {
    float scaled = gradient[i] * step.gradient_scale;
    float mean = msd_between(first[i], scaled, step.first_added);
    float square = second[i] * step.second_kept + step.second_added * scaled * scaled;
    float divisor = __builtin_elementwise_sqrt(square) / step.second_correction + step.epsilon;
    first[i] = mean;
    second[i] = square;
    weight[i] = weight[i] * step.kept + -step.rate * mean / divisor;
  }
}
MSD_KERNEL(
  msd_adamw,
  (float *weight, const float *gradient, float *first, float *second, int64_t count, msd_adamw_step step),
  (weight, gradient, first, second, count, step))

MSD_INLINE void msd_approach_body(float *average, const float *value, int64_t count, float fraction) {
  for (int64_t i = 0; i < count; i++) average[i] = msd_between(average[i], value[i], fraction);
}
MSD_KERNEL(
  msd_approach, (float *average, const float *value, int64_t count, float fraction), (average, value, count, fraction))
