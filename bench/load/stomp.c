/* STOMP 1.2 over TCP: frames in, frames out, one subscription for each queue or key of a consumer. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define TEXT_BYTES 1024

struct stomp_session {
  char reply[16], reply_receipt[16]; /* command of a CONNECTED or RECEIPT that nobody has taken yet; its receipt-id */
};

/* What the headers of one frame said. The texts point into the bytes that were read. */
struct frame {
  const uint8_t *command, *ack, *receipt, *message, *body;
  size_t command_length, ack_length, receipt_length, message_length, content_length;
  bool has_content_length;
};

static bool is(const uint8_t *at, size_t length, const char *text) { return length == strlen(text) && memcmp(at, text, length) == 0; }

/* Every routing key has the same length, so that every publish has: see struct train. AMQP's files name keys likewise. */
static void destination(char *to, uint32_t key) {
  if (plan.topic) snprintf(to, TEXT_BYTES, "/topic/%s.%06u", plan.queue, key);
  else snprintf(to, TEXT_BYTES, "/queue/%s", plan.queue);
}

/* With its headers and a body of nothing. */
__attribute__((format(printf, 2, 3))) static void put_frame(struct connection *connection, const char *format, ...) {
  char text[TEXT_BYTES * 2];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof text) fail("a STOMP frame of more than %zu bytes", sizeof text);
  connection_put(connection, text, (size_t)length + 1); /* the NUL ends the frame */
}

static uint64_t decimal(const uint8_t *at, size_t length) {
  uint64_t value = 0;
  for (size_t i = 0; i < length; i++) {
    if (at[i] < '0' || at[i] > '9') fail("content-length: %.*s", (int)length, (const char *)at);
    value = value * 10 + (at[i] - '0');
  }
  return value;
}

static inline void take_header(struct frame *frame, const uint8_t *line, size_t length) {
  const uint8_t *colon = memchr(line, ':', length);
  if (colon == NULL) fail("a header without a colon");
  size_t name = (size_t)(colon - line), value = length - name - 1;
  if (line[0] == 'c' && is(line, name, "content-length")) {
    frame->content_length = decimal(colon + 1, value);
    frame->has_content_length = true;
  } else if (line[0] == 'a' && is(line, name, "ack")) {
    frame->ack = colon + 1;
    frame->ack_length = value;
  } else if (line[0] == 'r' && is(line, name, "receipt-id")) {
    frame->receipt = colon + 1;
    frame->receipt_length = value;
  } else if (line[0] == 'm' && is(line, name, "message")) {
    frame->message = colon + 1;
    frame->message_length = value;
  }
}

/* Reads the frame at `at`; returns its length with the NUL, or 0 when it is not all there. */
static size_t read_frame(struct frame *frame, const uint8_t *at, size_t length) {
  const uint8_t *end = at + length, *line = at, *newline;
  *frame = (struct frame){.command = at};
  for (; (newline = memchr(line, '\n', (size_t)(end - line))) != NULL; line = newline + 1) {
    size_t line_length = (size_t)(newline - line);
    if (line_length > 0 && newline[-1] == '\r') line_length--;
    if (line_length == 0) break;
    if (line == at) frame->command_length = line_length;
    else take_header(frame, line, line_length);
  }
  if (newline == NULL) return 0;
  frame->body = newline + 1;
  size_t left = (size_t)(end - frame->body);
  if (!frame->has_content_length) {
    const uint8_t *nul = memchr(frame->body, 0, left);
    if (nul == NULL) return 0;
    frame->content_length = (size_t)(nul - frame->body);
  }
  if (left <= frame->content_length) return 0;
  if (frame->body[frame->content_length] != 0) fail("a frame does not end with NUL");
  return (size_t)(frame->body - at) + frame->content_length + 1;
}

static inline void on_message(struct connection *connection, const struct frame *frame) {
  if (frame->content_length < STAMP_BYTES) fail("a message of %zu bytes is not one of ours", frame->content_length);
  tally_delivery(connection, frame->body);
  if (!plan.acks) return;
  if (frame->ack == NULL) fail("a MESSAGE without an ack header");
  connection_put(connection, "ACK\nid:", 7);
  connection_put(connection, frame->ack, frame->ack_length);
  connection_put(connection, "\n\n", 3);
}

/* The frames of a train are encoded once, so all SENDs ask for the same receipt, and each receipt settles the oldest. */
static void on_receipt(struct connection *connection, const struct frame *frame) {
  struct stomp_session *session = connection->session;
  if (is(frame->receipt, frame->receipt_length, "sent")) {
    tally_confirm(connection, connection->ledger.settled_up_to + 1, false, false);
    return;
  }
  strcpy(session->reply, "RECEIPT");
  snprintf(session->reply_receipt, sizeof session->reply_receipt, "%.*s", (int)frame->receipt_length, (const char *)frame->receipt);
}

