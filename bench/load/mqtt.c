/* MQTT 3.1.1: packets in, packets out, a clean session a connection. */
#include "mqtt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

#define REMAINING_LENGTH_BYTES_MAX 4

struct mqtt_session *mqtt_session(const struct connection *connection) { return connection->session; }

/* Seven bits a byte, the lowest first (section 2.2.3). */
static uint8_t *write_remaining_length(uint8_t *at, size_t length) {
  for (; length > 127; length >>= 7) at = write_u8(at, (uint8_t)(length | 128));
  return write_u8(at, (uint8_t)length);
}

static uint8_t *write_text(uint8_t *at, const char *text) {
  size_t length = strlen(text);
  return write_raw(write_u16(at, (uint16_t)length), text, length);
}

static void put_packet(struct connection *connection, uint8_t first, const uint8_t *rest, const uint8_t *end) {
  uint8_t head[1 + REMAINING_LENGTH_BYTES_MAX], *head_end = write_remaining_length(write_u8(head, first), (size_t)(end - rest));
  connection_put(connection, head, (size_t)(head_end - head));
  connection_put(connection, rest, (size_t)(end - rest));
}

static inline void put_acknowledgement(struct connection *connection, uint8_t first, const uint8_t *identifier) {
  uint8_t packet[4] = {first, 2, identifier[0], identifier[1]};
  connection_put(connection, packet, sizeof packet);
}

/* AMQP's files name keys likewise, with dots, which MQTT's slashes become in a broker that bridges the two. */
#define STEM_BYTES 104 /* --queue takes at most 100 */
static void stem(char *to) {
  snprintf(to, STEM_BYTES, "%s", plan.queue);
  for (; *to != 0; to++)
    if (*to == '.') *to = '/';
}

/* Every topic has the same length, so that every publish has: see struct train. */
static void topic(char *to, uint32_t key) {
  stem(to);
  size_t length = strlen(to);
  snprintf(to + length, MQTT_TOPIC_BYTES - length, "/%06u", key);
}

void mqtt_put_subscribe(struct connection *connection, char (*filters)[MQTT_TOPIC_BYTES], uint32_t count) {
  uint8_t rest[2 + MQTT_FILTERS_MAX * (2 + MQTT_TOPIC_BYTES + 1)], *at = write_u16(rest, ++mqtt_session(connection)->subscribing);
  for (uint32_t i = 0; i < count; i++) at = write_u8(write_text(at, filters[i]), plan.qos);
  put_packet(connection, MQTT_SUBSCRIBE, rest, at);
}

void mqtt_put_publish(struct connection *connection, const char *name, const char *body) {
  uint8_t rest[2 * MQTT_TOPIC_BYTES], *at = write_text(rest, name);
  put_packet(connection, MQTT_PUBLISH, rest, write_raw(at, body, strlen(body)));
}

void mqtt_put_ping(struct connection *connection) {
  mqtt_session(connection)->pings++;
  connection_put(connection, (uint8_t[]){MQTT_PINGREQ, 0}, 2);
}

/* Publisher's side of QoS 1 and 2. Among the publishes that are not settled, an identifier stands for one alone. */
static inline void on_settled(struct connection *connection, const uint8_t *identifier) {
  uint64_t settled = connection->ledger.settled_up_to;
  uint64_t ahead = (read_u16(identifier) - 1u + PACKET_IDENTIFIERS - settled % PACKET_IDENTIFIERS) % PACKET_IDENTIFIERS;
  tally_confirm(connection, settled + 1 + ahead, false, false);
}

static inline void on_acknowledgement(struct connection *connection, uint8_t first, const uint8_t *identifier) {
  struct mqtt_session *session = connection->session;
  if (first == MQTT_PUBREL) {
    put_acknowledgement(connection, MQTT_PUBCOMP, identifier);
    if (session->unreleased-- == 0) fail("a PUBREL more than there were PUBRECs");
    return;
  }
  if (connection->role != ROLE_PRODUCER || plan.qos != (first == MQTT_PUBACK ? 1 : 2))
    fail("the broker answered a publish of QoS %u with packet type %u", plan.qos, first >> 4);
  if (first == MQTT_PUBREC) {
    session->received_from++;
    put_acknowledgement(connection, MQTT_PUBREL, identifier);
    return;
  }
  if (first == MQTT_PUBCOMP && ++session->completed > session->received_from) fail("a PUBCOMP before the PUBREC");
  on_settled(connection, identifier);
}

