import type { RawClient, RawFrame } from "./raw-client.ts";

/** The next `count` frames, all of which have to be MESSAGE. */
export async function messages(client: RawClient, count: number): Promise<RawFrame[]> {
  const frames: RawFrame[] = [];
  while (frames.length < count) frames.push(await client.expect("MESSAGE"));
  return frames;
}

/** The bodies of the next `count` messages. */
export async function bodies(client: RawClient, count: number): Promise<string[]> {
  return (await messages(client, count)).map((message) => message.body.toString());
}
