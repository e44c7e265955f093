/* AMQP 0-9-1 before and after the messages: handshake, queues and bindings, subscriptions, cleaning up. */
#include <stdlib.h>
#include <string.h>

#include "amqp.h"
#include "wire.h"

static void call(struct connection *connection, uint32_t method, uint32_t answer, const uint8_t *arguments, const uint8_t *end) {
  amqp_send_method(connection, 1, method, arguments, (size_t)(end - arguments));
  amqp_await(connection, answer);
}

static void handshake(struct connection *connection) {
  uint8_t arguments[1024], *at;
  connection_put(connection, "AMQP\0\0\x09\x01", 8);
  amqp_await(connection, CONNECTION_START);

  size_t user_length = strlen(plan.user), password_length = strlen(plan.password);
  at = write_short_string(write_u32(arguments, 0), "PLAIN");
  at = write_u32(at, (uint32_t)(user_length + password_length + 2));
  at = write_raw(write_u8(at, 0), plan.user, user_length);
  at = write_raw(write_u8(at, 0), plan.password, password_length);
  at = write_short_string(at, "en_US");
  amqp_send_method(connection, 0, CONNECTION_START_OK, arguments, (size_t)(at - arguments));

  const uint8_t *tune = amqp_await(connection, CONNECTION_TUNE);
  uint16_t channel_max = read_u16(tune);
  amqp_set_frame_max(read_u32(tune + 2));
  at = write_u32(write_u16(arguments, channel_max), amqp_frame_max());
  at = write_u16(at, (uint16_t)plan.heartbeat);
  amqp_send_method(connection, 0, CONNECTION_TUNE_OK, arguments, (size_t)(at - arguments));
  at = write_u16(write_short_string(arguments, plan.virtual_host), 0);
  amqp_send_method(connection, 0, CONNECTION_OPEN, arguments, (size_t)(at - arguments));
  amqp_await(connection, CONNECTION_OPEN_OK);
  call(connection, CHANNEL_OPEN, CHANNEL_OPEN_OK, arguments, write_u8(arguments, 0));
}

/* A transient queue goes with its consumer; others are deleted by amqp_clean_up. */
static bool auto_delete(void) { return (plan.mode == MODE_FLOW || plan.mode == MODE_NEWCOMER) && !plan.durable; }

/* Returns the number of messages ready in it. */
static uint32_t declare_queue(struct connection *connection, const char *name) {
  uint8_t arguments[512], flags = (uint8_t)((plan.durable ? 2 : 0) | (auto_delete() ? 8 : 0));
  uint8_t *at = write_short_string(write_u16(arguments, 0), name);
  at = write_u32(write_u8(at, flags), 0);
  amqp_send_method(connection, 1, QUEUE_DECLARE, arguments, (size_t)(at - arguments));
  const uint8_t *answer = amqp_await(connection, QUEUE_DECLARE_OK);
  return read_u32(answer + 1 + answer[0]);
}

static void bind_queue(struct connection *connection, const char *name, const char *routing_key) {
  uint8_t arguments[1024], *at = write_short_string(write_u16(arguments, 0), name);
  at = write_short_string(write_short_string(at, plan.exchange), routing_key);
  at = write_u32(write_u8(at, 0), 0);
  call(connection, QUEUE_BIND, QUEUE_BIND_OK, arguments, at);
}

static void consume(struct connection *connection, const char *name, uint32_t number) {
  char tag[16];
  snprintf(tag, sizeof tag, "c%u", number);
  uint8_t arguments[512], *at = write_short_string(write_u16(arguments, 0), name);
  at = write_short_string(at, tag);
  at = write_u32(write_u8(at, plan.acks ? 0 : 2), 0);
  call(connection, BASIC_CONSUME, BASIC_CONSUME_OK, arguments, at);
}

