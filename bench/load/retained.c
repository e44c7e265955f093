/* Taking a large number of retained messages, while another client measures how long the broker keeps it waiting. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "mqtt.h"

#define PROBE_TOPIC "probe/round-trip"

/* The other client: a ping and a message to itself, and when both are back the next pair, a millisecond later. */
static struct { struct connection *connection; uint64_t asked_at; bool waits_ping, waits_message; } probe;
static struct histogram pings, messages;

static void ask(void) {
  probe.asked_at = monotonic_ns();
  mqtt_put_ping(probe.connection);
  mqtt_put_publish(probe.connection, PROBE_TOPIC, "are you there?");
  connection_flush(probe.connection);
  probe.waits_ping = probe.waits_message = true;
}

static void take_answers(void) {
  struct mqtt_session *session = probe.connection->session;
  uint64_t elapsed = chunk_time - probe.asked_at;
  if (probe.waits_ping && session->pongs == session->pings) {
    histogram_add(&pings, elapsed);
    probe.waits_ping = false;
  }
  if (probe.waits_message && session->other == session->pings) {
    histogram_add(&messages, elapsed);
    probe.waits_message = false;
  }
}

static struct connection *watched(int epoll, uint32_t index, const char *filter_text) {
  struct connection *connection = connection_dial(ROLE_IDLE, index);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
  char filter[1][MQTT_TOPIC_BYTES];
  snprintf(filter[0], MQTT_TOPIC_BYTES, "%s", filter_text);
  mqtt_put_subscribe(connection, filter, 1);
  connection_flush(connection);
  return connection;
}

/* Goes round until the time has come, or the subscriber (if there is one) has everything; then says when that was. */
static uint64_t go_on(int epoll, uint64_t until, const struct connection *subscriber) {
  struct epoll_event events[8];
  uint64_t complete_at = 0;
  for (uint64_t now; (now = monotonic_ns()) < until;) {
    if (!probe.waits_ping && !probe.waits_message && now - probe.asked_at >= 1000000u) ask();
    int ready = epoll_wait(epoll, events, 8, 1);
    if (ready < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < ready; i++) {
      struct connection *connection = events[i].data.ptr;
      if (!connection_read(connection)) fail("the broker closed the socket without a word");
      if (connection == probe.connection) take_answers();
    }
    if (subscriber == NULL || mqtt_session(subscriber)->retained < plan.count) continue;
    if (complete_at == 0) complete_at = monotonic_ns();
    if (!probe.waits_ping && !probe.waits_message) return complete_at;
  }
  return complete_at;
}

int retained_run(void) {
  const uint64_t second = 1000000000u;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  probe.connection = watched(epoll, 0, PROBE_TOPIC);
  go_on(epoll, monotonic_ns() + second, NULL); /* what the probe sees of a broker that has nothing else to do */
  uint64_t quiet_p99 = histogram_percentile(&messages, 0.99), quiet_maximum = messages.maximum;
  histogram_clear(&pings);
  histogram_clear(&messages);

  uint64_t began = monotonic_ns();
  struct connection *subscriber = watched(epoll, 1, "#");
  uint64_t complete_at = go_on(epoll, began + (uint64_t)(plan.stall_seconds * 1e9), subscriber);
  uint64_t retained = mqtt_session(subscriber)->retained;
  if (retained != plan.count) fail("%lu of %lu retained messages after %.1f s", retained, plan.count, plan.stall_seconds);
  double seconds = (double)(complete_at - began) / 1e9;
  printf("{\"retained\":%lu,\"seconds\":%.3f,\"quietP99Microseconds\":%.1f,\"quietMaxMicroseconds\":%.1f", retained, seconds,
         (double)quiet_p99 / 1e3, (double)quiet_maximum / 1e3);
  print_latency("pingMicroseconds", &pings);
  print_latency("messageMicroseconds", &messages);
  printf("}\n");
  return 0;
}
