#include "histogram.h"

#include <string.h>

static uint64_t bucket_upper_edge(uint32_t bucket) {
  const uint32_t steps = 1u << HISTOGRAM_STEP_BITS;
  if (bucket < steps) return bucket;
  uint32_t shift = (bucket >> HISTOGRAM_STEP_BITS) - 1;
  uint64_t base = (uint64_t)(steps + (bucket & (steps - 1)));
  return ((base + 1) << shift) - 1;
}

uint64_t histogram_percentile(const struct histogram *histogram, double share) {
  uint64_t wanted = (uint64_t)(share * (double)histogram->total + 0.5), seen = 0;
  if (wanted == 0) wanted = 1;
  for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    seen += histogram->count[bucket];
    if (seen >= wanted) {
      uint64_t edge = bucket_upper_edge(bucket);
      return edge < histogram->maximum ? edge : histogram->maximum;
    }
  }
  return histogram->maximum;
}

void histogram_clear(struct histogram *histogram) { memset(histogram, 0, sizeof *histogram); }
