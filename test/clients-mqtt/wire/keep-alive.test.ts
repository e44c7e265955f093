import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packetTypes, pingreq, publishPacket } from "../../harness/mqtt-wire.ts";
import { type MqttTarget, startMqttTarget } from "../../harness/mqtt-target.ts";
import { RawMqttConnection } from "../../harness/raw-mqtt-connection.ts";
import { waitFor } from "../../harness/waiting.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

describe.each([3, 4, 5] as const)("[MQTT-3.1.2-22] a keep alive of 1 second in protocol level %i", (version) => {
  test("lets a silent client go after one and a half, and one that speaks stay", async () => {
    const parts = { version, keepAliveSeconds: 1 };
    const [silent, pinging, publishing, free] = await Promise.all([
      RawMqttConnection.open(target, { ...parts, clientId: `silent${version}` }),
      RawMqttConnection.open(target, { ...parts, clientId: `pinging${version}` }),
      RawMqttConnection.open(target, { ...parts, clientId: `publishing${version}` }),
      RawMqttConnection.open(target, { ...parts, clientId: `free${version}`, keepAliveSeconds: 0 }),
    ]);
    const openedAtMs = performance.now();
    const speaking = setInterval(() => {
      pinging.send(pingreq);
      publishing.send(publishPacket({ version, topic: "alive" }));
    }, 400);
    try {
      await waitFor("the end of the silent one", () => silent.ended);
      const silentMs = performance.now() - openedAtMs;
      expect(silentMs).toBeGreaterThan(1400);
      expect(silentMs).toBeLessThan(4000);
      // [MQTT-3.14.4-1] told in version 5.
      expect((await silent.untilEnd()).map(({ type, body }) => [type, body[0]])).toEqual(
        version === 5 ? [[packetTypes.disconnect, 0x8d]] : [],
      );
      expect([pinging.ended, publishing.ended, free.ended]).toEqual([false, false, false]);
      await publishing.expectSilence();
      await free.expectSilence();
    } finally {
      clearInterval(speaking);
    }
  });
});
