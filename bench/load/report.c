/* One line of JSON on standard output, whatever happens. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "load.h"

static void print_json_text(const char *text) {
  putchar('"');
  for (; *text != 0; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte == '"' || byte == '\\') printf("\\%c", byte);
    else if (byte < 0x20 || byte > 0x7e) printf("\\u%04x", byte);
    else putchar(byte);
  }
  putchar('"');
}

void fail(const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  fprintf(stderr, "load: %s\n", text);
  printf("{\"error\":");
  print_json_text(text);
  printf(",\"sent\":%lu,\"delivered\":%lu,\"confirmed\":%lu}\n", tally.sent_total, tally.delivered_total, tally.confirmed_total);
  fflush(stdout);
  exit(1);
}

void print_latency(const char *name, const struct histogram *histogram) {
  if (histogram->total == 0) return;
  printf(",\"%s\":{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}", name, (double)histogram_percentile(histogram, 0.5) / 1e3,
         (double)histogram_percentile(histogram, 0.99) / 1e3, (double)histogram_percentile(histogram, 0.999) / 1e3,
         (double)histogram->maximum / 1e3);
}

static double per(double amount, double divisor) { return divisor > 0 ? amount / divisor : 0; }

void report(const struct outcome *outcome) {
  double messages = (double)(plan.mode != MODE_PUBLISH_ONLY ? outcome->delivered : plan.confirms ? outcome->confirmed : outcome->sent);
  printf("{\"protocol\":\"%s\",\"producers\":%u,\"consumers\":%u,\"size\":%u,\"keys\":%u,\"seconds\":%.3f", plan.protocol->name,
         plan.producers, plan.consumers, plan.size, plan.keys, outcome->seconds);
  printf(",\"sent\":%lu,\"delivered\":%lu,\"confirmed\":%lu,\"refused\":%lu,\"lost\":%ld,\"outOfOrder\":%lu,\"leftOver\":%lu",
         tally.sent_total, tally.delivered_total, tally.confirmed_total, tally.refused_total,
         (long)(outcome->expected - tally.delivered_total), tally.out_of_order, outcome->left_over);
  printf(",\"sentPerSecond\":%.0f,\"deliveredPerSecond\":%.0f,\"confirmedPerSecond\":%.0f", per((double)outcome->sent, outcome->seconds),
         per((double)outcome->delivered, outcome->seconds), per((double)outcome->confirmed, outcome->seconds));
  print_latency("deliveryMicroseconds", &tally.delivery);
  print_latency("confirmMicroseconds", &tally.confirm);
  if (plan.broker_pids != NULL) printf(",\"brokerMicrosecondsPerMessage\":%.3f", per(outcome->broker_cpu * 1e6, messages));
  if (plan.store_pids != NULL) printf(",\"storeMicrosecondsPerMessage\":%.3f", per(outcome->store_cpu * 1e6, messages));
  printf(",\"generatorMicrosecondsPerMessage\":%.3f}\n", per(outcome->own_cpu * 1e6, messages));
}
