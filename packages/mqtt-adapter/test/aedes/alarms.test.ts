import { describe, expect, it } from "vitest";
import { createAedesAdapter } from "../../src/aedes/index.ts";
import { afterTest, mqttClient, openBroker } from "./broker-fixture.ts";

describe("clients of the aedes engine", () => {
  it("are served from a start while memory is low, in virtual hosts of their first client too, and subscriptions are refused", async () => {
    const { broker } = await openBroker();
    broker.alarms.set("memory", "test", true);
    const adapter = createAedesAdapter({ broker });
    afterTest(() => adapter.close());
    const [{ port } = { port: 0 }] = await adapter.listen({ host: "127.0.0.1", port: 0 });
    await broker.createVirtualHost("later");
    await broker.users.setPermissions("guest", "later", { configure: ".*", write: ".*", read: ".*" });
    for (const username of ["guest", "later:guest"]) {
      const mqtt = await mqttClient(port, { username });
      await expect(mqtt.subscribeAsync("a", { qos: 1 })).rejects.toThrow();
      broker.alarms.set("memory", "test", false);
      await mqtt.subscribeAsync("a", { qos: 1 });
      broker.alarms.set("memory", "test", true);
    }
  });
});
