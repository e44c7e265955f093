import { connect } from "amqplib";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type InteropTarget, startInteropTarget } from "../harness/interop-target.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { nth } from "../harness/nth.ts";
import { freshName } from "../harness/target.ts";
import { waitFor } from "../harness/waiting.ts";
import type { Fields, Protocol } from "./conversion/rows.ts";
import { connectParticipant } from "./participants/connect-participant.ts";
import { addressOf } from "./participants/participant.ts";

let target: InteropTarget;
beforeAll(async () => {
  target = await startInteropTarget();
});
afterAll(() => target.close());

/** A message that lives so long, in the words of each protocol, and persistent: it has to wait for its receiver. */
const said: Readonly<Record<Exclude<Protocol, "mqtt311">, (seconds: number) => Fields>> = {
  amqp: (seconds) => ({ expiration: String(seconds * 1000), "delivery-mode": 2 }),
  stomp: (seconds) => ({ expiration: String(seconds * 1000), persistent: "true" }),
  mqtt5: (seconds) => ({ "Message Expiry Interval": seconds, QoS: 1 }),
};

test.each(Object.entries(said))(
  "what %s sent with an expiry runs out while its receivers are away, or tells MQTT 5 the seconds that are left",
  async (from, fields) => {
    const address = addressOf(`${freshName("expiry").replaceAll(".", "-")}/x`);
    const session = { clientId: freshName("away"), clean: false, properties: { sessionExpiryInterval: 600 } };
    const away = await mqttjsClient(target.mqtt, session);
    await away.subscribe(address.topic, { qos: 1 });
    await away.end();
    const amqp = await connect(target.url);
    onTestFinished(() => amqp.close());
    const channel = await amqp.createChannel();
    const queue = freshName("waiting");
    await channel.assertQueue(queue);
    await channel.bindQueue(queue, "amq.topic", address.key);
    const sender = await connectParticipant(from as Protocol, target);
    onTestFinished(() => sender.close());
    const sentAtMs = performance.now();
    await sender.send(address, fields(1), "short");
    await sender.send(address, fields(600), "long");
    // The messages have to get older than the short one may.
    await waitFor("more than a second to pass", () => performance.now() - sentAtMs > 1100);
    const back = await mqttjsClient(target.mqtt, session);
    const { text, packet } = nth(await back.messages.first(1), 0);
    expect(text).toBe("long");
    expect(packet.properties?.messageExpiryInterval).toBeLessThan(600);
    expect(packet.properties?.messageExpiryInterval).toBeGreaterThan(580);
    const message = await channel.get(queue, { noAck: true });
    expect(message === false ? null : message.content.toString()).toBe("long");
    await back.settled();
    expect(back.seen.length).toBe(1);
    await channel.deleteQueue(queue);
  },
);
