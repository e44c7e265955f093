import { beforeEach, describe, expect, test } from "vitest";
import { Ledger } from "../soak/ledger/ledger.ts";
import type { QueueFacts, Taking } from "../soak/ledger/queue-facts.ts";
import { closeLedger, Completion } from "../soak/ledger/verdict.ts";
import { bodyOf, identityOf } from "../soak/message.ts";
import { type ProducerName, queueNames, queuePlans, sessionNames } from "../soak/plan.ts";

let ledger: Ledger;
let queue: QueueFacts;
let taking: Taking;

beforeEach(() => {
  ledger = new Ledger();
  queue = ledger.queue(queueNames.amqp);
  taking = queue.connected();
});

/** Sends messages over a new connection. */
function send(name: ProducerName, count: number, confirmed = true): void {
  const producer = ledger.producer(name);
  producer.connected();
  for (let left = count; left > 0; left--) {
    const sequence = producer.take();
    producer.goesOut(sequence);
    if (confirmed) producer.confirm(sequence);
  }
}

function come(name: ProducerName, ...sequences: number[]): void {
  for (const sequence of sequences) ledger.take(queue, taking, bodyOf(name, sequence), false);
}

function settle(name: ProducerName, ...sequences: number[]): void {
  for (const sequence of sequences) queue.settle({ producer: ledger.producer(name), sequence });
}

/** Everything comes out of every other queue. */
function comeElsewhere(name: ProducerName): void {
  const producer = ledger.producer(name);
  for (const other of ledger.queues) {
    const connection = other.connected();
    for (let sequence = 0; sequence < producer.sent; sequence++) {
      if (other !== queue && other.plan.takes(name, sequence)) other.deliver(connection, { producer, sequence }, false);
    }
  }
}

function accusations(): readonly string[] {
  closeLedger(ledger);
  return ledger.accusations;
}

describe("kept promises", () => {
  test("everything comes, once and in order", () => {
    send("amqp", 6);
    come("amqp", 0, 1, 2, 4, 5);
    comeElsewhere("amqp");
    expect(new Completion(ledger).firstMissing()).toBeNull();
    expect(accusations()).toEqual([]);
  });

  test("what was not known to be settled comes again over the next connection", () => {
    send("amqp", 3);
    come("amqp", 0, 1, 2);
    settle("amqp", 0);
    queue.acknowledge({ producer: ledger.producer("amqp"), sequence: 1 });
    taking = queue.connected();
    come("amqp", 1, 2);
    comeElsewhere("amqp");
    expect(accusations()).toEqual([]);
    expect([queue.againInDoubt, queue.againUnacknowledged]).toEqual([1, 1]);
  });

  test("unconfirmed messages at the end of a connection are missing", () => {
    send("amqp", 3, false);
    come("amqp", 0);
    send("amqp", 2);
    come("amqp", 4);
    expect(ledger.producer("amqp").isConfirmed(4)).toBe(true);
    comeElsewhere("amqp");
    expect(accusations()).toEqual([]);
  });

  test("a copy of what was sent twice comes in between, settled or not", () => {
    send("mqtt1", 3);
    ledger.producer("mqtt1").goesOut(1);
    come("mqtt1", 0, 1, 2);
    settle("mqtt1", 0, 1, 2);
    come("mqtt1", 1);
    comeElsewhere("mqtt1");
    expect(accusations()).toEqual([]);
  });
});