static void on_frame(struct connection *connection, const struct frame *frame) {
  struct stomp_session *session = connection->session;
  if (is(frame->command, frame->command_length, "MESSAGE")) on_message(connection, frame);
  else if (is(frame->command, frame->command_length, "RECEIPT")) on_receipt(connection, frame);
  else if (is(frame->command, frame->command_length, "CONNECTED")) strcpy(session->reply, "CONNECTED");
  else if (is(frame->command, frame->command_length, "ERROR"))
    fail("the broker answered ERROR: %.*s: %.*s", (int)frame->message_length, (const char *)frame->message, (int)frame->content_length,
         (const char *)frame->body);
  else fail("unexpected command %.*s", (int)frame->command_length, (const char *)frame->command);
}

static size_t parse(struct connection *connection, const uint8_t *bytes, size_t length) {
  size_t offset = 0;
  for (;;) {
    while (offset < length && (bytes[offset] == '\n' || bytes[offset] == '\r')) offset++; /* heart-beats */
    struct frame frame;
    size_t taken = read_frame(&frame, bytes + offset, length - offset);
    if (taken == 0) return offset;
    on_frame(connection, &frame);
    offset += taken;
  }
}

static void await(struct connection *connection, const char *command, const char *receipt) {
  struct stomp_session *session = connection->session;
  while (session->reply[0] == 0) connection_pump(connection);
  if (strcmp(session->reply, command) != 0 || strcmp(session->reply_receipt, receipt) != 0)
    fail("expected %s %s, got %s %s", command, receipt, session->reply, session->reply_receipt);
  session->reply[0] = session->reply_receipt[0] = 0;
}

/* In a queue of their own for topics; a shared transient queue that goes with its last consumer otherwise. */
static void subscribe(struct connection *connection, uint32_t number, uint32_t key) {
  char to[TEXT_BYTES], prefetch[48] = "";
  destination(to, key);
  if (plan.acks) snprintf(prefetch, sizeof prefetch, "prefetch-count:%u\n", plan.prefetch);
  put_frame(connection, "SUBSCRIBE\nid:%u\ndestination:%s\nack:%s\n%s%sreceipt:subscribed\n\n", number, to,
            plan.acks ? "client-individual" : "auto", prefetch, plan.topic ? "" : "durable:false\nauto-delete:true\n");
  await(connection, "RECEIPT", "subscribed");
}

static void open_session(struct connection *connection) {
  connection->session = calloc(1, sizeof(struct stomp_session));
  if (connection->session == NULL) fail("out of memory");
  put_frame(connection, "CONNECT\naccept-version:1.2\nhost:%s\nlogin:%s\npasscode:%s\nheart-beat:%u,0\n\n", plan.virtual_host, plan.user,
            plan.password, plan.heartbeat * 1000);
  await(connection, "CONNECTED", "");
  if (connection->role != ROLE_CONSUMER) return;
  uint32_t number = 0;
  for (uint32_t key = plan.keys == 1 ? 0 : connection->index; key < plan.keys; key += plan.consumers) subscribe(connection, number++, key);
}

/* The queue is there with its consumers' arguments, so publishes go to /amq/queue, which declares nothing. */
static size_t encode_publish(uint32_t key, uint8_t *to, size_t *body_offset) {
  char head[TEXT_BYTES * 2], target[TEXT_BYTES];
  destination(target, key);
  int length = snprintf(head, sizeof head, "SEND\ndestination:%s%s\ncontent-length:%u\n%s\n", plan.topic ? "" : "/amq", target, plan.size,
                        plan.confirms ? "receipt:sent\n" : "");
  *body_offset = (size_t)length;
  if (to != NULL) {
    memcpy(to, head, (size_t)length);
    memset(to + length, 'x', plan.size);
    to[(size_t)length + plan.size] = 0;
  }
  return (size_t)length + plan.size + 1;
}

/* Each ACK went out as its message came in; the receipt of DISCONNECT says that the broker took them. */
static void settle(struct connection *connection) {
  put_frame(connection, "DISCONNECT\nreceipt:bye\n\n");
  await(connection, "RECEIPT", "bye");
}

static void ping(struct connection *connection) {
  put_frame(connection, "SEND\ndestination:/topic/%s.nobody\nreceipt:ping\n\n", plan.queue);
  await(connection, "RECEIPT", "ping");
}

/* The queues went with their consumers. */
static uint64_t clean_up(struct connection *connection) {
  (void)connection;
  return 0;
}

static void heartbeat(struct connection *connection) { connection_put(connection, "\n", 1); }

static void close_session(struct connection *connection) {
  if (connection->role != ROLE_CONSUMER) settle(connection); /* a consumer is settled already, and so disconnected */
}

const struct protocol stomp_protocol = {
    .name = "stomp",
    .port = 61613,
    .open = open_session,
    .encode_publish = encode_publish,
    .parse = parse,
    .settle = settle,
    .clean_up = clean_up,
    .heartbeat = heartbeat,
    .ping = ping,
    .close = close_session,
};
