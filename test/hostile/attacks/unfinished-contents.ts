import { channelOpen, contentHeader, frame, basicPublish } from "../../harness/wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { AmqpClient } from "../wire/amqp-client.ts";

const announcedBytes = 16 * 1024 * 1024;
const sentBytes = 120_000;

/** On every channel of many connections a message whose end does not come. */
async function run(scene: Scene): Promise<void> {
  const connections = sized(scene, 4, 20);
  const channels = sized(scene, 1000, 2047);
  const piece = Buffer.alloc(sentBytes, 0x61);
  const clients: AmqpClient[] = [];
  for (let index = 0; index < connections; index++) {
    const client = await AmqpClient.open(scene.amqpPort);
    clients.push(client);
    for (let channel = 1; channel <= channels && !client.stream.ended; channel++) {
      if (channel > 1) client.stream.send(channelOpen(channel));
      const bytes = [basicPublish(channel, "", "q"), contentHeader(channel, announcedBytes), frame(3, channel, piece)];
      await Promise.race([client.stream.sendAndDrain(Buffer.concat(bytes)), held()]);
    }
  }
  const open = clients.filter(({ stream }) => !stream.ended).length;
  scene.note(`${open} of ${connections} connections were left alone`);
  for (const client of clients) client.destroy();
}

/** A broker that does not take more at the moment keeps nobody waiting for ever. */
function held(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}

export const unfinishedContents: Attack = {
  name: "unfinished-contents",
  title: "messages without their ends on all channels of many connections",
  kind: "single",
  run,
};