static inline void on_publish(struct connection *connection, uint8_t first, const uint8_t *rest, size_t length) {
  uint32_t qos = (first >> MQTT_QOS_SHIFT) & MQTT_QOS_MASK;
  size_t head = 2u + read_u16(rest) + (qos > 0 ? 2u : 0u);
  if (head > length) fail("a PUBLISH of %zu bytes ends in its topic", length);
  const uint8_t *body = rest + head;
  if (connection->role == ROLE_CONSUMER) {
    if (length - head < STAMP_BYTES) fail("a message of %zu bytes is not one of ours", length - head);
    if (qos != plan.qos && connection->protocol == plan.protocol) fail("a delivery of QoS %u instead of %u", qos, plan.qos);
    tally_delivery(connection, body);
  } else if ((first & MQTT_RETAIN) != 0) {
    mqtt_session(connection)->retained++;
  } else {
    mqtt_session(connection)->other++;
  }
  if (qos == 0) return;
  put_acknowledgement(connection, qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, body - 2);
  if (qos == 2) mqtt_session(connection)->unreleased++;
}

static void on_suback(struct mqtt_session *session, const uint8_t *rest, size_t length) {
  if (length < 3 || read_u16(rest) != ++session->subscribed) fail("a SUBACK that nobody asked for");
  for (const uint8_t *code = rest + 2; code < rest + length; code++)
    if (*code != plan.qos) fail("the broker grants a subscription of QoS %u with code %u", plan.qos, *code);
}

static inline void on_packet(struct connection *connection, uint8_t first, const uint8_t *rest, size_t length) {
  struct mqtt_session *session = connection->session;
  if ((first & 0xF0) == MQTT_PUBLISH && length >= 2) {
    on_publish(connection, first, rest, length);
  } else if (length == 2 && (first == MQTT_PUBACK || first == MQTT_PUBREC || first == MQTT_PUBREL || first == MQTT_PUBCOMP)) {
    on_acknowledgement(connection, first, rest);
  } else if (first == MQTT_SUBACK) {
    on_suback(session, rest, length);
  } else if (first == MQTT_PINGRESP && length == 0) {
    session->pongs++;
  } else if (first == MQTT_CONNACK && length == 2) {
    if (rest[1] != 0) fail("the broker refused the CONNECT: code %u", rest[1]);
    session->accepted = true;
  } else {
    fail("unexpected packet 0x%02x of %zu bytes", first, length);
  }
}

static size_t parse(struct connection *connection, const uint8_t *bytes, size_t length) {
  size_t offset = 0;
  for (;;) {
    size_t at = offset + 1, remaining = 0;
    for (uint32_t shift = 0;; shift += 7) {
      if (at >= length) return offset;
      if (shift >= 7 * REMAINING_LENGTH_BYTES_MAX) fail("a remaining length of more than four bytes");
      remaining |= (size_t)(bytes[at] & 127) << shift;
      if ((bytes[at++] & 128) == 0) break;
    }
    if (length - at < remaining) return offset;
    on_packet(connection, bytes[offset], bytes + at, remaining);
    offset = at + remaining;
  }
}

static void begin(struct connection *connection) {
  connection->session = calloc(1, sizeof(struct mqtt_session));
  if (connection->session == NULL) fail("out of memory");
  char client[24]; /* [MQTT-3.1.3-5]: 23 letters and digits suit every server */
  snprintf(client, sizeof client, "%ur%un%u", (unsigned)getpid(), connection->role, connection->index);
  if (strlen(plan.user) + strlen(plan.password) > 400) fail("--user and --password: at most 400 bytes together");
  uint8_t rest[512], *at = write_text(rest, "MQTT");
  at = write_u8(write_u8(at, 4), 0xC2); /* protocol level; user name, password, clean session */
  at = write_text(write_u16(at, (uint16_t)plan.heartbeat), client);
  put_packet(connection, MQTT_CONNECT, rest, write_text(write_text(at, plan.user), plan.password));
}

static bool is_open(const struct connection *connection) { return mqtt_session(connection)->accepted; }

static void await_subscriptions(struct connection *connection) {
  const struct mqtt_session *session = connection->session;
  while (session->subscribed != session->subscribing) connection_pump(connection);
}