/* The n-th queue of a connection of this role, or false when it has no more. */
static bool queue_of(const struct connection *connection, uint32_t n, char *name, char *routing_key) {
  if (!plan.topic) {
    snprintf(name, AMQP_NAME_BYTES, "%s", plan.queue);
    return n == 0;
  }
  if (plan.keys == 1) {
    snprintf(name, AMQP_NAME_BYTES, "%s.copy.%u", plan.queue, connection->index);
    amqp_routing_key(routing_key, 0);
    return n == 0;
  }
  uint32_t key = connection->role == ROLE_CONSUMER ? connection->index + n * plan.consumers : n;
  amqp_routing_key(name, key);
  amqp_routing_key(routing_key, key);
  return key < plan.keys;
}

/* basic.qos without a limit, as it is anyway. */
void amqp_ping(struct connection *connection) {
  uint8_t arguments[16], *at = write_u8(write_u16(write_u32(arguments, 0), 0), 0);
  call(connection, BASIC_QOS, BASIC_QOS_OK, arguments, at);
}

static uint64_t declare_queues(struct connection *connection) {
  char name[AMQP_NAME_BYTES], routing_key[AMQP_NAME_BYTES];
  uint64_t ready = 0;
  for (uint32_t n = 0; queue_of(connection, n, name, routing_key); n++) {
    ready += declare_queue(connection, name);
    if (plan.topic) bind_queue(connection, name, routing_key);
  }
  return ready;
}

static void open_consumer(struct connection *connection) {
  uint64_t ready = declare_queues(connection);
  if (plan.mode == MODE_DRAIN_ONLY && plan.count == 0) plan.count = ready;
  uint8_t arguments[16];
  if (plan.acks) {
    uint8_t *at = write_u8(write_u16(write_u32(arguments, 0), (uint16_t)plan.prefetch), 0);
    call(connection, BASIC_QOS, BASIC_QOS_OK, arguments, at);
  }
  char name[AMQP_NAME_BYTES], routing_key[AMQP_NAME_BYTES];
  for (uint32_t n = 0; queue_of(connection, n, name, routing_key); n++) consume(connection, name, n);
}

static void open_producer(struct connection *connection) {
  if (plan.mode == MODE_PUBLISH_ONLY) declare_queues(connection);
  uint8_t arguments[1] = {0};
  if (plan.confirms) call(connection, CONFIRM_SELECT, CONFIRM_SELECT_OK, arguments, arguments + 1);
}

void amqp_open(struct connection *connection) {
  connection->session = calloc(1, sizeof(struct amqp_session));
  handshake(connection);
  if (connection->role == ROLE_CONSUMER) open_consumer(connection);
  if (connection->role == ROLE_PRODUCER) open_producer(connection);
}

void amqp_close_channel(struct connection *connection) {
  uint8_t arguments[16], *at = write_short_string(write_u16(arguments, 200), "done");
  call(connection, CHANNEL_CLOSE, CHANNEL_CLOSE_OK, arguments, write_u32(at, 0));
}

static void delete_queue(struct connection *connection, const char *name) {
  uint8_t arguments[512], *at = write_short_string(write_u16(arguments, 0), name);
  call(connection, QUEUE_DELETE, QUEUE_DELETE_OK, arguments, write_u8(at, 0));
}

uint64_t amqp_clean_up(struct connection *connection) {
  if (auto_delete()) return 0;
  char name[AMQP_NAME_BYTES], routing_key[AMQP_NAME_BYTES];
  uint64_t left_over = 0;
  uint32_t copies = plan.topic && plan.keys == 1 ? plan.consumers : 1;
  for (connection->index = 0; connection->index < copies; connection->index++)
    for (uint32_t n = 0; queue_of(connection, n, name, routing_key); n++) {
      left_over += declare_queue(connection, name);
      if (!plan.keep) delete_queue(connection, name);
    }
  return left_over;
}

void amqp_close(struct connection *connection) {
  uint8_t arguments[16], *at = write_short_string(write_u16(arguments, 200), "done");
  at = write_u32(at, 0);
  amqp_send_method(connection, 0, CONNECTION_CLOSE, arguments, (size_t)(at - arguments));
  amqp_await(connection, CONNECTION_CLOSE_OK);
}
