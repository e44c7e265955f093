/* What the MQTT files share: packet types of MQTT 3.1.1 and the session. */
#ifndef MQTT_H
#define MQTT_H

#include "load.h"

/* The first byte of a packet, with the flags that its type prescribes (section 2.2.2). */
enum {
  MQTT_CONNECT = 0x10, MQTT_CONNACK = 0x20, MQTT_PUBLISH = 0x30, MQTT_PUBACK = 0x40, MQTT_PUBREC = 0x50, MQTT_PUBREL = 0x62,
  MQTT_PUBCOMP = 0x70, MQTT_SUBSCRIBE = 0x82, MQTT_SUBACK = 0x90, MQTT_PINGREQ = 0xC0, MQTT_PINGRESP = 0xD0, MQTT_DISCONNECT = 0xE0
};
enum { MQTT_RETAIN = 1, MQTT_QOS_SHIFT = 1, MQTT_QOS_MASK = 3 };

#define MQTT_TOPIC_BYTES 200
#define MQTT_FILTERS_MAX 100 /* in one SUBSCRIBE of ours */

struct mqtt_session {
  bool accepted;                  /* CONNACK has come */
  uint16_t subscribed;            /* SUBACKs that have come; they arrive in the order of the SUBSCRIBEs */
  uint16_t subscribing;           /* SUBSCRIBEs sent: the last packet identifier of one */
  uint64_t pings, pongs;
  uint64_t received_from;         /* PUBRECs of the broker: QoS 2 publishes that it may complete */
  uint64_t completed;             /* PUBCOMPs of the broker */
  uint64_t unreleased;            /* QoS 2 deliveries of which the PUBREL has not come */
  uint64_t retained, other;       /* of a connection that is no consumer: messages with and without the RETAIN flag */
};

struct mqtt_session *mqtt_session(const struct connection *connection);
/* Filters of at most MQTT_TOPIC_BYTES each, at most MQTT_FILTERS_MAX; its SUBACK is not waited for. */
void mqtt_put_subscribe(struct connection *connection, char (*filters)[MQTT_TOPIC_BYTES], uint32_t count);
void mqtt_put_publish(struct connection *connection, const char *topic, const char *body);
void mqtt_put_ping(struct connection *connection);

#endif
