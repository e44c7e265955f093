import { afterAll, beforeAll, expect, test } from "vitest";
import { mqttjsClient, type MqttjsClient } from "../../harness/mqttjs-client.ts";
import { type MqttTarget, startMqttTarget } from "../../harness/mqtt-target.ts";
import { nth } from "../../harness/nth.ts";
import { freshName } from "../../harness/target.ts";
import { waitFor } from "../../harness/waiting.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

/** Clients that share `filter` in one group. */
async function group(filter: string, count: number, qos: 0 | 1 | 2 = 1): Promise<readonly MqttjsClient[]> {
  const members = await Promise.all(Array.from({ length: count }, () => mqttjsClient(target)));
  for (const member of members) await member.subscribe(`$share/group/${filter}`, { qos });
  return members;
}

function texts(members: readonly MqttjsClient[]): readonly string[] {
  return members.flatMap(({ seen }) => seen.map(([, text]) => text));
}

test.each([0, 1, 2] as const)(
  "members of a group divide messages of QoS %i among them, each gets some",
  async (qos) => {
    const topic = freshName("shared");
    const members = await group(`${topic}/+`, 3, qos);
    const [everybody, publisher] = [await mqttjsClient(target), await mqttjsClient(target)];
    await everybody.subscribe(`${topic}/#`, { qos });
    const sent = Array.from({ length: 60 }, (_, index) => String(index));
    for (const text of sent) await publisher.publish(`${topic}/${text}`, text, { qos });
    await waitFor("all messages", () => texts(members).length >= 60);
    await everybody.messages.first(60);
    await Promise.all(members.map((member) => member.settled()));
    expect([...texts(members)].sort()).toEqual([...sent].sort());
    expect(members.filter(({ seen }) => seen.length > 0).length).toBe(3);
    expect(everybody.seen.map(([, text]) => text)).toEqual(sent);
  },
);

test("two groups of one filter get each message both", async () => {
  const topic = freshName("groups");
  const [one, two] = [await mqttjsClient(target), await mqttjsClient(target)];
  await one.subscribe(`$share/one/${topic}`, { qos: 1 });
  await two.subscribe(`$share/two/${topic}`, { qos: 1 });
  await one.publish(topic, "both", { qos: 1 });
  await one.messages.first(1);
  await two.messages.first(1);
  await Promise.all([one.settled(), two.settled()]);
  expect([one.seen.length, two.seen.length]).toEqual([1, 1]);
});

test("what one member had not acknowledged goes to another when it leaves for good", async () => {
  const topic = freshName("left");
  const leaving = await mqttjsClient(target, { properties: { receiveMaximum: 10 } });
  // Takes, and never acknowledges.
  leaving.client.handleMessage = () => undefined;
  await leaving.subscribe(`$share/group/${topic}`, { qos: 1 });
  const publisher = await mqttjsClient(target);
  await publisher.publish(topic, "held", { qos: 1 });
  await leaving.messages.first(1);
  const [staying] = await group(topic, 1);
  await leaving.drop();
  await staying?.messages.first(1);
  expect(staying?.seen).toEqual([[topic, "held"]]);
});

test("a member has ordinary subscriptions beside the shared one, and gets both", async () => {
  const topic = freshName("beside");
  const client = await mqttjsClient(target);
  await client.subscribe(`$share/group/${topic}`, { qos: 1, properties: { subscriptionIdentifier: 1 } });
  await client.subscribe(topic, { qos: 1, properties: { subscriptionIdentifier: 2 } });
  await client.publish(topic, "twice", { qos: 1 });
  const ids = (await client.messages.first(2)).map(({ packet }) => packet.properties?.subscriptionIdentifier);
  expect(ids.sort()).toEqual([1, 2]);
  await client.settled();
  expect(client.seen.length).toBe(2);
});

test("a shared subscription brings no retained messages", async () => {
  const topic = freshName("unretained");
  const client = await mqttjsClient(target);
  await client.publish(topic, "kept", { qos: 1, retain: true });
  await client.subscribe(`$share/group/${topic}`, { qos: 1 });
  await client.settled();
  expect(client.seen).toEqual([]);
  await client.publish(topic, "", { qos: 1, retain: true });
});

test("a group of sessions that are away keeps messages until one is back", async () => {
  const [topic, clientId] = [freshName("away"), freshName("member")];
  const options = { clientId, clean: false, properties: { sessionExpiryInterval: 600 } };
  const first = await mqttjsClient(target, options);
  await first.subscribe(`$share/group/${topic}`, { qos: 1 });
  await first.end();
  const publisher = await mqttjsClient(target);
  await publisher.publish(topic, "missed", { qos: 1 });
  const second = await mqttjsClient(target, options);
  expect(nth(await second.messages.first(1), 0).text).toBe("missed");
  await second.unsubscribe(`$share/group/${topic}`);
  await publisher.publish(topic, "after", { qos: 1 });
  await second.settled();
  expect(second.seen.length).toBe(1);
  await second.end({ properties: { sessionExpiryInterval: 0 } });
});
