/* A socket with its leftovers: dial, write, read, hand whole frames to the protocol. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

/* One buffer for all connections stays in the cache, however many connections there are. */
#define READ_BYTES (256u * 1024u)
static uint8_t *read_buffer;
static size_t read_capacity;

/* To one address and port, one address has 28,000 local ports, and a closed socket keeps its own for a minute: thousands of
 * connections take turns at several addresses of the loopback network. */
#define LOCAL_ADDRESSES 8u
static void bind_local(int fd, uint32_t index) {
  int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + index % LOCAL_ADDRESSES)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("bind: %s", strerror(errno));
}

static struct connection *connection_new(enum role role, uint32_t index, int socket_flags) {
  struct connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL) fail("out of memory");
  bool consumer_side = role == ROLE_CONSUMER || role == ROLE_JANITOR;
  connection->protocol = consumer_side ? plan.consumer_protocol : plan.protocol;
  uint16_t port = consumer_side ? plan.consumer_port : plan.port;
  connection->role = role;
  connection->index = index;
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | socket_flags, 0);
  if (connection->fd < 0) fail("socket: %s", strerror(errno));
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, plan.host, &address.sin_addr) != 1) fail("%s is not an IPv4 address", plan.host);
  if (role == ROLE_IDLE && (ntohl(address.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET) bind_local(connection->fd, index);
  if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)
    fail("connect to %s:%u: %s", plan.host, port, strerror(errno));
  int on = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return connection;
}

struct connection *connection_begin(uint32_t index) {
  struct connection *connection = connection_new(ROLE_IDLE, index, SOCK_NONBLOCK);
  connection->protocol->begin(connection);
  return connection;
}

struct connection *connection_dial(enum role role, uint32_t index) {
  struct connection *connection = connection_new(role, index, 0);
  if (role == ROLE_CONSUMER) {
    size_t slots = (size_t)plan.producers * plan.keys;
    connection->next_sequence = malloc(slots * sizeof(uint64_t));
    for (size_t slot = 0; slot < slots; slot++) connection->next_sequence[slot] = plan.first_sequence + slot % plan.keys;
  }
  connection->protocol->open(connection);
  connection->writable = true;
  return connection;
}

static void bytes_reserve(struct bytes *bytes, size_t capacity) {
  if (capacity <= bytes->capacity) return;
  bytes->capacity = capacity < 256 ? 256 : capacity * 2;
  bytes->at = realloc(bytes->at, bytes->capacity);
  if (bytes->at == NULL) fail("out of memory");
}

void connection_put(struct connection *connection, const void *data, size_t length) {
  struct bytes *out = &connection->out;
  bytes_reserve(out, out->length + length);
  memcpy(out->at + out->length, data, length);
  out->length += length;
}

void connection_flush(struct connection *connection) {
  struct bytes *out = &connection->out;
  if (producer_mid_frame(connection)) return; /* producer_send finishes the frame, then comes here again */
  size_t offset = 0;
  while (offset < out->length) {
    ssize_t written = send(connection->fd, out->at + offset, out->length - offset, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written >= 0) {
      offset += (size_t)written;
    } else if (errno == EAGAIN) {
      connection->writable = false;
      break;
    } else if (errno == EPIPE || errno == ECONNRESET) {
      offset = out->length; /* the reading side finds out why */
    } else if (errno != EINTR) {
      fail("write: %s", strerror(errno));
    }
  }
  memmove(out->at, out->at + offset, out->length - offset);
  out->length -= offset;
}

static void keep_rest(struct connection *connection, const uint8_t *at, size_t length) {
  connection->rest.length = 0;
  if (length == 0) return;
  bytes_reserve(&connection->rest, length);
  memcpy(connection->rest.at, at, length);
  connection->rest.length = length;
}

bool connection_read(struct connection *connection) {
  for (;;) {
    size_t carried = connection->rest.length;
    if (read_capacity < carried + READ_BYTES) {
      read_capacity = carried + READ_BYTES;
      free(read_buffer);
      read_buffer = malloc(read_capacity);
      if (read_buffer == NULL) fail("out of memory");
    }
    ssize_t got = recv(connection->fd, read_buffer + carried, READ_BYTES, MSG_DONTWAIT);
    if (got < 0) {
      if (errno == EAGAIN) return true;
      if (errno == EINTR) continue;
      if (errno == ECONNRESET) return false;
      fail("read: %s", strerror(errno));
    }
    if (got == 0) return false;
    if (carried > 0) memcpy(read_buffer, connection->rest.at, carried);
    size_t length = carried + (size_t)got;
    chunk_time = monotonic_ns();
    size_t taken = connection->protocol->parse(connection, read_buffer, length);
    keep_rest(connection, read_buffer + taken, length - taken);
    if (connection->out.length > 0) connection_flush(connection);
    if ((size_t)got < READ_BYTES) return true;
  }
}

void connection_pump(struct connection *connection) {
  connection_flush(connection);
  struct pollfd waiting = {.fd = connection->fd, .events = POLLIN};
  if (connection->out.length > 0) waiting.events |= POLLOUT;
  int ready = poll(&waiting, 1, (int)(plan.stall_seconds * 1000));
  if (ready < 0 && errno != EINTR) fail("poll: %s", strerror(errno));
  if (ready == 0) fail("the broker did not answer within %.0f s", plan.stall_seconds);
  if ((waiting.revents & ~POLLOUT) != 0 && !connection_read(connection))
    fail("the broker closed the socket without a word");
}

void connection_free(struct connection *connection) {
  close(connection->fd);
  free(connection->rest.at);
  free(connection->out.at);
  free(connection->train.at);
  free(connection->ledger.sent_at);
  free(connection->next_sequence);
  free(connection->session);
  free(connection);
}
