/* AMQP 0-9-1: frames in, frames out, one channel (number 1) a connection. */
#include "amqp.h"

#include <stdlib.h>
#include <string.h>

#include "wire.h"

static uint32_t frame_max = 4096; /* what the broker's tune allows, at most 128 KiB */

struct amqp_session *amqp_session(struct connection *connection) { return connection->session; }

void amqp_set_frame_max(uint32_t offered) { frame_max = offered == 0 || offered > 131072 ? 131072 : offered; }
uint32_t amqp_frame_max(void) { return frame_max; }

void amqp_send_method(struct connection *connection, uint16_t channel, uint32_t method, const uint8_t *arguments, size_t length) {
  uint8_t head[11], *at = write_u8(head, FRAME_METHOD);
  at = write_u32(write_u16(at, channel), (uint32_t)(4 + length));
  write_u32(at, method);
  connection_put(connection, head, sizeof head);
  connection_put(connection, arguments, length);
  connection_put(connection, "\xCE", 1);
}

const uint8_t *amqp_await(struct connection *connection, uint32_t method) {
  struct amqp_session *session = connection->session;
  while (session->reply_method == 0) connection_pump(connection);
  if (session->reply_method != method)
    fail("expected method %u.%u, got %u.%u", method >> 16, method & 0xffff, session->reply_method >> 16, session->reply_method & 0xffff);
  session->reply_method = 0;
  return session->reply;
}

void amqp_send_ack(struct connection *connection) {
  struct amqp_session *session = connection->session;
  uint8_t arguments[9];
  write_u8(write_u64(arguments, session->last_tag), 1);
  amqp_send_method(connection, 1, BASIC_ACK, arguments, sizeof arguments);
  session->unacked = 0;
}

__attribute__((noreturn)) static void closed_by_broker(const char *what, const uint8_t *arguments) {
  uint32_t text_length = arguments[2];
  const uint8_t *after = arguments + 3 + text_length;
  fail("the broker closed the %s: %u %.*s (method %u.%u)", what, read_u16(arguments), (int)text_length, (const char *)arguments + 3,
       read_u16(after), read_u16(after + 2));
}

static void on_reply(struct amqp_session *session, uint32_t method, const uint8_t *arguments, size_t length) {
  if (method == CONNECTION_CLOSE) closed_by_broker("connection", arguments);
  if (method == CHANNEL_CLOSE) closed_by_broker("channel", arguments);
  if (method == BASIC_CANCEL) fail("the broker cancelled a consumer: its queue is gone");
  session->reply_method = method;
  memcpy(session->reply, arguments, length < sizeof session->reply ? length : sizeof session->reply);
}

static inline void on_method(struct connection *connection, const uint8_t *payload, uint32_t length) {
  struct amqp_session *session = connection->session;
  uint32_t method = read_u32(payload);
  if (method == BASIC_DELIVER) {
    session->last_tag = read_u64(payload + 5 + payload[4]);
  } else if (method == BASIC_ACK || method == BASIC_NACK) {
    tally_confirm(connection, read_u64(payload + 4), (payload[12] & 1) != 0, method == BASIC_NACK);
  } else {
    on_reply(session, method, payload + 4, length - 4);
  }
}

static inline void on_message(struct connection *connection, const uint8_t *stamp) {
  struct amqp_session *session = connection->session;
  tally_delivery(connection, stamp);
  if (plan.acks && ++session->unacked >= plan.ack_every) amqp_send_ack(connection);
}

static inline void on_body(struct connection *connection, const uint8_t *payload, uint32_t length) {
  struct amqp_session *session = connection->session;
  if (session->body_left == length && !session->body_begun) {
    if (length < STAMP_BYTES) fail("a message of %u bytes is not one of ours", length);
    session->body_left = 0;
    on_message(connection, payload);
    return;
  }
  if (!session->body_begun) {
    if (length < STAMP_BYTES) fail("a first body frame of %u bytes", length);
    memcpy(session->stamp, payload, STAMP_BYTES);
    session->body_begun = true;
  }
  if (length > session->body_left) fail("more body than the header announced");
  session->body_left -= length;
  if (session->body_left > 0) return;
  session->body_begun = false;
  on_message(connection, session->stamp);
}

