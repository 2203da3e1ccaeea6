#include "dispatch.h"

// Transforms of Winograd's convolution F(2×2, 3×3) (Lavin and Gray, 2016): a 3×3 convolution with padding 1, 2×2 outputs at
// a time. Each input patch d of 4×4 becomes Bᵀ·d·B, each kernel g becomes G·g·Gᵀ. The two are multiplied element by element and
// summed over channels, by one matrix product for each of the 16 elements; the 4×4 sums m give the outputs Aᵀ·m·A. With
//
//        1  0 -1  0         1    0    0         1  0
//   Bᵀ = 0  1  1  0     G = 1/2  1/2  1/2   A = 1  1
//        0 -1  1  0         1/2 -1/2  1/2       1 -1
//        0  1  0 -1         0    0    1         0 -1
//
// Of the 16 results of a transform, number k lies `stride` numbers after number k - 1.

// Separates the odd and even columns of padded rows first, so that all loads of a row of patches are contiguous.
MSD_INLINE void msd_winograd_input_body(
  const float *restrict in, int64_t height, int64_t width, int64_t first, int64_t rows, float *restrict out, int64_t stride,
  float *restrict scratch) {
  int64_t tiles = (width + 1) / 2, line = tiles + 1, plane = (rows + 1) * line;
  for (int64_t row = 0; row < 2 * rows + 2; row++) {
    int64_t y = 2 * first - 1 + row;
    float *even = scratch + (row & 1) * 2 * plane + row / 2 * line, *odd = even + plane;
    if (y < 0 || y >= height) {
      for (int64_t i = 0; i < line; i++) even[i] = odd[i] = 0;
      continue;
    }
    const float *x = in + y * width;
    even[0] = even[tiles] = odd[tiles] = 0;
    for (int64_t i = 0; i < width / 2; i++) {
      odd[i] = x[2 * i];
      even[i + 1] = x[2 * i + 1];
    }
    if (width & 1) odd[width / 2] = x[width - 1];
  }
  for (int64_t row = 0; row < rows; row++) {
    const float *p0 = scratch + row * line, *p1 = p0 + plane, *p2 = p1 + plane, *p3 = p2 + plane;
    float *o = out + row * tiles;
    MSD_ROW for (int64_t i = 0; i < tiles; i++) {
      float a[4][4];
#define MSD_PATCH_ROW(k, even, odd, j)                                      \
  {                                                                         \
    float d0 = even[j], d1 = odd[j], d2 = even[j + 1], d3 = odd[j + 1];     \
    a[k][0] = d0 - d2, a[k][1] = d1 + d2, a[k][2] = d2 - d1, a[k][3] = d1 - d3; \
  }
      MSD_PATCH_ROW(0, p0, p1, i)
      MSD_PATCH_ROW(1, p2, p3, i)
      MSD_PATCH_ROW(2, p0, p1, i + line)
      MSD_PATCH_ROW(3, p2, p3, i + line)
      for (int k = 0; k < 4; k++) {
        o[k * stride + i] = a[0][k] - a[2][k];
        o[(4 + k) * stride + i] = a[1][k] + a[2][k];
        o[(8 + k) * stride + i] = a[2][k] - a[1][k];
        o[(12 + k) * stride + i] = a[1][k] - a[3][k];
      }
    }
  }
}
MSD_KERNEL(
  msd_winograd_input,
  (const float *in, int64_t height, int64_t width, int64_t first, int64_t rows, float *out, int64_t stride,
   float *scratch),
  (in, height, width, first, rows, out, stride, scratch))

MSD_INLINE void msd_winograd_output_body(
  const float *restrict in, int64_t stride, int64_t height, int64_t width, int64_t first, int64_t rows, float bias, float *restrict out,
  float *restrict scratch) {
  int64_t tiles = (width + 1) / 2;
  float *y00 = scratch, *y01 = y00 + tiles, *y10 = y01 + tiles, *y11 = y10 + tiles;
  for (int64_t row = 0; row < rows; row++) {
    const float *m = in + row * tiles;
    MSD_ROW for (int64_t i = 0; i < tiles; i++) {
      float a[2][4];
      for (int k = 0; k < 4; k++) {
        float m0 = m[k * stride + i], m1 = m[(4 + k) * stride + i], m2 = m[(8 + k) * stride + i],
              m3 = m[(12 + k) * stride + i];
        a[0][k] = m0 + m1 + m2;
        a[1][k] = m1 - m2 - m3;
      }
      y00[i] = a[0][0] + a[0][1] + a[0][2] + bias;
      y01[i] = a[0][1] - a[0][2] - a[0][3] + bias;
      y10[i] = a[1][0] + a[1][1] + a[1][2] + bias;
      y11[i] = a[1][1] - a[1][2] - a[1][3] + bias;
    }
    for (int half = 0; half < 2 && 2 * (first + row) + half < height; half++) {
      const float *even = half ? y10 : y00, *odd = half ? y11 : y01;
      float *y = out + (2 * (first + row) + half) * width;
      for (int64_t i = 0; i < width / 2; i++) {
        y[2 * i] = even[i];
        y[2 * i + 1] = odd[i];
      }
      if (width & 1) y[width - 1] = even[width / 2];
    }
  }
}
MSD_KERNEL(
  msd_winograd_output,
  (const float *in, int64_t stride, int64_t height, int64_t width, int64_t first, int64_t rows, float bias, float *out,
   float *scratch),
  (in, stride, height, width, first, rows, bias, out, scratch))

