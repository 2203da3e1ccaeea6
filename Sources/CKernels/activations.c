#include "functions.h"

MSD_INLINE void msd_silu_body(const float *in, float *out, int64_t count) {
  MSD_ROW for (int64_t i = 0; i < count; i++) out[i] = in[i] * msd_sigmoid_one(in[i]);
}
MSD_KERNEL(msd_silu, (const float *in, float *out, int64_t count), (in, out, count))

MSD_INLINE void msd_gelu_body(const float *in, float *out, int64_t count) {
  MSD_ROW for (int64_t i = 0; i < count; i++) out[i] = msd_gelu_one(in[i]);
}
MSD_KERNEL(msd_gelu, (const float *in, float *out, int64_t count), (in, out, count))

MSD_INLINE void msd_quick_gelu_body(const float *in, float *out, int64_t count) {
  MSD_ROW for (int64_t i = 0; i < count; i++) out[i] = in[i] * msd_sigmoid_one(1.702f * in[i]);
}
MSD_KERNEL(msd_quick_gelu, (const float *in, float *out, int64_t count), (in, out, count))

MSD_INLINE void msd_geglu_body(const float *in, float *out, int64_t rows, int64_t width) {
  for (int64_t row = 0; row < rows; row++) {
    const float *value = in + row * 2 * width;
    const float *gate = value + width;
    float *target = out + row * width;
    MSD_ROW for (int64_t i = 0; i < width; i++) target[i] = value[i] * msd_gelu_one(gate[i]);
  }
}
MSD_KERNEL(msd_geglu, (const float *in, float *out, int64_t rows, int64_t width), (in, out, rows, width))
