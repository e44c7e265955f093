/* Many connections that do nothing: opened, announced on standard output, held until standard input ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"

void raise_file_limit(uint64_t files) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < files) fail("ulimit -n allows %lu files, %lu are needed", limit.rlim_cur, files);
}

static struct connection **open_all(int epoll) {
  struct connection **connections = calloc(plan.idle, sizeof *connections);
  for (uint32_t i = 0; i < plan.idle; i++) {
    connections[i] = connection_dial(ROLE_IDLE, i);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connections[i]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i]->fd, &event);
  }
  return connections;
}

static void send_heartbeats(struct connection **connections) {
  for (uint32_t i = 0; i < plan.idle; i++) {
    connections[i]->protocol->heartbeat(connections[i]);
    connection_flush(connections[i]);
  }
}

/* Standard input is the one event without a connection. */
static void hold(int epoll, struct connection **connections) {
  struct epoll_event events[64];
  uint64_t beat_ns = plan.heartbeat * 500000000ull, beat_due = monotonic_ns() + beat_ns;
  for (;;) {
    int ready = epoll_wait(epoll, events, 64, 250);
    if (ready < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < ready; i++) {
      char byte;
      if (events[i].data.ptr == NULL) {
        if (read(0, &byte, 1) <= 0) return;
      } else if (!connection_read(events[i].data.ptr)) {
        fail("the broker closed an idle connection");
      }
    }
    if (beat_ns > 0 && monotonic_ns() >= beat_due) {
      send_heartbeats(connections);
      beat_due += beat_ns;
    }
  }
}

int idle_run(void) {
  raise_file_limit(plan.idle + 32ull);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &input) != 0) fail("standard input must be a pipe");
  uint64_t began = monotonic_ns();
  struct connection **connections = open_all(epoll);
  printf("{\"idle\":%u,\"seconds\":%.3f}\n", plan.idle, (double)(monotonic_ns() - began) / 1e9);
  fflush(stdout);
  hold(epoll, connections);
  for (uint32_t i = 0; i < plan.idle; i++) {
    connections[i]->protocol->settle(connections[i]); /* the broker answers, so this one was not dropped in silence */
    connection_free(connections[i]);
  }
  free(connections);
  return 0;
}
