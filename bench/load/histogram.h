/* Log-linear counts of durations: 64 steps to each power of two, so a percentile is read to within 1.6%. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS)

struct histogram {
  uint64_t total, maximum;
  uint32_t count[HISTOGRAM_BUCKETS];
};

static inline uint32_t histogram_bucket(uint64_t value) {
  if (value < (1u << HISTOGRAM_STEP_BITS)) return (uint32_t)value;
  uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
  return ((shift + 1) << HISTOGRAM_STEP_BITS) + (uint32_t)((value >> shift) & ((1u << HISTOGRAM_STEP_BITS) - 1));
}

static inline void histogram_add(struct histogram *histogram, uint64_t value) {
  histogram->count[histogram_bucket(value)]++;
  histogram->total++;
  if (value > histogram->maximum) histogram->maximum = value;
}

/* The upper edge of the bucket that holds the given share of all values; share 0.99 is p99. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);
void histogram_clear(struct histogram *histogram);

#endif