static void subscribe_to_keys(struct connection *connection) {
  char filters[MQTT_FILTERS_MAX][MQTT_TOPIC_BYTES];
  uint32_t first = plan.keys == 1 ? 0 : connection->index, count = 0;
  for (uint32_t key = first; key < plan.keys; key += plan.consumers) {
    topic(filters[count++], key);
    if (count < MQTT_FILTERS_MAX && key + plan.consumers < plan.keys) continue;
    mqtt_put_subscribe(connection, filters, count);
    count = 0;
    await_subscriptions(connection);
  }
}

static void subscribe_to_all_keys(struct connection *connection) {
  char filter[1][MQTT_TOPIC_BYTES];
  stem(filter[0]);
  strcat(filter[0], "/+");
  mqtt_put_subscribe(connection, filter, 1);
  await_subscriptions(connection);
}

/* Neighbours of the load's topics that no publish of ours matches: every tenth has a wildcard at the place of the last
 * level, of the first one, or at the end. */
static void neighbour(char *to, uint32_t number) {
  char name[STEM_BYTES];
  stem(name);
  char *second = strchr(name, '/');
  if (number % 10 != 0) snprintf(to, MQTT_TOPIC_BYTES, "%s/n%06u", name, number);
  else if (number % 30 == 0) snprintf(to, MQTT_TOPIC_BYTES, "%s/+/n%06u", name, number);
  else if (number % 30 == 10) snprintf(to, MQTT_TOPIC_BYTES, "+%s/n%06u", second == NULL ? "" : second, number);
  else snprintf(to, MQTT_TOPIC_BYTES, "%s/n%06u/#", name, number);
}

static void subscribe_to_neighbours(struct connection *connection) {
  char filters[MQTT_FILTERS_MAX][MQTT_TOPIC_BYTES];
  uint32_t next = connection->index * plan.subscriptions, end = next + plan.subscriptions;
  while (next < end) {
    uint32_t count = 0;
    while (count < MQTT_FILTERS_MAX && next < end) neighbour(filters[count++], next++);
    mqtt_put_subscribe(connection, filters, count);
    await_subscriptions(connection);
  }
}

static void open_session(struct connection *connection) {
  begin(connection);
  while (!is_open(connection)) connection_pump(connection);
  if (connection->role == ROLE_CONSUMER && plan.wildcard) subscribe_to_all_keys(connection);
  else if (connection->role == ROLE_CONSUMER) subscribe_to_keys(connection);
  else if (connection->role == ROLE_IDLE && plan.subscriptions > 0) subscribe_to_neighbours(connection);
}

/* A packet identifier stands directly before the body, where numbers_publishes has it stamped. */
static size_t encode_publish(uint32_t key, uint8_t *to, size_t *body_offset) {
  char name[MQTT_TOPIC_BYTES];
  topic(name, key);
  uint8_t head[MQTT_TOPIC_BYTES + 16], *at;
  uint8_t first = (uint8_t)(MQTT_PUBLISH | plan.qos << MQTT_QOS_SHIFT | (plan.retain ? MQTT_RETAIN : 0));
  at = write_remaining_length(write_u8(head, first), 2 + strlen(name) + (plan.qos > 0 ? 2 : 0) + plan.size);
  at = write_text(at, name);
  if (plan.qos > 0) at = write_u16(at, 0);
  *body_offset = (size_t)(at - head);
  if (to != NULL) {
    memcpy(to, head, *body_offset);
    memset(to + *body_offset, 'x', plan.size);
  }
  return *body_offset + plan.size;
}

static void ping(struct connection *connection) {
  const struct mqtt_session *session = connection->session;
  mqtt_put_ping(connection);
  while (session->pongs < session->pings) connection_pump(connection);
}

/* Acknowledgements went out as messages came in; the broker reads packets in order, so its answer to a ping says that it
 * took them. */
static void settle(struct connection *connection) {
  const struct mqtt_session *session = connection->session;
  while (session->unreleased > 0) connection_pump(connection);
  ping(connection);
}

/* Subscriptions of clean sessions go with their connections. */
static uint64_t clean_up(struct connection *connection) {
  (void)connection;
  return 0;
}

static void close_session(struct connection *connection) {
  connection_put(connection, (uint8_t[]){MQTT_DISCONNECT, 0}, 2);
  connection_flush(connection);
}

const struct protocol mqtt_protocol = {
    .name = "mqtt",
    .port = 1883,
    .numbers_publishes = true,
    .open = open_session,
    .encode_publish = encode_publish,
    .parse = parse,
    .settle = settle,
    .clean_up = clean_up,
    .heartbeat = mqtt_put_ping,
    .ping = ping,
    .close = close_session,
    .begin = begin,
    .is_open = is_open,
};
