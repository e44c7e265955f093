// An aedes server on a Jackalope broker: its clients meet AMQP, and its sessions and retained messages are the broker's.
import { once } from "node:events";
import { createServer } from "node:net";
import { createAedesEmitter, createAedesPersistence } from "@jackalope/mqtt-adapter/aedes";
import { createBroker } from "@jackalope/server";
import { Aedes } from "aedes";
import { connect as connectAmqp } from "amqplib";
import { connect as connectMqtt } from "mqtt";

const jackalope = await createBroker();
const { broker } = jackalope;

// The server as it may have been for years; new are the emitter and the persistence.
const aedes = await Aedes.createBroker({
  mq: createAedesEmitter({ broker }),
  persistence: createAedesPersistence({ broker }),
  authenticate: (client, username, password, done) =>
    done(null, username === client.id && String(password) === "secret"),
  authorizePublish: (client, packet, done) => {
    const ownTopics = client === null || packet.topic.startsWith(`devices/${client.id}/`);
    done(ownTopics ? null : new Error("not its topic"));
  },
});
const server = createServer(aedes.handle);
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `mqtt://127.0.0.1:${server.address().port}`;

/** A device, which speaks MQTT 3.1.1 and keeps its session. What comes for it is printed. */
function connectDevice(name) {
  const device = connectMqtt(url, {
    clientId: name,
    username: name,
    password: "secret",
    clean: false,
    protocolVersion: 4,
    reconnectPeriod: 0,
  });
  device.on("error", (error) => console.log(`${name}: ${error.message}`));
  device.on("message", (topic, payload) => console.log(`${name} got ${topic}: ${payload}`));
  return device;
}

const amqp = await connectAmqp(jackalope.url);
const channel = await amqp.createConfirmChannel();
const { queue } = await channel.assertQueue("", { exclusive: true });
await channel.bindQueue(queue, "amq.topic", "devices.*.temperature");

const measured = new Promise((resolve) => {
  void channel.consume(queue, resolve, { noAck: true });
});
const lamp = connectDevice("lamp");
await lamp.subscribeAsync("devices/lamp/commands", { qos: 1 });
await lamp.publishAsync("devices/lamp/temperature", "21.5", { qos: 1, retain: true });
const { fields, content } = await measured;
console.log(`AMQP got ${fields.routingKey}: ${content}`);

// The device is away when the command comes.
await lamp.endAsync();
channel.publish("amq.topic", "devices.lamp.commands", Buffer.from("on"), { persistent: true });
await channel.waitForConfirms();
const again = connectDevice("lamp");
await once(again, "message");
await again.endAsync();

// The retained temperature is the broker's: here it goes to a subscription of the aedes server.
const panel = connectDevice("panel");
await panel.subscribeAsync("devices/+/temperature");
await once(panel, "message");
await panel.endAsync();

await amqp.close();
await new Promise((resolve) => aedes.close(resolve));
await new Promise((resolve) => server.close(resolve));
await jackalope.close();
