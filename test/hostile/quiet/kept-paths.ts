import { acknowledgement, packetTypes, publishPacket, subscribePacket } from "../../harness/mqtt-wire.ts";
import { basicConsume, declareFlags, method, octet, u64 } from "../../harness/wire.ts";
import type { Ports } from "../stage/ports.ts";
import { AmqpClient, declareQueue, publish } from "../wire/amqp-client.ts";
import { MqttClient } from "../wire/mqtt-client.ts";
import { StompClient } from "../wire/stomp-client.ts";
import type { KeptPath } from "./keeper.ts";

/** Confirms and acknowledgements may take so long while everybody floods. */
const boundMs = 60_000;
const name = "keeper";
const packetIdsMax = 60_000;

/** One of each protocol, durable from end to end. */
export async function keptPaths(ports: Ports): Promise<readonly KeptPath[]> {
  return [await amqpPath(ports.amqpPort), await mqttPath(ports.mqttPort), await stompPath(ports.stompPort)];
}

async function amqpPath(port: number): Promise<KeptPath> {
  const [publisher, consumer] = [await AmqpClient.open(port), await AmqpClient.open(port)];
  await publisher.call(1, declareQueue(name, declareFlags.durable), 0x32000b);
  await publisher.call(1, method(1, 85, 10, octet(0)), 0x55000b);
  return {
    name: "AMQP confirms",
    async publish(number) {
      const bytes = publish("", name, Buffer.from(String(number)), 2);
      await publisher.call(1, bytes, 0x3c0050);
    },
    async consume(take) {
      consumer.onBody = (_, body) => {
        take(Number(body.toString()));
        consumer.stream.send(method(1, 60, 80, u64(consumer.lastDeliveryTag), octet(0)));
      };
      await consumer.call(1, basicConsume(1, name, "k", 0), 0x3c0015);
    },
    close() {
      publisher.destroy();
      consumer.destroy();
    },
  };
}

async function mqttPath(port: number): Promise<KeptPath> {
  const publisher = await MqttClient.open(port);
  const consumer = await MqttClient.open(port, { clientId: name, sessionExpirySeconds: 3600 });
  return {
    name: "MQTT QoS 1",
    async publish(number) {
      const packetId = (number % packetIdsMax) + 1;
      publisher.stream.send(publishPacket({ topic: name, qos: 1, packetId, body: String(number) }));
      await publisher.nextOf(packetTypes.puback, number, boundMs);
    },
    async consume(take) {
      consumer.onPacket = ({ type, body }) => {
        if (type !== packetTypes.publish) return;
        const at = 2 + body.readUInt16BE(0);
        // Behind the packet identifier: the length of the properties, a byte as long as there are few.
        const properties = body.readUInt8(at + 2);
        take(Number(body.toString("utf8", at + 3 + properties)));
        consumer.stream.send(acknowledgement(packetTypes.puback, body.readUInt16BE(at)));
      };
      consumer.stream.send(subscribePacket(1, [[name, 1]]));
      await consumer.nextOf(packetTypes.suback, 1);
    },
    close() {
      publisher.destroy();
      consumer.destroy();
    },
  };
}

async function stompPath(port: number): Promise<KeptPath> {
  const [publisher, consumer] = [await StompClient.open(port), await StompClient.open(port)];
  const destination = `/queue/${name}.stomp`;
  return {
    name: "STOMP receipts",
    async publish(number) {
      publisher.send("SEND", { destination, persistent: "true", receipt: String(number) }, String(number));
      await publisher.nextOf("RECEIPT", number, boundMs);
    },
    async consume(take) {
      consumer.onFrame = (text) => {
        if (!text.startsWith("MESSAGE")) return;
        take(Number(text.slice(text.indexOf("\n\n") + 2)));
        consumer.send("ACK", { id: /^ack:(.*)$/m.exec(text)?.[1]?.trim() ?? "" });
      };
      consumer.send("SUBSCRIBE", { destination, id: "1", ack: "client-individual", receipt: "subscribed" });
      await consumer.nextOf("RECEIPT", 1);
    },
    close() {
      publisher.destroy();
      consumer.destroy();
    },
  };
}
