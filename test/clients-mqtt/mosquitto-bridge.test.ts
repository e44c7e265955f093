import { afterAll, beforeAll, expect, test } from "vitest";
import { startMosquitto } from "../harness/mosquitto-server.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { type MqttTarget, startMqttTarget } from "../harness/mqtt-target.ts";
import { freshName } from "../harness/target.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

// With try_private mosquitto says by a bit of the protocol level that it is a bridge, and goes on without where that is
// refused.
test.each([
  ["mqttv31", "true"],
  ["mqttv311", "true"],
  ["mqttv311", "false"],
  ["mqttv50", "false"],
])(
  "a mosquitto that is bridged in %s, try_private %s, exchanges messages in both directions",
  async (version, asks) => {
    const topic = freshName("bridge");
    const mosquitto = await startMosquitto([
      "connection bridge",
      `address ${target.host}:${target.port}`,
      `remote_clientid ${topic.slice(5, 20)}`,
      `remote_username ${target.username}`,
      `remote_password ${target.password}`,
      `bridge_protocol_version ${version}`,
      `try_private ${asks}`,
      `topic ${topic}/out/# out 2`,
      `topic ${topic}/in/# in 2`,
      "notifications false",
      "restart_timeout 1",
    ]);
    await mosquitto.running.says(/bridge.*received SUBACK|Received SUBACK/i);
    const [local, remote] = [await mqttjsClient(mosquitto), await mqttjsClient(target)];
    await local.subscribe(`${topic}/in/#`, { qos: 2 });
    await remote.subscribe(`${topic}/out/#`, { qos: 2 });
    const texts = Array.from({ length: 20 }, (_, index) => String(index));
    for (const text of texts) {
      await local.publish(`${topic}/out/x`, text, { qos: 2 });
      await remote.publish(`${topic}/in/x`, text, { qos: 2 });
    }
    for (const client of [local, remote]) {
      await client.messages.first(texts.length);
      expect(client.seen.map(([, text]) => text)).toEqual(texts);
    }
  },
);
