/* Connecting over and over: a schedule of connections, each greeted and answered, then closed or kept. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "load.h"

static int epoll;
static uint64_t began, opened;
static uint32_t begun, under_way;
static struct histogram latency;

static uint64_t due_at(uint32_t index) { return began + (uint64_t)((double)index / plan.rate * 1e9); }

/* Latency counts from when the connection was due, so a broker that pauses is charged for all of the pause. */
static void begin_one(uint64_t now) {
  struct connection *connection = connection_begin(begun);
  connection->sent = plan.rate > 0 ? due_at(begun) : now;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
  begun++;
  under_way++;
}

static void begin_due(uint64_t now) {
  if ((double)(now - began) >= plan.seconds * 1e9) return;
  while (plan.rate > 0 ? due_at(begun) <= now : under_way < plan.window) begin_one(now);
}

/* A kept connection stays until the process ends; the broker must not close it. */
static void serve(struct epoll_event *event) {
  struct connection *connection = event->data.ptr;
  bool was_open = connection->protocol->is_open(connection);
  if (connection->out.length > 0) connection_flush(connection);
  if ((event->events & ~(uint32_t)EPOLLOUT) != 0 && !connection_read(connection)) fail("the broker closed connection %u", connection->index);
  if (was_open || !connection->protocol->is_open(connection)) return;
  histogram_add(&latency, monotonic_ns() - connection->sent);
  opened++;
  under_way--;
  if (plan.keep) return;
  connection->protocol->close(connection);
  connection_free(connection);
}

int connect_run(void) {
  raise_file_limit(plan.window + 32ull);
  struct epoll_event events[64];
  epoll = epoll_create1(EPOLL_CLOEXEC);
  double cpu = broker_cpu_seconds(plan.broker_pids);
  began = monotonic_ns();
  uint64_t progress = began, now;
  while (now = monotonic_ns(), begin_due(now), (double)(now - began) < plan.seconds * 1e9 || under_way > 0) {
    int ready = epoll_wait(epoll, events, 64, 1);
    if (ready < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < ready; i++) serve(&events[i]);
    if (ready > 0 || under_way == 0) progress = now;
    if ((double)(now - progress) > plan.stall_seconds * 1e9) fail("stalled: %lu of %u connections answered", opened, begun);
  }
  double seconds = (double)(now - began) / 1e9;
  printf("{\"connects\":%lu,\"seconds\":%.3f,\"connectsPerSecond\":%.0f", opened, seconds, (double)opened / seconds);
  print_latency("connectMicroseconds", &latency);
  printf(",\"brokerMicrosecondsPerConnect\":%.1f}\n", (broker_cpu_seconds(plan.broker_pids) - cpu) * 1e6 / (double)(opened > 0 ? opened : 1));
  return 0;
}
