import { connect } from "amqplib";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { amqplibChannel } from "../harness/amqplib-client.ts";
import { type InteropTarget, startInteropTarget } from "../harness/interop-target.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { stompjsClient } from "../harness/stompjs-client.ts";
import { freshName } from "../harness/target.ts";
import { Inbox } from "../harness/waiting.ts";

let target: InteropTarget;
beforeAll(async () => {
  target = await startInteropTarget();
});
afterAll(() => target.close());

/** An answer as the caller gets it. */
interface Answer {
  readonly text: string;
  readonly correlation: string;
}

/** Answers requests to `name` (dots, and slashes in MQTT) by their text in capitals. */
type Service = (name: string) => Promise<void>;

/** Sends a request to `name` for each text, and returns where the answers come. */
type Caller = (name: string, texts: readonly string[]) => Promise<Inbox<Answer>>;

const services: Readonly<Record<string, Service>> = {
  AMQP: async (name) => {
    const channel = await amqplibChannel(target.url);
    const { queue } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(queue, "amq.topic", name);
    await channel.consume(queue, (request) => {
      if (request === null) return;
      const { replyTo, correlationId } = request.properties as { replyTo: string; correlationId: string };
      channel.sendToQueue(replyTo, Buffer.from(request.content.toString().toUpperCase()), { correlationId });
      channel.ack(request);
    });
  },
  STOMP: async (name) => {
    const stomp = await stompjsClient(target);
    const requests = await stomp.subscribe(`/topic/${name}`);
    requests.onItem = ({ body, headers }) => {
      const { "reply-to": destination = "", "correlation-id": id = "" } = headers;
      stomp.client.publish({ destination, headers: { "correlation-id": id }, body: body.toUpperCase() });
    };
  },
  "MQTT 5": async (name) => {
    const mqtt = await mqttjsClient(target.mqtt);
    await mqtt.subscribe(name.replaceAll(".", "/"), { qos: 1 });
    mqtt.client.on("message", (_topic, payload, { properties = {} }) => {
      const { responseTopic = "", correlationData = Buffer.alloc(0) } = properties;
      mqtt.client.publish(responseTopic, payload.toString().toUpperCase(), { qos: 1, properties: { correlationData } });
    });
  },
};

function amqpCaller(reply: (own: string) => { readonly consume: string; readonly replyTo: string }): Caller {
  return async (name, texts) => {
    const answers = new Inbox<Answer>("answers to AMQP");
    const connection = await connect(target.url);
    onTestFinished(() => connection.close());
    const channel = await connection.createChannel();
    const { queue } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(queue, "amq.topic", `${name}.answers.#`);
    const { consume, replyTo } = reply(queue);
    const take = { noAck: true };
    await channel.consume(
      consume,
      (message) => {
        if (message === null) return;
        answers.push({ text: message.content.toString(), correlation: String(message.properties.correlationId) });
      },
      take,
    );
    const to = replyTo.replace("NAME", name);
    for (const text of texts) {
      channel.publish("amq.topic", name, Buffer.from(text), { replyTo: to, correlationId: `for ${text}` });
    }
    return answers;
  };
}

function stompCaller(replyTo: string, subscribed: string | null): Caller {
  return async (name, texts) => {
    const stomp = await stompjsClient(target);
    const answers = new Inbox<Answer>("answers to STOMP");
    const take = ({ body, headers }: { body: string; headers: Record<string, string> }): void =>
      answers.push({ text: body, correlation: headers["correlation-id"] ?? "" });
    if (subscribed === null) stomp.replies.onItem = take;
    else (await stomp.subscribe(subscribed.replace("NAME", name))).onItem = take;
    for (const text of texts) {
      const headers = { "reply-to": replyTo.replace("NAME", name), "correlation-id": `for ${text}` };
      await stomp.send(`/topic/${name}`, text, headers);
    }
    return answers;
  };
}

function mqttCaller(responseTopic: string): Caller {
  return async (name, texts) => {
    const mqtt = await mqttjsClient(target.mqtt);
    const answers = new Inbox<Answer>("answers to MQTT");
    const topic = responseTopic.replace("NAME", name.replaceAll(".", "/"));
    await mqtt.subscribe(topic, { qos: 1 });
    mqtt.messages.onItem = ({ text, packet }) =>
      answers.push({ text, correlation: packet.properties?.correlationData?.toString() ?? "" });
    for (const text of texts) {
      const properties = { responseTopic: topic, correlationData: Buffer.from(`for ${text}`) };
      await mqtt.publish(name.replaceAll(".", "/"), text, { qos: 1, properties });
    }
    return answers;
  };
}

const callers: Readonly<Record<string, Caller>> = {
  "AMQP with a queue of its own": amqpCaller((own) => ({ consume: own, replyTo: own })),
  "AMQP with direct reply-to": amqpCaller(() => ({
    consume: "amq.rabbitmq.reply-to",
    replyTo: "amq.rabbitmq.reply-to",
  })),
  "AMQP with a topic": amqpCaller((own) => ({ consume: own, replyTo: "/topic/NAME.answers.amqp" })),
  "STOMP with a temporary queue": stompCaller("/temp-queue/answers", null),
  "STOMP with a topic": stompCaller("/topic/NAME.answers.stomp", "/topic/NAME.answers.stomp"),
  "STOMP with a queue": stompCaller("/queue/NAME.answers", "/queue/NAME.answers"),
  "MQTT 5 with a response topic": mqttCaller("NAME/answers/mqtt"),
  "MQTT 5 with a response topic that has dots": mqttCaller("NAME/answers/v1.2/*"),
};

describe.each(Object.entries(callers))("a request of %s", (_caller, call) => {
  test.each(Object.entries(services))("is answered by %s", async (_service, serve) => {
    const name = freshName("service");
    await serve(name);
    const answers = await call(name, ["one", "two"]);
    const both = await answers.first(2);
    expect([...both].sort((one, other) => one.text.localeCompare(other.text))).toEqual([
      { text: "ONE", correlation: "for one" },
      { text: "TWO", correlation: "for two" },
    ]);
  });
});
