import {
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  connect,
  type ConsumeMessage,
  type Options,
} from "amqplib";
import { onTestFinished } from "vitest";
import { Inbox, once } from "./waiting.ts";

/** An amqplib connection that ends with the test. Its errors are for the test to look at, where it expects any. */
export async function amqplibConnection(
  url: string,
  parameters = "",
  socketOptions: Parameters<typeof connect>[1] = {},
): Promise<ChannelModel> {
  const connection = await connect(url + parameters, socketOptions);
  connection.on("error", () => undefined);
  onTestFinished(async () => {
    // A connection that the test has closed refuses to be closed again.
    await connection.close().catch(() => undefined);
  });
  return connection;
}

/** A channel on a connection of its own. */
export async function amqplibChannel(url: string, parameters = ""): Promise<Channel> {
  return quiet(await (await amqplibConnection(url, parameters)).createChannel());
}

/** A channel with confirms on a connection of its own. */
export async function amqplibConfirmChannel(url: string, parameters = ""): Promise<ConfirmChannel> {
  return quiet(await (await amqplibConnection(url, parameters)).createConfirmChannel());
}

/** Without a listener amqplib's channel errors end the process. */
export function quiet<Kind extends Channel>(channel: Kind): Kind {
  channel.on("error", () => undefined);
  return channel;
}

/** Consumes into an inbox. A consumer that the broker cancels leaves null in it. */
export async function consumeInto(
  channel: Channel,
  queue: string,
  options: Options.Consume = {},
): Promise<Inbox<ConsumeMessage | null>> {
  const inbox = new Inbox<ConsumeMessage | null>(`messages of ${queue}`);
  await channel.consume(queue, inbox.push, options);
  return inbox;
}

/** Consumes into an inbox where no cancellation is expected. */
export async function messagesOf(
  channel: Channel,
  queue: string,
  options: Options.Consume = {},
): Promise<Inbox<ConsumeMessage>> {
  const inbox = new Inbox<ConsumeMessage>(`messages of ${queue}`);
  await channel.consume(queue, (message) => message !== null && inbox.push(message), options);
  return inbox;
}

/** Their bodies as text. */
export function texts(messages: readonly { readonly content: Buffer }[]): readonly string[] {
  return messages.map((message) => message.content.toString());
}

/** The error by which the broker closes the channel (or the connection), with its code and text. */
export function closeOf(emitter: Channel | ChannelModel): Promise<Error & { code: number }> {
  return once("a close by the broker", (happened) => emitter.once("error", happened));
}
