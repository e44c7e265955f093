/* What the parts of the load generator share: the plan, a connection, and what every protocol file offers. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

enum mode { MODE_FLOW, MODE_PUBLISH_ONLY, MODE_DRAIN_ONLY, MODE_IDLE, MODE_CONNECT, MODE_RETAINED, MODE_PING, MODE_NEWCOMER };
/* The janitor cleans up what the consumers left, so it speaks their protocol. */
enum role { ROLE_PRODUCER, ROLE_CONSUMER, ROLE_JANITOR, ROLE_IDLE };

/* The command line, read once. */
struct plan {
  const struct protocol *protocol;
  const struct protocol *consumer_protocol; /* the same, unless a bridge from one protocol to another is measured */
  const char *host, *user, *password, *virtual_host;
  const char *exchange;   /* AMQP: where topic publishes go */
  const char *queue;      /* queue name, or the stem of the names when there are several */
  uint16_t port, consumer_port;
  enum mode mode;
  bool confirms, acks;    /* publisher confirms; manual acknowledgements */
  bool durable;           /* durable queues and persistent messages */
  bool topic;             /* publish to amq.topic, a queue a consumer (fan-out), instead of one shared queue */
  bool keep;              /* leave the queues behind */
  bool abrupt;            /* drop the sockets at the end, for a peer that knows no closing methods */
  uint8_t qos;            /* MQTT: of publishes and subscriptions; above 0 it turns confirms on for an MQTT producer */
  bool retain;            /* MQTT: publish with the RETAIN flag */
  bool wildcard;          /* MQTT: a consumer takes all keys with one filter */
  bool own_keys;          /* producer i publishes to key i alone */
  uint32_t producers, consumers, keys, idle;
  uint32_t subscriptions; /* MQTT: of each idle connection; every tenth has a wildcard */
  uint32_t size;          /* body bytes, at least STAMP_BYTES */
  uint32_t window;        /* messages under way, for all producers together and, with confirms, for each */
  uint32_t prefetch, ack_every, burst_bytes, heartbeat;
  uint64_t count;         /* messages to publish, or to drain; 0 with seconds */
  uint64_t first_sequence;
  double seconds;         /* publish for so long instead of count, after the warm-up */
  double warm_up_seconds; /* publishing before the measurement begins */
  double rate;            /* messages a second for all producers together; 0 publishes as fast as the window lets */
  double stall_seconds;
  const char *broker_pids, *store_pids;
};
extern struct plan plan;

struct bytes { uint8_t *at; size_t length, capacity; };

/* A producer's frames, encoded once and laid end to end. Sending a message stamps 16 bytes of its body in place and
 * hands the kernel the range; nothing is copied. All frames have the same length, so frame i begins at i * stride. */
struct train {
  uint8_t *at;
  size_t stride, stamp_offset;
  uint32_t frames, stamped;
  size_t written;
};

/* When each publish was sent, until its confirm comes. Confirms may skip ahead (single) or sweep (multiple). */
struct ledger {
  uint64_t *sent_at;      /* ring by publish number; 0 once settled */
  uint64_t mask, settled_up_to;
};

struct connection {
  const struct protocol *protocol;
  int fd;
  enum role role;
  uint32_t index;         /* among those of its role */
  bool writable;
  struct bytes rest;      /* the piece of a frame that the last read left over */
  struct bytes out;       /* handshake, topology, acknowledgements */
  struct train train;
  struct ledger ledger;
  uint64_t sent, received;
  uint64_t *next_sequence; /* by producer and key: what this consumer must see next */
  void *session;          /* the protocol's own state */
};

