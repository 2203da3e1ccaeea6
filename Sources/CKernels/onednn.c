// Matrix products by oneDNN 2, if it was installed when this file was compiled and is installed when the program runs. The
// library is opened at run time, so that nothing depends on it.
#include "include/CKernels.h"

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#endif

#if defined(DNNL_VERSION_MAJOR) && DNNL_VERSION_MAJOR == 2
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

// Each function that is used, by its name without the prefix.
#define FUNCTIONS(use)                                                                                                 \
  use(engine_create) use(stream_create) use(memory_desc_init_by_strides) use(matmul_desc_init)                         \
  use(primitive_attr_create) use(primitive_attr_destroy) use(primitive_attr_set_output_scales) use(post_ops_create)    \
  use(post_ops_destroy) use(post_ops_append_sum) use(primitive_attr_set_post_ops) use(primitive_desc_create)           \
  use(primitive_desc_destroy) use(primitive_create) use(primitive_destroy) use(memory_create) use(memory_destroy)      \
  use(primitive_execute) use(stream_wait) use(version)

#define DECLARE(name) static __typeof__(dnnl_##name) *name;
FUNCTIONS(DECLARE)

static dnnl_engine_t engine;
static void (*set_omp_threads)(int);
static int is_open;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread dnnl_stream_t stream;

static void open_library(void) {
  void *library = dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (!library) return;
#define FIND(name) \
  if (!(name = (__typeof__(name))dlsym(library, "dnnl_" #name))) return;
  FUNCTIONS(FIND)
  // oneDNN's own threads are not used: the caller divides products among its threads.
  set_omp_threads = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");
  if (!set_omp_threads) set_omp_threads = (void (*)(int))dlsym(library, "omp_set_num_threads");
  is_open = engine_create(&engine, dnnl_cpu, 0) == dnnl_success;
}

const char *msd_onednn_version(void) {
  static char text[32];
  pthread_once(&once, open_library);
  if (!is_open) return NULL;
  const dnnl_version_t *found = version();
  __builtin_snprintf(text, sizeof text, "%d.%d.%d", found->major, found->minor, found->patch);
  return text;
}

static int describe(dnnl_memory_desc_t *result, dnnl_data_type_t type, int64_t rows, int64_t columns, int64_t row_step,
                    int64_t column_step) {
  dnnl_dims_t sizes = {rows, columns}, strides = {row_step, column_step};
  return memory_desc_init_by_strides(result, 2, sizes, type, strides) == dnnl_success;
}

int msd_onednn_multiply(msd_operand a, msd_operand b, msd_element type, float *c, int64_t stride, int64_t rows, int64_t columns,
                        int64_t inner, float alpha, float beta) {
  pthread_once(&once, open_library);
  if (!is_open) return 0;
  if (set_omp_threads) set_omp_threads(1);
  if (!stream && stream_create(&stream, engine, dnnl_stream_default_flags) != dnnl_success) return 0;
  dnnl_data_type_t element = type == msd_bfloat16 ? dnnl_bf16 : dnnl_f32;
  dnnl_memory_desc_t of_a, of_b, of_c;
  dnnl_matmul_desc_t product;
  if (!describe(&of_a, element, rows, inner, a.is_transposed ? 1 : a.stride, a.is_transposed ? a.stride : 1)
      || !describe(&of_b, element, inner, columns, b.is_transposed ? 1 : b.stride, b.is_transposed ? b.stride : 1)
      || !describe(&of_c, dnnl_f32, rows, columns, stride, 1)
      || matmul_desc_init(&product, &of_a, &of_b, NULL, &of_c) != dnnl_success)
    return 0;
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_post_ops_t after = NULL;
  dnnl_primitive_desc_t plan = NULL;
  dnnl_primitive_t primitive = NULL;
  dnnl_memory_t memory[3] = {NULL, NULL, NULL};
  // Memory and primitives belong to this call; oneDNN itself keeps the code that it generated.
  int done = primitive_attr_create(&attributes) == dnnl_success;
  if (done && alpha != 1) done = primitive_attr_set_output_scales(attributes, 1, 0, &alpha) == dnnl_success;
  if (done && beta != 0)
    done = post_ops_create(&after) == dnnl_success && post_ops_append_sum(after, beta) == dnnl_success
        && primitive_attr_set_post_ops(attributes, after) == dnnl_success;
  done = done && primitive_desc_create(&plan, &product, attributes, engine, NULL) == dnnl_success
      && primitive_create(&primitive, plan) == dnnl_success
      && memory_create(&memory[0], &of_a, engine, (void *)a.values) == dnnl_success
      && memory_create(&memory[1], &of_b, engine, (void *)b.values) == dnnl_success
      && memory_create(&memory[2], &of_c, engine, c) == dnnl_success;
  if (done) {
    dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, memory[0]}, {DNNL_ARG_WEIGHTS, memory[1]}, {DNNL_ARG_DST, memory[2]}};
    done = primitive_execute(primitive, stream, 3, arguments) == dnnl_success && stream_wait(stream) == dnnl_success;
  }
  for (int i = 0; i < 3; i++)
    if (memory[i]) memory_destroy(memory[i]);
  if (primitive) primitive_destroy(primitive);
  if (plan) primitive_desc_destroy(plan);
  if (after) post_ops_destroy(after);
  if (attributes) primitive_attr_destroy(attributes);
  return done;
}
#else
const char *msd_onednn_version(void) { return 0; }

int msd_onednn_multiply(msd_operand a, msd_operand b, msd_element type, float *c, int64_t stride, int64_t rows, int64_t columns,
                        int64_t inner, float alpha, float beta) {
  (void)a, (void)b, (void)type, (void)c, (void)stride, (void)rows, (void)columns, (void)inner, (void)alpha, (void)beta;
  return 0;
}
#endif
