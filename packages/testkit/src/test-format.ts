import { type MessageFormat, type Properties, registerMessageFormat, Message, Route } from "@jackalope/core/storage";

/** A message format for tests that need no protocol: the neutral properties as JSON, timestamps left out. */
export const testFormat: MessageFormat = {
  id: "test",
  toProperties(native: Uint8Array): Properties {
    return native.length === 0 ? {} : (JSON.parse(Buffer.from(native).toString()) as Properties);
  },
  fromProperties(properties: Properties): Uint8Array {
    const { timestamp: _, ...rest } = properties;
    return Buffer.from(JSON.stringify(rest));
  },
};
registerMessageFormat(testFormat);

/** A message as it comes from a socket: native properties and body are ranges of a larger chunk that it does not own. */
export function testMessage(
  body: Uint8Array | string,
  native: Uint8Array | string = "",
  route: Route = new Route("exchange", "key"),
): Message {
  const nativeBytes = Buffer.from(native as string);
  const bodyBytes = Buffer.from(body as string);
  const chunk = Buffer.concat([Buffer.from("<"), nativeBytes, Buffer.from("|"), bodyBytes, Buffer.from(">")]);
  const bodyStart = 2 + nativeBytes.length;
  return new Message(route, testFormat, chunk, 1, 1 + nativeBytes.length, bodyStart, bodyStart + bodyBytes.length);
}
