import { expect, test } from "vitest";
import { amqplibChannel } from "../harness/amqplib-client.ts";
import { startInteropTarget } from "../harness/interop-target.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { stompjsClient } from "../harness/stompjs-client.ts";

test("an exchange of MQTT's own gets what AMQP and STOMP answer where it is bound to amq.topic", async () => {
  const target = await startInteropTarget("native", { mqttExchange: "devices" });
  try {
    const channel = await amqplibChannel(target.url);
    await channel.assertExchange("devices", "topic", { durable: true });
    const device = await mqttjsClient(target.mqtt);
    await device.subscribe(["answers/7", "answers/v1.2"], { qos: 1 });
    const { queue } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(queue, "devices", "requests.#");
    const ask = (responseTopic: string): Promise<unknown> =>
      device.publish("requests/x", "?", { qos: 1, properties: { responseTopic } });
    const replyTo = async (): Promise<string> => {
      const request = await channel.get(queue, { noAck: true });
      if (request === false) throw new Error("no request came");
      return String(request.properties.replyTo);
    };
    await ask("answers/7");
    expect(await replyTo()).toBe("/topic/answers.7");
    await channel.bindExchange("devices", "amq.topic", "#");
    channel.sendToQueue("/topic/answers.7", Buffer.from("by AMQP"));
    await ask("answers/v1.2");
    const stomp = await stompjsClient(target);
    const [first] = await device.messages.first(1);
    expect([first?.topic, first?.text]).toEqual(["answers/7", "by AMQP"]);
    await stomp.send(await replyTo(), "by STOMP");
    const [, second] = await device.messages.first(2);
    expect([second?.topic, second?.text]).toEqual(["answers/v1.2", "by STOMP"]);
  } finally {
    await target.close();
  }
});