describe("broken promises", () => {
  test("a confirmed message is lost in one queue", () => {
    send("amqp", 3);
    come("amqp", 0, 1);
    comeElsewhere("amqp");
    expect(new Completion(ledger).firstMissing()).toBe("amqp/2 in soak.amqp");
    expect(accusations()).toEqual(["amqp/2 was confirmed, and is lost in soak.amqp"]);
  });

  test("a message comes that nobody sent", () => {
    send("amqp", 1);
    come("amqp", 0, 1);
    expect(ledger.accusations).toEqual(["amqp/1 in soak.amqp was never published"]);
  });

  test("a message comes out of a queue that it does not belong into", () => {
    send("amqp", 4);
    come("amqp", 3);
    expect(ledger.accusations).toEqual(["amqp/3 in soak.amqp does not belong there"]);
  });

  test("a body is not what was sent", () => {
    send("amqp", 1);
    const body = bodyOf("amqp", 0);
    body[body.length - 1] = 0;
    expect(ledger.take(queue, taking, body, false)).toBeNull();
    expect(ledger.accusations).toHaveLength(1);
  });

  test("a message comes again after its acknowledgement was durable", () => {
    send("amqp", 1);
    come("amqp", 0);
    settle("amqp", 0);
    taking = queue.connected();
    come("amqp", 0);
    expect(ledger.accusations).toEqual(["amqp/0 in soak.amqp came again after its acknowledgement was durable"]);
  });

  test("a broker that was succeeded gives what its successor has settled", () => {
    send("amqp", 3);
    const stayed = queue.connected(" to a client that stayed");
    ledger.take(queue, stayed, bodyOf("amqp", 0), false);
    come("amqp", 0, 1, 2);
    settle("amqp", 0, 2);
    ledger.take(queue, stayed, bodyOf("amqp", 1), false);
    expect(ledger.accusations).toEqual([]);
    ledger.take(queue, stayed, bodyOf("amqp", 2), false);
    expect(ledger.accusations).toEqual([
      "amqp/2 in soak.amqp to a client that stayed came again after its acknowledgement was durable",
    ]);
    expect(queue.settlements).toBe(2);
  });

  test("a message comes twice over one connection", () => {
    send("amqp", 2);
    come("amqp", 0, 0);
    expect(ledger.accusations).toEqual(["amqp/0 in soak.amqp came after number 0 over the same connection"]);
  });

  test("messages come in the wrong order", () => {
    send("amqp", 2);
    come("amqp", 1, 0);
    expect(ledger.accusations).toEqual([
      "amqp/0 in soak.amqp came for the first time after number 1",
      "amqp/0 in soak.amqp came after number 1 over the same connection",
    ]);
  });

  test("redelivered messages come in the wrong order", () => {
    send("amqp", 3);
    come("amqp", 0, 1, 2);
    taking = queue.connected();
    come("amqp", 1, 0);
    expect(ledger.accusations).toEqual(["amqp/0 in soak.amqp came after number 1 over the same connection"]);
  });

  test("an unconfirmed message is missing before a later one of its connection", () => {
    send("amqp", 3, false);
    come("amqp", 0, 2);
    expect(accusations()).toEqual(["amqp/1 is missing in soak.amqp before later ones of its connection"]);
  });

  test("there are more copies than were sent", () => {
    send("mqtt1", 2);
    ledger.producer("mqtt1").goesOut(0);
    come("mqtt1", 0, 1, 0, 0);
    expect(ledger.accusations).toEqual(["mqtt1/0 in soak.amqp came after number 1 over the same connection"]);
  });

  test("a message of QoS 2 comes again, settled or not", () => {
    send("mqtt2", 1);
    const session = ledger.queue(sessionNames.second);
    ledger.take(session, session.connected(), bodyOf("mqtt2", 0), true);
    ledger.take(session, session.connected(), bodyOf("mqtt2", 0), true);
    expect(ledger.accusations).toEqual(["mqtt2/0 in soak-2 came again, with QoS 2"]);
  });
});

test("a body tells who sent it, small or large", () => {
  for (const sequence of [0, 1, 49, 399, 100_000]) {
    expect(identityOf(bodyOf("stomp", sequence))).toEqual({ producer: "stomp", sequence });
  }
  expect(identityOf(Buffer.from("stomp/1/else"))).toBeNull();
});

test("every message belongs somewhere", () => {
  for (let sequence = 0; sequence < 8; sequence++) {
    for (const producer of ["amqp", "stomp", "mqtt1", "mqtt2"] as const) {
      expect(queuePlans.filter(({ takes }) => takes(producer, sequence)).length).toBeGreaterThan(0);
    }
  }
});