/* One protocol file fills one of these. A protocol is free to block in open, settle, clean_up and close; parse runs hot. */
struct protocol {
  const char *name;
  uint16_t port;
  bool numbers_publishes; /* with confirms, the two bytes before a body hold a packet identifier: see packet_identifier */
  /* Handshake, topology of the role, subscription. */
  void (*open)(struct connection *connection);
  /* Writes one publish for `key` at `to` (NULL: measure only), says where the body begins; returns its length. */
  size_t (*encode_publish)(uint32_t key, uint8_t *to, size_t *body_offset);
  /* Takes all whole frames, calls tally_*; returns the bytes taken. */
  size_t (*parse)(struct connection *connection, const uint8_t *bytes, size_t length);
  /* Acknowledges what is still unacknowledged and makes sure the broker took it. */
  void (*settle)(struct connection *connection);
  /* Messages left in the plan's queues, asked over this connection; then deletes them unless plan.keep. */
  uint64_t (*clean_up)(struct connection *connection);
  void (*heartbeat)(struct connection *connection);
  /* Asks for something that changes nothing, and waits for the answer. */
  void (*ping)(struct connection *connection);
  void (*close)(struct connection *connection);
  /* NULL where open does it all at once: begin writes the greeting, is_open says whether the broker has taken it. */
  void (*begin)(struct connection *connection);
  bool (*is_open)(const struct connection *connection);
};
extern const struct protocol amqp_protocol, mqtt_protocol, stomp_protocol;

/* A producer's publishes are numbered 1, 2, 3, …; MQTT's packet identifiers run from 1 to 65535. */
#define PACKET_IDENTIFIERS 65535u
static inline uint16_t packet_identifier(uint64_t publish_number) { return (uint16_t)((publish_number - 1) % PACKET_IDENTIFIERS + 1); }

#define STAMP_BYTES 16u   /* body: 8 bytes time sent (ns, monotonic), 2 bytes producer, 6 bytes sequence */
#define SEQUENCE_BITS 48

/* What was measured. Counted since the measurement began, except the totals. */
struct tally {
  uint64_t sent_total, delivered_total, confirmed_total, refused_total;
  uint64_t out_of_order;
  struct histogram delivery, confirm;
};
extern struct tally tally;
extern uint64_t chunk_time; /* monotonic ns when the chunk being parsed was read */

void tally_delivery(struct connection *connection, const uint8_t *body);
void tally_confirm(struct connection *connection, uint64_t publish_number, bool multiple, bool refused);

/* clock.c */
uint64_t monotonic_ns(void);

/* options.c */
void plan_from_arguments(int count, char **arguments);

/* connection.c */
struct connection *connection_dial(enum role role, uint32_t index);
/* Begins to connect and to greet, and does not wait; for protocols that have begin. */
struct connection *connection_begin(uint32_t index);
void connection_put(struct connection *connection, const void *data, size_t length);
void connection_flush(struct connection *connection);
/* Reads until the socket has no more and parses; false when the peer closed. */
bool connection_read(struct connection *connection);
/* Waits for bytes, bounded by the stall time, and reads them. */
void connection_pump(struct connection *connection);
void connection_free(struct connection *connection);

/* producer.c */
void producer_prepare(struct connection *connection);
/* Stamps and writes at most `allowed` messages; returns how many were stamped. */
uint32_t producer_send(struct connection *connection, uint32_t allowed, uint64_t due_first, double due_step);
bool producer_mid_frame(const struct connection *connection);
bool producer_idle(const struct connection *connection);
/* Published and not yet confirmed, counting what is stamped but not yet written. */
uint64_t producer_unsettled(const struct connection *connection);

/* broker-cpu.c: CPU seconds used by the processes in a comma-separated list and all their descendants. */
double broker_cpu_seconds(const char *pids);

/* idle.c, connect.c, retained.c, probe.c: what main does in these modes; returns the exit code. */
int idle_run(void);
int connect_run(void);
int retained_run(void);
int ping_run(void);
int newcomer_run(void);
/* As many open files as the system allows, and at least so many. */
void raise_file_limit(uint64_t files);

/* report.c */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
struct outcome { double seconds, broker_cpu, store_cpu, own_cpu; uint64_t sent, delivered, confirmed, expected, left_over; };
void report(const struct outcome *outcome);
/* ,"name":{percentiles in microseconds}, or nothing where nothing was counted. */
void print_latency(const char *name, const struct histogram *histogram);

#endif
