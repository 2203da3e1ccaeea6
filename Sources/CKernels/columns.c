#include "dispatch.h"

// For each kernel position, the numbers of one channel under it at each output position of some rows; 0 in the padding. The
// numbers of the next kernel position begin `distance` numbers later.
MSD_INLINE void msd_lay_out_body(const float *in, msd_window window, float *restrict out, int64_t distance) {
  for (int64_t ky = 0; ky < window.kernel_height; ky++)
    for (int64_t kx = 0; kx < window.kernel_width; kx++, out += distance) {
      // The outputs from `first` to before `end` see the image, the others the padding.
      int64_t shift = kx - window.padding;
      int64_t first = shift < 0 ? (-shift + window.stride - 1) / window.stride : 0;
      int64_t end = window.width - 1 - shift < 0 ? 0 : (window.width - 1 - shift) / window.stride + 1;
      if (end > window.outputs) end = window.outputs;
      if (first > end) first = end;
      for (int64_t row = 0; row < window.rows; row++) {
        int64_t y = (window.first_row + row) * window.stride + ky - window.padding;
        float *to = out + row * window.outputs;
        if (y < 0 || y >= window.height) {
          for (int64_t i = 0; i < window.outputs; i++) to[i] = 0;
          continue;
        }
        const float *from = in + y * window.width + shift;
        for (int64_t i = 0; i < first; i++) to[i] = 0;
        if (window.stride == 1) {
          MSD_ROW for (int64_t i = first; i < end; i++) to[i] = from[i];
        } else {
          MSD_ROW for (int64_t i = first; i < end; i++) to[i] = from[i * window.stride];
        }
        for (int64_t i = end; i < window.outputs; i++) to[i] = 0;
      }
    }
}
MSD_KERNEL(
  msd_lay_out, (const float *in, msd_window window, float *out, int64_t distance), (in, window, out, distance))
