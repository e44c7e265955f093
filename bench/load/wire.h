/* Big-endian fields, as AMQP and MQTT write them. Each write_ returns the place after what it wrote. */
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>
#include <string.h>

static inline uint16_t read_u16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static inline uint32_t read_u32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return __builtin_bswap32(value);
}
static inline uint64_t read_u64(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, 8);
  return __builtin_bswap64(value);
}
static inline uint8_t *write_u8(uint8_t *at, uint8_t value) {
  *at = value;
  return at + 1;
}
static inline uint8_t *write_u16(uint8_t *at, uint16_t value) {
  value = __builtin_bswap16(value);
  memcpy(at, &value, 2);
  return at + 2;
}
static inline uint8_t *write_u32(uint8_t *at, uint32_t value) {
  value = __builtin_bswap32(value);
  memcpy(at, &value, 4);
  return at + 4;
}
static inline uint8_t *write_u64(uint8_t *at, uint64_t value) {
  value = __builtin_bswap64(value);
  memcpy(at, &value, 8);
  return at + 8;
}
static inline uint8_t *write_raw(uint8_t *at, const void *data, size_t length) {
  memcpy(at, data, length);
  return at + length;
}
/* AMQP's shortstr: one length byte, so at most 255. */
static inline uint8_t *write_short_string(uint8_t *at, const char *text) {
  size_t length = strlen(text);
  return write_raw(write_u8(at, (uint8_t)length), text, length);
}

#endif
