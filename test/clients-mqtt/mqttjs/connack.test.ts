import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mqttjsClient, refusalOf } from "../../harness/mqttjs-client.ts";
import { type MqttTarget, startMqttTarget } from "../../harness/mqtt-target.ts";
import { freshName } from "../../harness/target.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

describe("a client without an identifier", () => {
  test("is told which one it got in version 5, and can come back by it", async () => {
    const client = await mqttjsClient(target, { clientId: "", properties: { sessionExpiryInterval: 600 } });
    const clientId = client.connack.properties?.assignedClientIdentifier ?? "";
    expect(clientId).toMatch(/./);
    await client.end();
    const back = await mqttjsClient(target, { clientId, clean: false });
    expect(back.connack.sessionPresent).toBe(true);
    await back.end({ properties: { sessionExpiryInterval: 0 } });
  });

  test("is welcome in version 3.1.1 too, and one does not take over the other", async () => {
    const [one, other] = [
      await mqttjsClient(target, { protocolVersion: 4, clientId: "" }),
      await mqttjsClient(target, { protocolVersion: 4, clientId: "" }),
    ];
    await one.settled();
    await other.settled();
    expect(one.closed).toBe(false);
  });
});

test("CONNACK says nothing that is not there, and takes the client's session expiry", async () => {
  const client = await mqttjsClient(target, { clientId: freshName("told"), properties: { sessionExpiryInterval: 5 } });
  const { properties = {} } = client.connack;
  expect(properties.assignedClientIdentifier).toBeUndefined();
  expect(properties.maximumQoS ?? 2).toBe(2);
  expect(properties.retainAvailable ?? true).toBe(true);
  expect(properties.wildcardSubscriptionAvailable ?? true).toBe(true);
  expect(properties.sharedSubscriptionAvailable ?? true).toBe(true);
  expect(properties.subscriptionIdentifiersAvailable ?? true).toBe(true);
  expect(properties.sessionExpiryInterval ?? 5).toBe(5);
  await client.end({ properties: { sessionExpiryInterval: 0 } });
});

test("a long client identifier, and one of any characters, is taken as it is", async () => {
  for (const clientId of ["x".repeat(200), "ü/+#$ 🐇"]) {
    const client = await mqttjsClient(target, { clientId });
    await client.settled();
    await client.end();
  }
});

test.each([
  ["a wrong password", { password: "wrong" }],
  ["an unknown user", { username: "nobody" }],
])("%s is refused with the code of the version", async (_what, credentials) => {
  expect(await refusalOf(target, { protocolVersion: 3, ...credentials })).toBe(4);
  expect(await refusalOf(target, { protocolVersion: 4, ...credentials })).toBe(4);
  expect(await refusalOf(target, { protocolVersion: 5, ...credentials })).toBe(0x86);
});
