#pragma once
#include <stdint.h>
#include <string.h>

#include "dispatch.h"

// e^x for -87.3…88.3, within two units in the last place; NaN stays NaN. x = n·ln 2 + r, a polynomial for e^r, times 2^n.
// Adding 1.5·2^23 rounds to a whole number and leaves it in the lowest bits.
MSD_INLINE float msd_exp_within(float x) {
  float shifted = x * 1.44269504f + 12582912.0f;
  float n = shifted - 12582912.0f;
  float r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t bits;
  memcpy(&bits, &shifted, 4);
  bits = (int32_t)((uint32_t)bits << 23) + 0x3f800000;
  float power;
  memcpy(&power, &bits, 4);
  return p * power;
}

// e^x; below -87.3 it is 0.
MSD_INLINE float msd_exp(float x) {
  float bounded = x < -87.3f ? -87.3f : (x > 88.3f ? 88.3f : x);
  float result = msd_exp_within(bounded);
  result = x > 88.72f ? __builtin_inff() : result;
  return x < -87.3f ? 0.0f : result;
}

// e^x for x that is not above 0.
MSD_INLINE float msd_exp_not_above_zero(float x) {
  float result = msd_exp_within(x < -87.3f ? -87.3f : x);
  return x < -87.3f ? 0.0f : result;
}

// The error function as a ratio of polynomials on -4…4; beyond that it is ±1 to the last bit.
MSD_INLINE float msd_erf(float x) {
  float bounded = x < -4.0f ? -4.0f : (x > 4.0f ? 4.0f : x);
  float y = bounded * bounded;
  float p = -2.72614225801306e-10f;
  p = p * y + 2.77068142495902e-08f;
  p = p * y + -2.10102402082508e-06f;
  p = p * y + -5.69250639462346e-05f;
  p = p * y + -7.34990630326855e-04f;
  p = p * y + -2.95459980854025e-03f;
  p = p * y + -1.60960333262415e-02f;
  float q = -1.45660718464996e-05f;
  q = q * y + -2.13374055278905e-04f;
  q = q * y + -1.68282697438203e-03f;
  q = q * y + -7.37332916720468e-03f;
  q = q * y + -1.42647390514189e-02f;
  float result = bounded * p / q;
  return x != x ? x : result;
}

MSD_INLINE float msd_gelu_one(float x) { return 0.5f * x * (1.0f + msd_erf(x * 0.70710678f)); }

// Beyond ±87.3 it is as good as 0 or 1.
MSD_INLINE float msd_sigmoid_one(float x) {
  return 1.0f / (1.0f + msd_exp_within(x < -87.3f ? 87.3f : (x > 87.3f ? -87.3f : -x)));
}
