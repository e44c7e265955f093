import { expect, test } from "vitest";
import { connectionClose } from "../src/methods/connection.ts";
import { startAdapter } from "./adapter-fixture.ts";

test("the connections of a user that is deleted are closed with 320, and nobody else's", async () => {
  const fixture = await startAdapter();
  await fixture.broker.users.put("leaver", "secret", []);
  await fixture.broker.users.setPermissions("leaver", "/", { configure: ".*", write: ".*", read: ".*" });
  const leaver = await fixture.client({ response: Buffer.from("\0leaver\0secret") });
  const other = await fixture.client();
  await fixture.broker.users.delete("leaver");
  const close = await leaver.expect(connectionClose);
  expect(close).toMatchObject({ replyCode: 320, replyText: "CONNECTION_FORCED - user 'leaver' was deleted" });
  expect([...fixture.broker.connections].map(({ user }) => user.name)).toEqual(["guest"]);
  expect(other.closed).toBe(false);
});
