/* load: a lean load generator. One process, one epoll loop; the broker is what is measured. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "load.h"

static struct connection **producers, **consumers;
static int epoll, timer;

/* Where the measurement stands: everything is counted from here, so a warm-up only moves it. */
static struct { uint64_t began, sent, delivered, confirmed; double broker_cpu, store_cpu, own_cpu; } mark;
static uint64_t publishing_began;

static double own_cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void begin_measurement(void) {
  histogram_clear(&tally.delivery);
  histogram_clear(&tally.confirm);
  mark.sent = tally.sent_total;
  mark.delivered = tally.delivered_total;
  mark.confirmed = tally.confirmed_total;
  mark.broker_cpu = broker_cpu_seconds(plan.broker_pids);
  mark.store_cpu = broker_cpu_seconds(plan.store_pids);
  mark.own_cpu = own_cpu_seconds();
  mark.began = monotonic_ns();
}

static void watch(struct connection *connection) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
}

static void open_connections(void) {
  consumers = calloc(plan.consumers + 1, sizeof *consumers);
  producers = calloc(plan.producers + 1, sizeof *producers);
  for (uint32_t i = 0; i < plan.consumers; i++) consumers[i] = connection_dial(ROLE_CONSUMER, i);
  if (plan.mode != MODE_DRAIN_ONLY)
    for (uint32_t i = 0; i < plan.producers; i++) {
      producers[i] = connection_dial(ROLE_PRODUCER, i);
      producer_prepare(producers[i]);
    }
  for (uint32_t i = 0; i < plan.consumers; i++) watch(consumers[i]);
  for (uint32_t i = 0; producers[i] != NULL; i++) watch(producers[i]);
}

static uint64_t copies(void) { return plan.topic && (plan.keys == 1 || plan.wildcard) ? plan.consumers : 1; }

/* Messages of which the slowest consumer has its copy: what the window counts from. */
static uint64_t delivered_to_all(void) {
  if (copies() == 1) return tally.delivered_total;
  uint64_t least = UINT64_MAX;
  for (uint32_t i = 0; i < plan.consumers; i++)
    if (consumers[i]->received < least) least = consumers[i]->received;
  return least;
}

static bool publishing_over(uint64_t now) {
  if (plan.mode == MODE_DRAIN_ONLY) return true;
  if (plan.count > 0) return tally.sent_total >= plan.count;
  return (double)(now - publishing_began) >= (plan.warm_up_seconds + plan.seconds) * 1e9;
}

static uint64_t expected_deliveries(void) {
  if (plan.mode == MODE_DRAIN_ONLY) return plan.count;
  return plan.mode == MODE_PUBLISH_ONLY ? 0 : tally.sent_total * copies();
}

static bool all_over(uint64_t now) {
  if (!publishing_over(now) || tally.delivered_total < expected_deliveries()) return false;
  if (plan.confirms && tally.confirmed_total < tally.sent_total) return false;
  for (uint32_t i = 0; producers[i] != NULL; i++)
    if (!producer_idle(producers[i])) return false;
  return true;
}

