#pragma once
#include <stdint.h>

// Numeric kernels on float32, row-major. Each is compiled three times from one body: for any processor (…_scalar, with
// which tests compare the others), for AVX2 and for AVX-512. The version for the processor is
// selected at run time.

#define MSD_DECLARE(name, ...)   \
  void name(__VA_ARGS__);        \
  void name##_scalar(__VA_ARGS__);

// IEEE half and bfloat16 to float32.
MSD_DECLARE(msd_from_half, const uint16_t *in, float *out, int64_t count)
MSD_DECLARE(msd_from_bfloat16, const uint16_t *in, float *out, int64_t count)
// float32 to the nearest bfloat16, ties to even; NaN stays NaN.
MSD_DECLARE(msd_to_bfloat16, const float *in, uint16_t *out, int64_t count)

// One operand of a matrix product, row-major, `stride` numbers from row to row; transposed: read with rows and columns
// exchanged.
typedef struct {
  const void *values;
  int64_t stride;
  int is_transposed;
} msd_operand;

typedef enum { msd_float32, msd_bfloat16 } msd_element;

// oneDNN's version; NULL if it is not installed.
const char *msd_onednn_version(void);

// C = alpha·A·B + beta·C on the calling thread, for operands of one type and a result in float32. Returns 0, without touching C,
// if oneDNN is not installed or cannot compute the product.
int msd_onednn_multiply(
  msd_operand a, msd_operand b, msd_element type, float *c, int64_t stride, int64_t rows, int64_t columns, int64_t inner,
  float alpha, float beta);

// x·σ(x), x·Φ(x) with the exact error function, and x·σ(1.702x); in and out may be the same.
MSD_DECLARE(msd_silu, const float *in, float *out, int64_t count)
MSD_DECLARE(msd_gelu, const float *in, float *out, int64_t count)
MSD_DECLARE(msd_quick_gelu, const float *in, float *out, int64_t count)

// Each row holds `width` numbers a, then `width` numbers b; writes rows of `width` numbers a·GELU(b).
MSD_DECLARE(msd_geglu, const float *in, float *out, int64_t rows, int64_t width)

// Softmax of each row in place; a row with only minus infinity becomes zeros.
MSD_DECLARE(msd_softmax, float *values, int64_t rows, int64_t columns)

// A softmax whose columns come in several blocks (Milakov and Gimelshein, 2018). For one block of each row: replaces values by
// e^(value - maximum so far), and updates maximum (at first minus infinity) and sum (at first 0). Results of earlier blocks
// must be multiplied by the row's factor.
MSD_DECLARE(
  msd_online_softmax, float *values, int64_t rows, int64_t columns, float *maxima, float *sums, float *factors)

// Multiplies each row by a factor of its own.
MSD_DECLARE(msd_scale_rows, float *values, int64_t rows, int64_t columns, int64_t stride, const float *factors)

// Normalises rows to mean 0 and variance 1, then multiplies by weight and adds bias (either may be NULL).
MSD_DECLARE(
  msd_layer_norm, const float *in, float *out, int64_t rows, int64_t columns, const float *weight, const float *bias,
  float epsilon)

// in · scale + shift, alone or with SiLU after it.
MSD_DECLARE(msd_affine, const float *in, float *out, int64_t count, float scale, float shift)
MSD_DECLARE(msd_affine_silu, const float *in, float *out, int64_t count, float scale, float shift)

// Sum, and sum of squared distances from a mean, in double precision.
MSD_DECLARE(msd_sum, const float *in, int64_t count, double *result)
MSD_DECLARE(msd_squares, const float *in, int64_t count, double mean, double *result)

// Gradients of the inputs of SiLU, GELU, quick GELU and a·GELU(b); `gradient` is the gradient of the result.
MSD_DECLARE(msd_silu_gradient, const float *in, const float *gradient, float *out, int64_t count)
MSD_DECLARE(msd_gelu_gradient, const float *in, const float *gradient, float *out, int64_t count)
MSD_DECLARE(msd_quick_gelu_gradient, const float *in, const float *gradient, float *out, int64_t count)
MSD_DECLARE(msd_geglu_gradient, const float *in, const float *gradient, float *out, int64_t rows, int64_t width)

// The gradient of a softmax's input, times a factor; it overwrites `gradient`, the gradient of the result.
MSD_DECLARE(
  msd_softmax_gradient, const float *probabilities, float *gradient, int64_t rows, int64_t columns, float factor)