// A·y·Aᵀ, where y is the gradient of one tile of 2×2 outputs; it is 0 for outputs beyond the edge of the image.
MSD_INLINE void msd_winograd_output_gradient_body(
  const float *restrict in, int64_t height, int64_t width, int64_t first, int64_t rows, float *restrict out, int64_t stride,
  float *restrict scratch) {
  int64_t tiles = (width + 1) / 2;
  for (int64_t row = 0; row < rows; row++) {
    for (int half = 0; half < 2; half++) {
      int64_t y = 2 * (first + row) + half;
      float *even = scratch + 2 * half * tiles, *odd = even + tiles;
      if (y >= height) {
        for (int64_t i = 0; i < tiles; i++) even[i] = odd[i] = 0;
        continue;
      }
      const float *x = in + y * width;
      for (int64_t i = 0; i < width / 2; i++) {
        even[i] = x[2 * i];
        odd[i] = x[2 * i + 1];
      }
      if (width & 1) even[width / 2] = x[width - 1], odd[width / 2] = 0;
    }
    const float *y00 = scratch, *y01 = y00 + tiles, *y10 = y01 + tiles, *y11 = y10 + tiles;
    float *o = out + row * tiles;
    MSD_ROW for (int64_t i = 0; i < tiles; i++) {
      float a[2][4];
      a[0][0] = y00[i], a[0][1] = y00[i] + y01[i], a[0][2] = y00[i] - y01[i], a[0][3] = -y01[i];
      a[1][0] = y10[i], a[1][1] = y10[i] + y11[i], a[1][2] = y10[i] - y11[i], a[1][3] = -y11[i];
      for (int k = 0; k < 4; k++) {
        o[k * stride + i] = a[0][k];
        o[(4 + k) * stride + i] = a[0][k] + a[1][k];
        o[(8 + k) * stride + i] = a[0][k] - a[1][k];
        o[(12 + k) * stride + i] = -a[1][k];
      }
    }
  }
}
MSD_KERNEL(
  msd_winograd_output_gradient,
  (const float *in, int64_t height, int64_t width, int64_t first, int64_t rows, float *out, int64_t stride,
   float *scratch),
  (in, height, width, first, rows, out, stride, scratch))

MSD_INLINE void msd_winograd_weights_body(
  const float *restrict in, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, int turned, float *restrict out,
  int64_t stride) {
  for (int64_t row = 0; row < rows; row++) {
    const float *g = in + row * row_stride;
    float *o = out + row * columns;
    MSD_ROW for (int64_t i = 0; i < columns; i++) {
      float a[3][4];
      for (int k = 0; k < 3; k++) {
        float g0 = g[i * column_stride + (turned ? 8 - 3 * k : 3 * k)],
              g1 = g[i * column_stride + (turned ? 7 - 3 * k : 3 * k + 1)],
              g2 = g[i * column_stride + (turned ? 6 - 3 * k : 3 * k + 2)];
        a[k][0] = g0, a[k][1] = 0.5f * (g0 + g1 + g2), a[k][2] = 0.5f * (g0 - g1 + g2), a[k][3] = g2;
      }
      for (int k = 0; k < 4; k++) {
        o[k * stride + i] = a[0][k];
        o[(4 + k) * stride + i] = 0.5f * (a[0][k] + a[1][k] + a[2][k]);
        o[(8 + k) * stride + i] = 0.5f * (a[0][k] - a[1][k] + a[2][k]);
        o[(12 + k) * stride + i] = a[2][k];
      }
    }
  }
}
MSD_KERNEL(
  msd_winograd_weights,
  (const float *in, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, int turned, float *out,
   int64_t stride),
  (in, rows, columns, row_stride, column_stride, turned, out, stride))

// Gᵀ·u·G of the gradient u of a transformed kernel.
MSD_INLINE void msd_winograd_weight_gradient_body(const float *restrict in, int64_t stride, int64_t count, float *restrict out) {
  MSD_ROW for (int64_t i = 0; i < count; i++) {
    float a[3][4];
    for (int k = 0; k < 4; k++) {
      float u0 = in[k * stride + i], u1 = in[(4 + k) * stride + i], u2 = in[(8 + k) * stride + i],
            u3 = in[(12 + k) * stride + i];
      a[0][k] = u0 + 0.5f * (u1 + u2), a[1][k] = 0.5f * (u1 - u2), a[2][k] = 0.5f * (u1 + u2) + u3;
    }
    for (int k = 0; k < 3; k++) {
      out[9 * i + 3 * k] = a[k][0] + 0.5f * (a[k][1] + a[k][2]);
      out[9 * i + 3 * k + 1] = 0.5f * (a[k][1] - a[k][2]);
      out[9 * i + 3 * k + 2] = 0.5f * (a[k][1] + a[k][2]) + a[k][3];
    }
  }
}
MSD_KERNEL(
  msd_winograd_weight_gradient, (const float *in, int64_t stride, int64_t count, float *out), (in, stride, count, out))
