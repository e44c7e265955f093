import { describe, expect, test } from "vitest";
import { attackNamed } from "./attacks/index.ts";
import { attackOnce, type HostileOptions } from "./hostile.ts";
import { reportOf } from "./report.ts";
import type { StoreName } from "./stage/store.ts";

/** With room for a machine that runs other tests: what these attacks did to others took many seconds, or the process. */
const short: HostileOptions = {
  long: false,
  seconds: 1,
  waitMsMax: 2000,
  newcomerMsMax: 6000,
  attackMsMax: 60_000,
};
const boundMs = 150_000;

/** One of a kind where others are the same with less in them; all of them, on both stores: `npm run hostile`. */
const chosen: Readonly<Record<StoreName, readonly string[]>> = {
  embedded: [
    "mqtt-fan-out-20-100",
    "amqp-topic-10-100",
    "amqp-fanout-1500-queues",
    "slow-readers",
    "login-flood",
    "message-to-many-queues",
    "end-of-session-65000-filters",
    "end-of-500000-consumers",
    "delete-queue-100000-bindings",
    "expiry-of-many",
    "requeue-of-many",
    "priority-queues",
    "long-dead-letter-key",
    "plus-key",
    "cc-key-in-transaction",
    "silent-connections",
    "unfinished-web-socket-messages",
    "tls-on-plain-ports",
    "absurd-like",
    "absurd-headers",
  ],
  redis: ["expiry-of-many", "requeue-of-many", "long-dead-letter-key", "cc-key-in-transaction"],
};

for (const store of ["embedded", "redis"] as const) {
  describe(`with the store ${store}`, () => {
    test.each(chosen[store].map((name) => [attackNamed(name).title, name] as const))(
      "the broker stands, and serves others: %s",
      { timeout: boundMs },
      async (_, name) => {
        const result = await attackOnce(attackNamed(name), store, short);
        expect(result.failures, reportOf(result)).toEqual([]);
      },
    );
  });
}
