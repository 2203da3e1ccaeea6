#include <string.h>

#include "dispatch.h"

// Exponent and fraction are shifted to their float32 positions. An exact multiplication corrects the exponent, also of
// subnormal numbers; infinity and NaN keep the largest exponent.
MSD_INLINE void msd_from_half_body(const uint16_t *in, float *out, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t half = in[i];
    uint32_t sign = (half & 0x8000u) << 16;
    uint32_t rest = (half & 0x7fffu) << 13;
    float scaled;
    memcpy(&scaled, &rest, 4);
    scaled *= 0x1p112f;
    uint32_t bits;
    memcpy(&bits, &scaled, 4);
    bits = (half & 0x7c00u) == 0x7c00u ? (rest | 0x7f800000u) : bits;
    bits |= sign;
    memcpy(&out[i], &bits, 4);
  }
}
MSD_KERNEL(msd_from_half, (const uint16_t *in, float *out, int64_t count), (in, out, count))

MSD_INLINE void msd_from_bfloat16_body(const uint16_t *in, float *out, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits = (uint32_t)in[i] << 16;
    memcpy(&out[i], &bits, 4);
  }
}
MSD_KERNEL(msd_from_bfloat16, (const uint16_t *in, float *out, int64_t count), (in, out, count))

MSD_INLINE void msd_to_bfloat16_body(const float *in, uint16_t *out, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, &in[i], 4);
    uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
    uint32_t quiet = bits >> 16 | 0x40u;
    out[i] = (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
  }
}
MSD_KERNEL(msd_to_bfloat16, (const float *in, uint16_t *out, int64_t count), (in, out, count))