static uint64_t lesser(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* How many messages the window leaves to a producer. An open loop has none: a slow broker must show in the latency. */
static uint64_t window_left(const struct connection *producer) {
  uint64_t left = UINT64_MAX;
  if (plan.rate > 0) return plan.confirms ? producer->ledger.mask - producer_unsettled(producer) : left;
  if (plan.mode == MODE_FLOW) {
    uint64_t under_way = tally.sent_total - delivered_to_all();
    left = under_way < plan.window ? plan.window - under_way : 0;
  }
  if (plan.confirms) left = lesser(left, plan.window - lesser(plan.window, producer_unsettled(producer)));
  return left;
}

static uint64_t due_now(uint64_t now) {
  if (publishing_over(now)) return 0;
  uint64_t left = plan.count > 0 ? plan.count - tally.sent_total : UINT64_MAX;
  if (plan.rate == 0) return left;
  uint64_t due = (uint64_t)((double)(now - publishing_began) / 1e9 * plan.rate) + 1;
  return lesser(left, due > tally.sent_total ? due - tally.sent_total : 0);
}

/* Wakes the loop when the next message of the schedule is due; epoll's own timeout has no better than milliseconds. */
static void set_timer(void) {
  uint64_t due = publishing_began + (uint64_t)((double)tally.sent_total / plan.rate * 1e9);
  struct itimerspec at = {.it_value = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* True when a producer could go on at once: the loop then only peeks at the sockets. Every producer gets its share of the
 * window, and the turn goes on where it ended, so that a hundred of them all publish. */
static bool publish(uint64_t now) {
  static uint32_t turn;
  bool more = false;
  double step = plan.rate > 0 ? 1e9 / plan.rate : 0;
  uint64_t share = plan.window > plan.producers ? plan.window / plan.producers : 1;
  for (uint32_t tries = 0; producers[0] != NULL && tries < plan.producers; tries++) {
    struct connection *producer = producers[turn];
    turn = turn + 1 < plan.producers ? turn + 1 : 0;
    uint64_t possible = lesser(due_now(now), window_left(producer)), allowed = lesser(possible, share);
    uint64_t due = plan.rate > 0 ? publishing_began + (uint64_t)((double)tally.sent_total * step) : now;
    uint32_t stamped = producer_send(producer, (uint32_t)lesser(allowed, UINT32_MAX), due, step);
    if (producer->writable && stamped < possible) more = true;
  }
  if (plan.rate > 0 && !publishing_over(now)) set_timer();
  return more;
}

static void serve(struct epoll_event *event) {
  struct connection *connection = event->data.ptr;
  if (connection == NULL) {
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) fail("timer: %s", strerror(errno));
    return;
  }
  if ((event->events & EPOLLOUT) != 0) {
    connection->writable = true;
    if (connection->out.length > 0) connection_flush(connection);
  }
  if ((event->events & ~(uint32_t)EPOLLOUT) != 0 && !connection_read(connection)) fail("the broker closed the socket without a word");
}

static void check_stall(uint64_t now) {
  static uint64_t last_progress, last_sum;
  uint64_t sum = tally.sent_total + tally.delivered_total + tally.confirmed_total;
  if (sum != last_sum || last_progress == 0) {
    last_sum = sum;
    last_progress = now;
  } else if ((double)(now - last_progress) > plan.stall_seconds * 1e9) {
    fail("stalled for %.0f s: sent %lu, delivered %lu of %lu, confirmed %lu", plan.stall_seconds, tally.sent_total,
         tally.delivered_total, expected_deliveries(), tally.confirmed_total);
  }
}

static uint64_t run(void) {
  struct epoll_event events[64];
  bool warming = plan.warm_up_seconds > 0;
  uint64_t now;
  while (now = monotonic_ns(), !all_over(now)) {
    if (warming && (double)(now - publishing_began) >= plan.warm_up_seconds * 1e9) {
      warming = false;
      begin_measurement();
    }
    bool more = publish(now);
    int ready = epoll_wait(epoll, events, 64, more ? 0 : 100);
    if (ready < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < ready; i++) serve(&events[i]);
    check_stall(now);
  }
  return now;
}

static struct outcome measured(uint64_t ended) {
  return (struct outcome){.seconds = (double)(ended - mark.began) / 1e9,
                          .broker_cpu = broker_cpu_seconds(plan.broker_pids) - mark.broker_cpu,
                          .store_cpu = broker_cpu_seconds(plan.store_pids) - mark.store_cpu,
                          .own_cpu = own_cpu_seconds() - mark.own_cpu,
                          .sent = tally.sent_total - mark.sent,
                          .delivered = tally.delivered_total - mark.delivered,
                          .confirmed = tally.confirmed_total - mark.confirmed,
                          .expected = expected_deliveries()};
}

static uint64_t finish(void) {
  for (uint32_t i = 0; i < plan.consumers; i++) consumers[i]->protocol->settle(consumers[i]);
  struct connection *janitor = connection_dial(ROLE_JANITOR, 0);
  uint64_t left_over = janitor->protocol->clean_up(janitor);
  janitor->protocol->close(janitor);
  connection_free(janitor);
  for (uint32_t i = 0; i < plan.consumers; i++) consumers[i]->protocol->close(consumers[i]);
  for (uint32_t i = 0; producers[i] != NULL; i++) producers[i]->protocol->close(producers[i]);
  return left_over;
}

int main(int count, char **arguments) {
  plan_from_arguments(count, arguments);
  if (plan.mode == MODE_IDLE) return idle_run();
  if (plan.mode == MODE_CONNECT) return connect_run();
  if (plan.mode == MODE_RETAINED) return retained_run();
  if (plan.mode == MODE_PING) return ping_run();
  if (plan.mode == MODE_NEWCOMER) return newcomer_run();
  raise_file_limit(plan.producers + plan.consumers + 32ull);
  prctl(PR_SET_TIMERSLACK, 1ul);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
  begin_measurement(); /* a drain begins to flow while its consumers subscribe */
  open_connections();
  if (plan.mode != MODE_DRAIN_ONLY) begin_measurement();
  publishing_began = monotonic_ns();
  struct outcome outcome = measured(run());
  if (!plan.abrupt) outcome.left_over = finish();
  report(&outcome);
  return outcome.expected == tally.delivered_total && tally.out_of_order == 0 ? 0 : 1;
}
