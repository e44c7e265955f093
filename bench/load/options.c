/* The command line, checked. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

struct plan plan;

static const struct protocol *const protocols[] = {&amqp_protocol, &mqtt_protocol, &stomp_protocol};

static const char usage[] =
    "load [options]: drives a message broker and prints one line of JSON\n"
    "  --protocol amqp        or mqtt (not the mode drain), or stomp (flow and idle alone)\n"
    "  --consumer-protocol P  --consumer-port N  what the consumers speak, where it is not the same\n"
    "                         --host 127.0.0.1  --port N  --user guest  --password guest  --vhost /\n"
    "  --mode flow            publish and consume at once (default)\n"
    "  --mode publish         publish only (with --confirms: until all are confirmed)\n"
    "  --mode drain           consume only; checks that the sequence has no gap\n"
    "  --mode idle --idle N   hold N connections until standard input ends; then every one must still answer\n"
    "  --mode connect         MQTT: connect and leave, at --rate (or as fast as --window under way allow); --keep stays\n"
    "  --mode retained        MQTT: subscribe to # and take --count retained messages, while another client measures\n"
    "  --mode ping            --rate pings a second on one connection, for --seconds, beside somebody else's load\n"
    "  --mode newcomer        --rate clients a second, for --seconds: each connects, subscribes and takes its own message\n"
    "  --producers 1 --consumers 1 --size 100 (bytes)\n"
    "  --count N              messages to publish (drain: to take; default all that are ready)\n"
    "  --seconds S            publish for S seconds instead of --count\n"
    "  --warm-up 0            seconds of publishing before the measurement begins\n"
    "  --window 2000          messages under way at most\n"
    "  --rate R               R messages a second on a fixed schedule; latency counts from the scheduled time\n"
    "  --confirms --acks      publisher confirms; manual acknowledgements\n"
    "  --prefetch 500 --ack-every 50 (STOMP acknowledges each message)\n"
    "  --durable              durable queues, persistent messages\n"
    "  --topic                topic exchange, a queue a consumer: every consumer gets a copy\n"
    "  --fanout               AMQP: the same through a fanout exchange\n"
    "  --keys K               topic exchange, K queues with a key each; producers rotate over the keys\n"
    "  --qos 0 --retain       MQTT: of publishes and subscriptions; 1 and 2 count confirms and acknowledge\n"
    "  --wildcard             MQTT: each consumer takes all keys with one filter\n"
    "  --own-keys             producer i publishes to key i; with --wildcard\n"
    "  --subscriptions N      MQTT, --mode idle: of each connection, every tenth with a wildcard, beside the load's topics\n"
    "  --queue NAME --keep --first-sequence N\n"
    "  --abrupt               drop the sockets at the end instead of closing and cleaning up\n"
    "  --burst 32768          bytes published between two looks at the sockets\n"
    "  --heartbeat 0 --stall 10 (seconds)\n"
    "  --broker-pids P[,P]    measure the CPU time of these processes and their descendants\n"
    "  --store-pids P[,P]     the same of the server that keeps the broker's store, told apart\n";

enum option_id {
  PROTOCOL = 1, CONSUMER_PROTOCOL, HOST, PORT, CONSUMER_PORT, USER, PASSWORD, VHOST, MODE, IDLE, PRODUCERS, CONSUMERS, SIZE, COUNT, SECONDS, WARM_UP, WINDOW, RATE,
  CONFIRMS, ACKS, PREFETCH, ACK_EVERY, DURABLE, TOPIC, KEYS, QUEUE, KEEP, ABRUPT, FIRST_SEQUENCE, BURST, HEARTBEAT, STALL, BROKER_PIDS, STORE_PIDS,
  QOS, RETAIN, WILDCARD, OWN_KEYS, SUBSCRIPTIONS, FANOUT, HELP
};

static const struct option options[] = {
    {"protocol", 1, 0, PROTOCOL}, {"consumer-protocol", 1, 0, CONSUMER_PROTOCOL}, {"consumer-port", 1, 0, CONSUMER_PORT}, {"host", 1, 0, HOST}, {"port", 1, 0, PORT}, {"user", 1, 0, USER}, {"password", 1, 0, PASSWORD},
    {"vhost", 1, 0, VHOST}, {"mode", 1, 0, MODE}, {"idle", 1, 0, IDLE}, {"producers", 1, 0, PRODUCERS}, {"consumers", 1, 0, CONSUMERS},
    {"size", 1, 0, SIZE}, {"count", 1, 0, COUNT}, {"seconds", 1, 0, SECONDS}, {"warm-up", 1, 0, WARM_UP}, {"window", 1, 0, WINDOW},
    {"rate", 1, 0, RATE}, {"confirms", 0, 0, CONFIRMS}, {"acks", 0, 0, ACKS}, {"prefetch", 1, 0, PREFETCH}, {"ack-every", 1, 0, ACK_EVERY},
    {"durable", 0, 0, DURABLE}, {"topic", 0, 0, TOPIC}, {"keys", 1, 0, KEYS}, {"queue", 1, 0, QUEUE}, {"keep", 0, 0, KEEP}, {"abrupt", 0, 0, ABRUPT},
    {"first-sequence", 1, 0, FIRST_SEQUENCE}, {"burst", 1, 0, BURST}, {"heartbeat", 1, 0, HEARTBEAT}, {"stall", 1, 0, STALL},
    {"broker-pids", 1, 0, BROKER_PIDS}, {"store-pids", 1, 0, STORE_PIDS}, {"qos", 1, 0, QOS}, {"retain", 0, 0, RETAIN}, {"wildcard", 0, 0, WILDCARD},
    {"own-keys", 0, 0, OWN_KEYS}, {"subscriptions", 1, 0, SUBSCRIPTIONS}, {"fanout", 0, 0, FANOUT}, {"help", 0, 0, HELP}, {0, 0, 0, 0}};

static uint64_t whole_number(const char *name, const char *text, uint64_t minimum, uint64_t maximum) {
  char *end;
  uint64_t value = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != 0 || value < minimum || value > maximum)
    fail("--%s %s: a whole number from %lu to %lu is wanted", name, text, minimum, maximum);
  return value;
}

static double number(const char *name, const char *text) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end != 0 || value < 0) fail("--%s %s: a number is wanted", name, text);
  return value;
}

static const struct protocol *protocol_named(const char *name) {
  for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++)
    if (strcmp(protocols[i]->name, name) == 0) return protocols[i];
  fail("--protocol %s: not known", name);
}

static enum mode mode_named(const char *name) {
  static const char *const names[] = {"flow", "publish", "drain", "idle", "connect", "retained", "ping", "newcomer"};
  for (size_t mode = 0; mode < sizeof names / sizeof names[0]; mode++)
    if (strcmp(names[mode], name) == 0) return (enum mode)mode;
  fail("--mode %s: not known", name);
}

static void take_text_or_flag(enum option_id id, const char *text) {
  switch (id) {
    case PROTOCOL: plan.protocol = protocol_named(text); break;
    case CONSUMER_PROTOCOL: plan.consumer_protocol = protocol_named(text); break;
    case HOST: plan.host = text; break;
    case USER: plan.user = text; break;
    case PASSWORD: plan.password = text; break;
    case VHOST: plan.virtual_host = text; break;
    case MODE: plan.mode = mode_named(text); break;
    case QUEUE: plan.queue = text; break;
    case BROKER_PIDS: plan.broker_pids = text; break;
    case STORE_PIDS: plan.store_pids = text; break;
    case CONFIRMS: plan.confirms = true; break;
    case ACKS: plan.acks = true; break;
    case DURABLE: plan.durable = true; break;
    case TOPIC: plan.topic = true; break;
    case FANOUT: plan.topic = true; plan.exchange = "amq.fanout"; break;
    case KEEP: plan.keep = true; break;
    case ABRUPT: plan.abrupt = true; break;
    case RETAIN: plan.retain = true; break;
    case WILDCARD: plan.wildcard = true; break;
    case OWN_KEYS: plan.own_keys = true; break;
    default: fputs(usage, stderr); exit(id == HELP ? 0 : 2);
  }
}

static void take(enum option_id id, const char *name, const char *text) {
  switch (id) {
    case PORT: plan.port = (uint16_t)whole_number(name, text, 1, 65535); break;
    case CONSUMER_PORT: plan.consumer_port = (uint16_t)whole_number(name, text, 1, 65535); break;
    case IDLE: plan.idle = (uint32_t)whole_number(name, text, 1, 1000000); break;
    case PRODUCERS: plan.producers = (uint32_t)whole_number(name, text, 1, 65535); break;
    case CONSUMERS: plan.consumers = (uint32_t)whole_number(name, text, 1, 65535); break;
    case SIZE: plan.size = (uint32_t)whole_number(name, text, STAMP_BYTES, 64u << 20); break;
    case COUNT: plan.count = whole_number(name, text, 1, 1ull << 40); break;
    case SECONDS: plan.seconds = number(name, text); break;
    case WARM_UP: plan.warm_up_seconds = number(name, text); break;
    case WINDOW: plan.window = (uint32_t)whole_number(name, text, 1, 1u << 24); break;
    case RATE: plan.rate = number(name, text); break;
    case PREFETCH: plan.prefetch = (uint32_t)whole_number(name, text, 1, 65535); break;
    case ACK_EVERY: plan.ack_every = (uint32_t)whole_number(name, text, 1, 65535); break;
    case KEYS: plan.keys = (uint32_t)whole_number(name, text, 1, 999999); break;
    case FIRST_SEQUENCE: plan.first_sequence = whole_number(name, text, 0, 1ull << 40); break;
    case BURST: plan.burst_bytes = (uint32_t)whole_number(name, text, 1, 1u << 26); break;
    case HEARTBEAT: plan.heartbeat = (uint32_t)whole_number(name, text, 0, 65535); break;
    case QOS: plan.qos = (uint8_t)whole_number(name, text, 0, 2); break;
    case SUBSCRIPTIONS: plan.subscriptions = (uint32_t)whole_number(name, text, 1, 999999); break;
    case STALL: plan.stall_seconds = number(name, text); break;
    default: take_text_or_flag(id, text);
  }
}

/* Every MQTT subscription has a copy of its own, and its publishes are confirmed by their QoS. */
static void check_mqtt(void) {
  bool produces = plan.protocol == &mqtt_protocol, consumes = plan.consumer_protocol == &mqtt_protocol;
  if (produces || consumes) plan.topic = true;
  if (produces) plan.confirms = plan.qos > 0;
  if (consumes && plan.mode == MODE_DRAIN_ONLY) fail("--mode drain: MQTT has no queue to drain");
  if (plan.confirms && produces && plan.window > PACKET_IDENTIFIERS) fail("--window: at most %u, one packet identifier each", PACKET_IDENTIFIERS);
  if (!produces && (plan.mode == MODE_CONNECT || plan.mode == MODE_RETAINED || plan.retain)) fail("only for --protocol mqtt");
  if (!consumes && (plan.wildcard || plan.subscriptions > 0)) fail("--wildcard and --subscriptions are for MQTT consumers");
  if (plan.own_keys && (!plan.wildcard || plan.keys > 1)) fail("--own-keys goes with --wildcard and without --keys");
  if (plan.mode == MODE_CONNECT && plan.seconds == 0) fail("--mode connect needs --seconds");
  if (plan.mode == MODE_RETAINED && plan.count == 0) fail("--mode retained needs --count");
}

