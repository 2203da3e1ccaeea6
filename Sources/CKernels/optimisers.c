#include "dispatch.h"

// Operations in PyTorch's order, each rounded on its own: no multiplication and addition are fused, so that every
// version gives the same bits.

MSD_INLINE float msd_between(float from, float to, float share) {
#pragma clang fp contract(off)
  return share < 0.5f ? from + share * (to - from) : to - (to - from) * (1.0f - share);
}

MSD_INLINE void msd_adamw_body(
  float *weight, const float *gradient, float *first, float *second, int64_t count, msd_adamw_step step) {
#pragma clang fp contract(off)
  for (int64_t i = 0; i < count; i++) {
    float slope = gradient[i] * step.gradient_scale;
    float mean = msd_between(first[i], slope, step.first_share);
    float square = second[i] * step.second_kept + step.second_share * slope * slope;
    float deviation = __builtin_elementwise_sqrt(square) / step.second_correction + step.epsilon;
    first[i] = mean;
    second[i] = square;
    weight[i] = weight[i] * step.kept + -step.rate * mean / deviation;
  }
}
MSD_KERNEL(
  msd_adamw,
  (float *weight, const float *gradient, float *first, float *second, int64_t count, msd_adamw_step step),
  (weight, gradient, first, second, count, step))

MSD_INLINE void msd_approach_body(float *average, const float *value, int64_t count, float share) {
  for (int64_t i = 0; i < count; i++) average[i] = msd_between(average[i], value[i], share);
}
MSD_KERNEL(msd_approach, (float *average, const float *value, int64_t count, float share), (average, value, count, share))
