/* What the two AMQP files share: numbers of the specification, the session, calls that wait for an answer. */
#ifndef AMQP_H
#define AMQP_H

#include <stdio.h>

#include "load.h"

enum { FRAME_METHOD = 1, FRAME_HEADER = 2, FRAME_BODY = 3, FRAME_HEARTBEAT = 8, FRAME_END = 0xCE, FRAME_OVERHEAD = 8 };

#define METHOD(class_id, method_id) ((uint32_t)(class_id) << 16 | (method_id))
enum {
  CONNECTION_START = METHOD(10, 10), CONNECTION_START_OK = METHOD(10, 11),
  CONNECTION_TUNE = METHOD(10, 30), CONNECTION_TUNE_OK = METHOD(10, 31),
  CONNECTION_OPEN = METHOD(10, 40), CONNECTION_OPEN_OK = METHOD(10, 41),
  CONNECTION_CLOSE = METHOD(10, 50), CONNECTION_CLOSE_OK = METHOD(10, 51),
  CHANNEL_OPEN = METHOD(20, 10), CHANNEL_OPEN_OK = METHOD(20, 11),
  CHANNEL_CLOSE = METHOD(20, 40), CHANNEL_CLOSE_OK = METHOD(20, 41),
  QUEUE_DECLARE = METHOD(50, 10), QUEUE_DECLARE_OK = METHOD(50, 11),
  QUEUE_BIND = METHOD(50, 20), QUEUE_BIND_OK = METHOD(50, 21),
  QUEUE_DELETE = METHOD(50, 40), QUEUE_DELETE_OK = METHOD(50, 41),
  BASIC_QOS = METHOD(60, 10), BASIC_QOS_OK = METHOD(60, 11),
  BASIC_CONSUME = METHOD(60, 20), BASIC_CONSUME_OK = METHOD(60, 21),
  BASIC_CANCEL = METHOD(60, 30), BASIC_PUBLISH = METHOD(60, 40), BASIC_DELIVER = METHOD(60, 60),
  BASIC_ACK = METHOD(60, 80), BASIC_NACK = METHOD(60, 120),
  CONFIRM_SELECT = METHOD(85, 10), CONFIRM_SELECT_OK = METHOD(85, 11),
};

#define AMQP_NAME_BYTES 200

struct amqp_session {
  uint64_t last_tag, body_left;
  uint32_t unacked;
  bool body_begun;              /* a body that comes in several frames */
  uint8_t stamp[STAMP_BYTES];
  uint32_t reply_method;        /* a method that nobody has taken yet; 0: none */
  uint8_t reply[512];           /* the beginning of its arguments */
};

struct amqp_session *amqp_session(struct connection *connection);
void amqp_set_frame_max(uint32_t offered);
uint32_t amqp_frame_max(void);
void amqp_routing_key(char *to, uint32_t key);
void amqp_send_method(struct connection *connection, uint16_t channel, uint32_t method, const uint8_t *arguments, size_t length);
void amqp_send_ack(struct connection *connection);
/* Waits for that method (anything else is a failure); returns its arguments. */
const uint8_t *amqp_await(struct connection *connection, uint32_t method);

/* amqp-topology.c */
void amqp_open(struct connection *connection);
void amqp_close_channel(struct connection *connection);
uint64_t amqp_clean_up(struct connection *connection);
void amqp_close(struct connection *connection);
void amqp_ping(struct connection *connection);

#endif
