import { describe, expect, it } from "vitest";
import { channelClose, channelCloseOk } from "../src/methods/channel.ts";
import { connectionClose, connectionCloseOk } from "../src/methods/connection.ts";
import { basicPublish } from "../src/methods/basic.ts";
import { startAdapter } from "./adapter-fixture.ts";
import { brokerErrors } from "./error-cases.ts";
import { protocolErrors } from "./protocol-errors.ts";
import { contentHeader, frame, method } from "./raw-client.ts";

describe.each([
  ["protocol errors", protocolErrors],
  ["broker errors", brokerErrors],
])("%s", (_title, cases) => {
  it.each(cases.map((one) => [one.name, one] as const))(
    "%s: closed as RabbitMQ does, logged, others undisturbed",
    async (_name, one) => {
      const fixture = await startAdapter();
      const bystander = await fixture.client();
      const client = await fixture.client();
      client.send(...one.sends);
      const close = await client.expect(one.scope === "channel" ? channelClose : connectionClose);
      expect([close.replyCode, close.replyText]).toEqual([one.code, one.text]);
      expect([close.failingClassId, close.failingMethodId]).toEqual(one.failing);
      expect(fixture.log).toContain(`${one.scope} closed: ${one.text}`);

      if (one.scope === "channel") {
        // Until close-ok whatever comes on the channel is discarded, then the number is free again.
        client.send(
          method(1, basicPublish, { ticket: 0, exchange: "gone", routingKey: "", mandatory: false, immediate: false }),
        );
        client.send(contentHeader(1, 3), frame(3, 1, Buffer.from("abc")), method(1, channelCloseOk, {}));
        await client.openChannel(1);
      } else {
        client.send(method(0, connectionCloseOk, {}));
        await client.end();
      }
      await bystander.openChannel(2);
    },
  );
});