// The gradient of a layer norm's input. Gradients of weight and bias are added to `weight_gradient` and
// `bias_gradient`; these two and `weight` may be NULL.
MSD_DECLARE(
  msd_layer_norm_gradient, const float *in, const float *gradient, float *out, int64_t rows, int64_t columns,
  const float *weight, float *weight_gradient, float *bias_gradient, float epsilon)

// The same for one group of a group norm, given its mean and `factor`, 1/√(variance + ε), with or without a SiLU after
// it.
MSD_DECLARE(
  msd_group_norm_gradient, const float *in, const float *gradient, float *out, int64_t channels, int64_t area, float mean,
  float factor, const float *weight, const float *bias, int silu, float *weight_gradient, float *bias_gradient)

// Adds all rows to `sums`; adds `in` to `sum`, value by value.
MSD_DECLARE(msd_column_sums, const float *in, float *sums, int64_t rows, int64_t columns)
MSD_DECLARE(msd_add, const float *in, float *sum, int64_t count)

// A convolution's kernel on one channel of an image of height × width, and the rows of outputs to compute.
typedef struct {
  int64_t height, width, kernel_height, kernel_width, stride, padding;
  int64_t first_row, rows;
  int64_t outputs;  // per row
} msd_window;

// Lays out a channel for a matrix product: for each kernel position, the numbers under it at each output position.
MSD_DECLARE(msd_lay_out, const float *in, msd_window window, float *out, int64_t distance)

// Transforms for a 3×3 convolution with padding 1 that computes one tile of 2×2 outputs at a time. A transformed tile or
// kernel is 16 numbers, `stride` numbers apart. Tiles of one channel are transformed by rows of (width + 1) / 2 tiles, from row
// `first` on; `scratch` holds 4 · (rows + 1) · (tiles + 1) numbers.
MSD_DECLARE(
  msd_winograd_input, const float *in, int64_t height, int64_t width, int64_t first, int64_t rows, float *out,
  int64_t stride, float *scratch)
MSD_DECLARE(
  msd_winograd_output, const float *in, int64_t stride, int64_t height, int64_t width, int64_t first, int64_t rows,
  float bias, float *out, float *scratch)
MSD_DECLARE(
  msd_winograd_output_gradient, const float *in, int64_t height, int64_t width, int64_t first, int64_t rows, float *out,
  int64_t stride, float *scratch)

// Transforms a matrix of 3×3 kernels, [rows, columns], to 16 matrices; `turned` turns each kernel by 180°. The second
// function transforms the gradients of `count` kernels back.
MSD_DECLARE(
  msd_winograd_weights, const float *in, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride,
  int turned, float *out, int64_t stride)
MSD_DECLARE(msd_winograd_weight_gradient, const float *in, int64_t stride, int64_t count, float *out)

// Memory for tensors, aligned to 64 bytes, not initialised; NULL if the system has none. `bytes` must be the same for
// both calls. Released blocks, up to 512 MiB of them, wait for the next request of about their size.
void *msd_allocate(int64_t bytes);
void msd_release(void *memory, int64_t bytes);

// The bytes of all blocks that wait.
int64_t msd_waiting_bytes(void);

// Whether operations called by this thread must run on it alone.
int msd_is_alone(void);
void msd_set_alone(int value);

// Calls task(context, part) once for every part in 0..<parts, on the calling thread and on threads that live as long as
// the process; they wait for work for some 50 microseconds before they sleep. While a thread runs a task it is alone. If
// the calling thread is alone, or the threads serve another caller, it runs all parts itself.
typedef void (*msd_task)(void *context, int64_t part);
void msd_run(int64_t parts, int threads, msd_task task, void *context);

// The constants of one step of AdamW.
typedef struct {
  float gradient_scale;     // multiplies the gradient, for clipping
  float kept;               // multiplies the weight: 1 - rate · decay
  float first_added;        // 1 - β1
  float second_kept;        // β2
  float second_added;       // 1 - β2
  float second_correction;  // √(1 - β2^t)
  float rate;               // rate / (1 - β1^t)
  float epsilon;
} msd_adamw_step;

// One step of AdamW on weights and both moments, in place.
MSD_DECLARE(
  msd_adamw, float *weight, const float *gradient, float *first, float *second, int64_t count, msd_adamw_step step)

// average += fraction · (value - average).
MSD_DECLARE(msd_approach, float *average, const float *value, int64_t count, float fraction)

// The version in use: 0 scalar, 1 AVX2, 2 AVX-512. The best one that the processor has, or a lower one that the environment
// variable MSDIFFUSION_KERNELS names: scalar, avx2 or avx512.
int msd_level(void);

#undef MSD_DECLARE