static size_t parse(struct connection *connection, const uint8_t *bytes, size_t length) {
  size_t offset = 0;
  while (length - offset >= FRAME_OVERHEAD) {
    const uint8_t *frame = bytes + offset, *payload = frame + 7;
    uint32_t payload_length = read_u32(frame + 3);
    if (frame[0] == 'A') fail("the broker does not speak AMQP 0-9-1");
    if (length - offset < (size_t)payload_length + FRAME_OVERHEAD) break;
    if (payload[payload_length] != FRAME_END) fail("a frame does not end with 0xCE");
    switch (frame[0]) {
      case FRAME_METHOD: on_method(connection, payload, payload_length); break;
      case FRAME_HEADER: amqp_session(connection)->body_left = read_u64(payload + 4); break;
      case FRAME_BODY: on_body(connection, payload, payload_length); break;
      case FRAME_HEARTBEAT: break;
      default: fail("frame type %u", frame[0]);
    }
    offset += (size_t)payload_length + FRAME_OVERHEAD;
  }
  return offset;
}

/* Every name has the same length, so that every publish has: see struct train. */
void amqp_routing_key(char *to, uint32_t key) { snprintf(to, AMQP_NAME_BYTES, "%s.%06u", plan.queue, key); }

static size_t encode_publish_method(uint8_t *to, uint32_t key) {
  char name[AMQP_NAME_BYTES];
  if (plan.topic) amqp_routing_key(name, key);
  uint8_t *at = write_u16(write_u8(to, FRAME_METHOD), 1), *length_at = at;
  at = write_u16(write_u32(at + 4, BASIC_PUBLISH), 0);
  at = write_short_string(at, plan.topic ? plan.exchange : "");
  at = write_short_string(at, plan.topic ? name : plan.queue);
  at = write_u8(at, 0);
  write_u32(length_at, (uint32_t)(at - length_at - 4));
  return (size_t)(write_u8(at, FRAME_END) - to);
}

static size_t encode_header(uint8_t *to) {
  uint8_t *at = write_u32(write_u16(write_u8(to, FRAME_HEADER), 1), 15);
  at = write_u64(write_u32(at, 60u << 16), plan.size);
  at = write_u16(at, 0x1000); /* property flags: delivery-mode only */
  at = write_u8(at, plan.durable ? 2 : 1);
  return (size_t)(write_u8(at, FRAME_END) - to);
}

static size_t encode_publish(uint32_t key, uint8_t *to, size_t *body_offset) {
  uint8_t head[600];
  size_t head_length = encode_publish_method(head, key);
  head_length += encode_header(head + head_length);
  *body_offset = head_length + 7;
  if (to != NULL) memcpy(to, head, head_length);
  size_t offset = head_length;
  for (uint32_t left = plan.size; left > 0;) {
    uint32_t part = left < frame_max - FRAME_OVERHEAD ? left : frame_max - FRAME_OVERHEAD;
    if (to != NULL) {
      uint8_t *at = write_u32(write_u16(write_u8(to + offset, FRAME_BODY), 1), part);
      memset(at, 'x', part);
      write_u8(at + part, FRAME_END);
    }
    offset += part + FRAME_OVERHEAD;
    left -= part;
  }
  return offset;
}

static void settle(struct connection *connection) {
  if (plan.acks && amqp_session(connection)->unacked > 0) amqp_send_ack(connection);
  amqp_close_channel(connection); /* its close-ok comes after the acknowledgements were taken */
}

static void heartbeat(struct connection *connection) { connection_put(connection, "\x08\0\0\0\0\0\0\xCE", 8); }

const struct protocol amqp_protocol = {
    .name = "amqp",
    .port = 5672,
    .open = amqp_open,
    .encode_publish = encode_publish,
    .parse = parse,
    .settle = settle,
    .clean_up = amqp_clean_up,
    .heartbeat = heartbeat,
    .ping = amqp_ping,
    .close = amqp_close,
};
