/* Counting: every delivery and every confirm passes through here. */
#include <string.h>

#include "load.h"

struct tally tally;
uint64_t chunk_time;

/* A shared queue deals its messages out, so one of several consumers can only check that numbers grow. */
static inline bool gaps_are_fine(void) { return !plan.topic && plan.consumers > 1; }

void tally_delivery(struct connection *connection, const uint8_t *body) {
  uint64_t sent_at, stamp;
  memcpy(&sent_at, body, 8);
  memcpy(&stamp, body + 8, 8);
  connection->received++;
  tally.delivered_total++;
  histogram_add(&tally.delivery, chunk_time > sent_at ? chunk_time - sent_at : 0);

  uint64_t sequence = stamp & ((1ull << SEQUENCE_BITS) - 1), producer = stamp >> SEQUENCE_BITS;
  if (producer >= plan.producers) {
    tally.out_of_order++;
    return;
  }
  uint32_t key = plan.keys == 1 ? 0 : (uint32_t)(sequence % plan.keys);
  uint64_t *next = &connection->next_sequence[producer * plan.keys + key];
  if (sequence != *next && (sequence < *next || !gaps_are_fine())) tally.out_of_order++;
  *next = sequence + plan.keys;
}

static inline void settle_one(struct ledger *ledger, uint64_t number) {
  uint64_t *slot = &ledger->sent_at[number & ledger->mask];
  if (*slot == 0) return;
  histogram_add(&tally.confirm, chunk_time > *slot ? chunk_time - *slot : 0);
  *slot = 0;
  tally.confirmed_total++;
}

void tally_confirm(struct connection *connection, uint64_t publish_number, bool multiple, bool refused) {
  struct ledger *ledger = &connection->ledger;
  if (publish_number > connection->sent) fail("the broker confirmed publish %lu of %lu", publish_number, connection->sent);
  uint64_t before = tally.confirmed_total;
  if (!multiple) {
    settle_one(ledger, publish_number);
  } else {
    for (uint64_t number = ledger->settled_up_to + 1; number <= publish_number; number++) settle_one(ledger, number);
  }
  while (ledger->settled_up_to < connection->sent && ledger->sent_at[(ledger->settled_up_to + 1) & ledger->mask] == 0)
    ledger->settled_up_to++;
  if (refused) tally.refused_total += tally.confirmed_total - before;
}
