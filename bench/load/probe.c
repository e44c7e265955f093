/* Somebody else, while others load the broker: pings on one connection, or newcomers that connect, subscribe and want their
 * own message. Each waits for the answer. */
#define _GNU_SOURCE
#include <stdio.h>
#include <time.h>

#include "load.h"

static uint64_t lesser(uint64_t a, uint64_t b) { return a < b ? a : b; }

static void sleep_until(uint64_t at) {
  struct timespec time = {.tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0) continue;
}

/* Calls `probe` at the plan's rate for the plan's time, one at a time. Probes that could not be made because one still waited
 * count as well, each with what would have been left of that wait; one after the other they would only queue up. */
static int probe_run(const char *name, void (*probe)(uint32_t number)) {
  struct histogram waits = {0};
  uint64_t step = (uint64_t)(1e9 / plan.rate), end = monotonic_ns() + (uint64_t)(plan.seconds * 1e9);
  uint32_t probes = 0;
  for (uint64_t now; (now = monotonic_ns()) < end;) {
    probe(probes++);
    uint64_t wait = monotonic_ns() - now;
    for (uint64_t left = wait; left > 0; left -= lesser(left, step)) histogram_add(&waits, left);
    if (wait < step) sleep_until(now + step);
  }
  printf("{\"probes\":%u", probes);
  print_latency(name, &waits);
  printf("}\n");
  return 0;
}

static struct connection *pinger;

static void ping(uint32_t number) {
  (void)number;
  pinger->protocol->ping(pinger);
}

int ping_run(void) {
  pinger = connection_dial(ROLE_IDLE, 0);
  return probe_run("pingMicroseconds", ping);
}

/* A queue, or topic, of each newcomer's own: what the one before left may still be on its way out. */
static void visit(uint32_t number) {
  static char name[64];
  static const char *stem;
  if (stem == NULL) stem = plan.queue;
  snprintf(name, sizeof name, "%.40s.%u", stem, number);
  plan.queue = name;
  struct connection *consumer = connection_dial(ROLE_CONSUMER, 0), *producer = connection_dial(ROLE_PRODUCER, 0);
  producer_prepare(producer);
  producer_send(producer, 1, monotonic_ns(), 0);
  while (!producer_idle(producer)) {
    producer->writable = true;
    producer_send(producer, 0, 0, 0);
  }
  while (consumer->received == 0) connection_pump(consumer);
  connection_free(producer);
  connection_free(consumer);
}

int newcomer_run(void) { return probe_run("servedMicroseconds", visit); }
