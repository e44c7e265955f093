import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createBroker, type EmbeddedBroker } from "@jackalope/server";
import { certificate, clientCertificate, clientPrivateKey, privateKey } from "@jackalope/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { succeed } from "../harness/command.ts";
import { mqttjsClient, refusalOf } from "../harness/mqttjs-client.ts";
import { freshName } from "../harness/target.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

let broker: EmbeddedBroker;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const files = {
  "server.pem": certificate,
  "server.key": privateKey,
  "client.pem": clientCertificate,
  "client.key": clientPrivateKey,
};

beforeAll(async () => {
  folder = await temporaryFolder("jackalope-tls-");
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder.path, name), content);
  const [tlsCertificate, tlsKey] = [join(folder.path, "server.pem"), join(folder.path, "server.key")];
  broker = await createBroker({ mqttTlsPort: 0, mqttWssPort: 0, tlsCertificate, tlsKey, tlsCa: tlsCertificate });
  const { users } = broker.broker;
  await users.put("device-1", "never used", []);
  await users.setPermissions("device-1", "/", { configure: ".*", write: ".*", read: ".*" });
  // Tells who is who: device-1 may write nowhere else.
  await users.setTopicPermissions("device-1", "/", "amq.topic", { write: "^device-1\\.", read: ".*" });
});
afterAll(async () => {
  await broker.close();
  await folder.remove();
});

const own = { ca: certificate, cert: clientCertificate, key: clientPrivateKey };

describe.each([
  ["mqtts", () => broker.ports.mqttTls],
  ["wss", () => broker.ports.mqttWss],
] as const)("over %s", (protocol, portOf) => {
  const address = () => ({ host: "localhost", port: portOf() ?? 0, username: "guest", password: "guest" });
  const common = { protocol, path: "/mqtt", ca: certificate };

  test("a client with a password publishes and subscribes", async () => {
    const topic = freshName("tls");
    const client = await mqttjsClient(address(), common);
    await client.subscribe(topic, { qos: 1 });
    await client.publish(topic, "x".repeat(100_000), { qos: 1 });
    expect((await client.messages.first(1))[0]?.text.length).toBe(100_000);
  });

  test.each([4, 5] as const)("a client certificate is a user, in protocol level %i", async (protocolVersion) => {
    const options = { ...common, ...own, protocolVersion };
    const { username: _username, password: _password, ...bare } = address();
    const client = await mqttjsClient(bare as ReturnType<typeof address>, options);
    await client.subscribe("device-1/x", { qos: 1 });
    await client.publish("device-1/x", "mine", { qos: 1 });
    expect((await client.messages.first(1))[0]?.text).toBe("mine");
    if (protocolVersion === 5)
      await expect(client.publish("device-2/x", "not mine", { qos: 1 })).rejects.toThrow("Not authorized");
  });

  test("a name and a password count more than the certificate", async () => {
    const client = await mqttjsClient(address(), { ...common, ...own });
    await client.publish("anywhere", "guest may", { qos: 1 });
    expect(await refusalOf({ ...address(), password: "wrong" }, { ...common, ...own })).toBe(0x86);
  });
});

test("mosquitto_pub and mosquitto_sub with certificates", async () => {
  const path = (name: string): string => join(folder.path, name);
  const tls = ["--cafile", path("server.pem"), "--cert", path("client.pem"), "--key", path("client.key")];
  const common = [
    "-h",
    "localhost",
    "-p",
    String(broker.ports.mqttTls),
    "-V",
    "mqttv5",
    "-q",
    "1",
    "-t",
    "device-1/kept",
    ...tls,
  ];
  await succeed("mosquitto_pub", [...common, "-r", "-m", "by certificate"]);
  expect(await succeed("mosquitto_sub", [...common, "-C", "1"])).toBe("by certificate\n");
});