static void check(void) {
  if (plan.keys > 1) plan.topic = true;
  if (plan.port == 0) plan.port = plan.protocol->port;
  if (plan.consumer_protocol == NULL) plan.consumer_protocol = plan.protocol;
  check_mqtt();
  bool bridge = plan.consumer_protocol != plan.protocol;
  if (plan.consumer_port == 0) plan.consumer_port = bridge ? plan.consumer_protocol->port : plan.port;
  if (bridge && !plan.topic) fail("two protocols meet at the topic exchange: --topic or --keys is wanted");
  if (plan.consumer_protocol == &stomp_protocol && (plan.durable || plan.mode == MODE_PUBLISH_ONLY || plan.mode == MODE_DRAIN_ONLY))
    fail("STOMP has no way to delete a queue: neither --durable nor --mode publish or drain");
  if (plan.mode == MODE_PUBLISH_ONLY) plan.consumers = 0;
  if (plan.mode == MODE_PUBLISH_ONLY && plan.consumer_protocol != &mqtt_protocol && plan.topic && plan.keys == 1)
    fail("--mode publish fills one queue or --keys queues");
  if (plan.mode == MODE_IDLE && plan.idle == 0) fail("--mode idle needs --idle N");
  if ((plan.mode == MODE_FLOW || plan.mode == MODE_PUBLISH_ONLY) && (plan.count == 0) == (plan.seconds == 0))
    fail("either --count or --seconds is wanted");
  bool probes = plan.mode == MODE_PING || plan.mode == MODE_NEWCOMER;
  if (probes && (plan.rate == 0 || plan.seconds == 0)) fail("--mode ping and newcomer want --rate and --seconds");
  if (plan.first_sequence % plan.keys != 0) fail("--first-sequence must be a multiple of --keys");
  if (plan.ack_every > plan.prefetch) fail("--ack-every cannot be above --prefetch");
  if (strlen(plan.queue) > 100) fail("--queue: at most 100 bytes");
}

void plan_from_arguments(int count, char **arguments) {
  static char default_queue[32];
  snprintf(default_queue, sizeof default_queue, "load.%d", getpid());
  plan = (struct plan){.protocol = &amqp_protocol, .host = "127.0.0.1", .user = "guest", .password = "guest", .virtual_host = "/", .exchange = "amq.topic",
                       .queue = default_queue, .producers = 1, .consumers = 1, .keys = 1, .size = 100, .window = 2000,
                       .prefetch = 500, .ack_every = 50, .burst_bytes = 32768, .stall_seconds = 10};
  int id, index = 0;
  while ((id = getopt_long(count, arguments, "", options, &index)) != -1) take((enum option_id)id, options[index].name, optarg);
  if (optind < count) fail("%s: not an option", arguments[optind]);
  check();
}
