/* Publishing: stamp the train's frames in place, write the range, remember when for the confirms. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "load.h"
#include "wire.h"

#define LEDGER_SLOTS_OPEN_LOOP (1u << 21)

static uint64_t power_of_two_above(uint64_t value) {
  uint64_t power = 1;
  while (power <= value) power *= 2;
  return power;
}

void producer_prepare(struct connection *connection) {
  struct train *train = &connection->train;
  train->stride = connection->protocol->encode_publish(0, NULL, &train->stamp_offset);
  uint32_t rounds = (uint32_t)(plan.burst_bytes / (train->stride * plan.keys));
  train->frames = plan.keys * (rounds < 1 ? 1 : rounds);
  train->at = malloc(train->stride * train->frames);
  if (train->at == NULL) fail("out of memory");
  for (uint32_t frame = 0; frame < train->frames; frame++)
    connection->protocol->encode_publish(plan.own_keys ? connection->index : frame % plan.keys, train->at + frame * train->stride, &train->stamp_offset);
  if (!plan.confirms) return;
  uint64_t slots = plan.rate == 0                              ? power_of_two_above(plan.window)
                   : connection->protocol->numbers_publishes ? PACKET_IDENTIFIERS + 1
                                                             : LEDGER_SLOTS_OPEN_LOOP;
  connection->ledger.mask = slots - 1;
  connection->ledger.sent_at = calloc(slots, sizeof(uint64_t));
  if (connection->ledger.sent_at == NULL) fail("out of memory");
}

bool producer_mid_frame(const struct connection *connection) {
  return connection->train.stride > 0 && connection->train.written % connection->train.stride != 0;
}

bool producer_idle(const struct connection *connection) {
  return connection->train.written == connection->train.stamped * connection->train.stride;
}

uint64_t producer_unsettled(const struct connection *connection) {
  return connection->sent - connection->ledger.settled_up_to;
}

/* What waits in `out` (MQTT's PUBREL) goes between two frames: before the range, or after the frame that the last write cut. */
static void write_train(struct connection *connection) {
  struct train *train = &connection->train;
  if (connection->out.length > 0) {
    connection_flush(connection);
    if (connection->out.length > 0 && !producer_mid_frame(connection)) return;
  }
  size_t end = train->stamped * train->stride;
  while (connection->writable && train->written < end) {
    ssize_t wrote = send(connection->fd, train->at + train->written, end - train->written, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (wrote >= 0) {
      train->written += (size_t)wrote;
    } else if (errno == EAGAIN || errno == EPIPE || errno == ECONNRESET) {
      connection->writable = false; /* on a reset the reading side finds out why */
    } else if (errno != EINTR) {
      fail("write: %s", strerror(errno));
    }
  }
  if (connection->out.length > 0) connection_flush(connection);
  if (train->stamped == train->frames && train->written == end) {
    train->stamped = 0;
    train->written = 0;
  }
}

static inline uint32_t stamp_frames(struct connection *connection, uint32_t allowed, uint64_t due_first, double due_step) {
  struct train *train = &connection->train;
  uint32_t room = train->frames - train->stamped, stamped = allowed < room ? allowed : room;
  uint8_t *stamp = train->at + train->stamped * train->stride + train->stamp_offset;
  bool numbered = plan.confirms && connection->protocol->numbers_publishes;
  uint64_t identity = ((uint64_t)connection->index << SEQUENCE_BITS) | (plan.first_sequence + connection->sent);
  for (uint32_t i = 0; i < stamped; i++, stamp += train->stride, identity++) {
    uint64_t due = due_first + (uint64_t)((double)i * due_step);
    memcpy(stamp, &due, 8);
    memcpy(stamp + 8, &identity, 8);
    connection->sent++;
    if (numbered) write_u16(stamp - 2, packet_identifier(connection->sent));
    if (plan.confirms) connection->ledger.sent_at[connection->sent & connection->ledger.mask] = due;
  }
  train->stamped += stamped;
  tally.sent_total += stamped;
  return stamped;
}

uint32_t producer_send(struct connection *connection, uint32_t allowed, uint64_t due_first, double due_step) {
  uint32_t stamped = stamp_frames(connection, allowed, due_first, due_step);
  write_train(connection);
  return stamped;
}
