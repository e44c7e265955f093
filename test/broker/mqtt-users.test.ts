import { type EmbeddedBroker, createBroker } from "@jackalope/server";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { localMqtt, type MqttAddress, mqttOnFreePorts } from "../harness/mqtt-target.ts";
import { connectPacket, packetTypes as types, publishPacket, subscribePacket } from "../harness/mqtt-wire.ts";
import { mqttjsClient, refusalOf } from "../harness/mqttjs-client.ts";
import { RawMqttConnection } from "../harness/raw-mqtt-connection.ts";
import { freshName } from "../harness/target.ts";

let broker: EmbeddedBroker;
let guest: MqttAddress;
/** May use topics below its client identifier, and read everything below `public`. */
let device: MqttAddress;

beforeAll(async () => {
  broker = await createBroker(mqttOnFreePorts);
  guest = localMqtt(broker.ports.mqtt);
  device = { ...guest, username: "device", password: "secret" };
  const { users } = broker.broker;
  const everything = { configure: ".*", write: ".*", read: ".*" };
  await users.put("device", "secret", []);
  await users.setPermissions("device", "/", everything);
  const below = "^devices\\.{client_id}(\\..*)?$";
  const patterns = { write: below, read: `${below}|^public(\\..*)?$` };
  await users.setTopicPermissions("device", "/", "amq.topic", patterns);
  await broker.broker.createVirtualHost("other");
  await users.setPermissions("device", "other", everything);
  await users.put("stranger", "secret", []);
});
afterAll(() => broker.close());

describe("a client without user name and password", () => {
  test("is guest, as long as it is on this machine", async () => {
    for (const protocolVersion of [3, 4, 5] as const) {
      const { username: _username, password: _password, ...anonymous } = guest;
      const connection = await RawMqttConnection.open(anonymous, {
        version: protocolVersion,
        clientId: `anonymous${protocolVersion}`,
        flags: 2,
        payload: [],
      });
      expect(await connection.subscribe("any/thing", 1)).toEqual([1]);
    }
  });

  test("is refused where the setting says so, and another user where it names one", async () => {
    const off = await createBroker({ ...mqttOnFreePorts, mqttAnonymousUser: "off" });
    onTestFinished(() => off.close());
    const bare = { flags: 2, payload: [] };
    for (const [version, code] of [
      [4, 4],
      [5, 0x86],
    ] as const) {
      const connection = await RawMqttConnection.connect(localMqtt(off.ports.mqtt));
      connection.send(connectPacket({ version, clientId: "nobody", ...bare }));
      expect((await connection.next(types.connack)).body[1]).toBe(code);
      await connection.expectEnd();
    }
  });
});

describe("vhost:user", () => {
  test("names the virtual host, and nothing crosses from one to the other", async () => {
    const topic = freshName("hosts");
    const here = await mqttjsClient(device, { username: "/:device", clientId: "here" });
    const there = await mqttjsClient(device, { username: "other:device", clientId: "here" });
    for (const client of [here, there]) await client.subscribe(`devices/here/${topic}`, { qos: 1 });
    await here.publish(`devices/here/${topic}`, "here", { qos: 1 });
    await there.publish(`devices/here/${topic}`, "there", { qos: 1 });
    for (const client of [here, there]) {
      await client.messages.first(1);
      await client.settled();
    }
    expect(here.seen.map(([, text]) => text)).toEqual(["here"]);
    expect(there.seen.map(([, text]) => text)).toEqual(["there"]);
  });

  test.each([
    ["nowhere:device", "a virtual host that does not exist"],
    ["other:guest", "one that the user may not use"],
    ["stranger", "the default one, without permissions"],
  ])("%s: %s is not authorised", async (username) => {
    const password = username.endsWith("guest") ? "guest" : "secret";
    expect(await refusalOf(guest, { protocolVersion: 4, username, password })).toBe(5);
    expect(await refusalOf(guest, { protocolVersion: 5, username, password })).toBe(0x87);
  });
});

describe("topic permissions with the client identifier", () => {
  test("refuse one subscription of a packet, and the connection lives", async () => {
    const login = { flags: 0xc2, payload: connectPayload() };
    for (const [version, refused] of [
      [4, 0x80],
      [5, 0x87],
    ] as const) {
      const clientId = freshName("c").replaceAll(".", "-");
      const connection = await RawMqttConnection.open(device, { version, clientId, ...login });
      const filters = [`devices/${clientId}/#`, "devices/other/x", "public/news", "#", "$share/g/devices/other"];
      connection.send(
        subscribePacket(
          5,
          filters.map((filter) => [filter, 1] as const),
          version,
        ),
      );
      const { body } = await connection.next(types.suback);
      expect([...body.subarray(-5)]).toEqual([1, refused, 1, refused, refused]);
      await connection.expectSilence();
    }
  });

  test("refuse a publish: a code in version 5, the end of the connection before", async () => {
    const login = { flags: 0xc2, payload: connectPayload() };
    const young = await RawMqttConnection.open(device, { clientId: "young", ...login });
    for (const [qos, type] of [
      [1, types.puback],
      [2, types.pubrec],
    ] as const) {
      young.send(publishPacket({ topic: "devices/other/x", qos, packetId: 3 }));
      expect(await young.nextAcknowledgement(type)).toEqual([3, 0x87]);
    }
    young.send(publishPacket({ topic: "devices/young/x", qos: 1, packetId: 4 }));
    expect(await young.nextAcknowledgement(types.puback)).toEqual([4, 0x10]);
    const old = await RawMqttConnection.open(device, { version: 4, clientId: "old", ...login });
    old.send(publishPacket({ version: 4, topic: "devices/other/x", qos: 1, packetId: 3 }));
    await old.expectEnd();
  });

  test("refuse a will that its client may not publish", async () => {
    const will = { topic: "devices/other/will", payload: Buffer.from("x"), qos: 1 as const, retain: false };
    expect(await refusalOf(device, { clientId: "mortal", will })).toBe(0x87);
    expect(await refusalOf(device, { clientId: "mortal", protocolVersion: 4, will })).toBe(5);
  });
});

test("a client whose user is another one cannot take a session over that is not its own", async () => {
  const clientId = freshName("mine");
  const options = { clientId, clean: false, properties: { sessionExpiryInterval: 600 } };
  const owner = await mqttjsClient(device, options);
  await owner.subscribe("public/x", { qos: 1 });
  await owner.end();
  const outcome = await mqttjsClient(guest, options).then(
    (client) => client.connack.sessionPresent,
    () => "refused",
  );
  expect([false, "refused"]).toContain(outcome);
});

function connectPayload(): readonly Buffer[] {
  return ["device", "secret"].map((text) => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)]));
}
