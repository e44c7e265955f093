import { FakeClock, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { startAdapter } from "./adapter-fixture.ts";
import { frame, type RawClient } from "./raw-client.ts";

/** The ERROR that comes next, and the end behind it. */
async function errorOf(client: RawClient): Promise<{ title: string; text: string; receipt: string | undefined }> {
  const error = await client.expect("ERROR");
  await client.end();
  expect(error.headers["content-type"]).toBe("text/plain");
  expect(error.headers["version"]).toBe("1.0,1.1,1.2");
  const { message: title = "", "receipt-id": receipt } = error.headers;
  return { title, text: error.body.toString(), receipt };
}

describe("CONNECT", () => {
  it.each([
    [undefined, "1.0"],
    ["1.0", "1.0"],
    ["1.1", "1.1"],
    ["1.0,1.1,1.2", "1.2"],
    ["1.1, 1.2, 2.0", "1.2"],
  ])("accept-version %s is answered with %s", async (accepted, version) => {
    const fixture = await startAdapter({ server: "Test/1" });
    for (const command of ["CONNECT", "STOMP"]) {
      const client = await fixture.socket();
      const headers = { login: "guest", passcode: "guest", host: "/" };
      client.frame(command, accepted === undefined ? headers : { ...headers, "accept-version": accepted });
      const connected = await client.expect("CONNECTED");
      expect(connected.headers).toMatchObject({ version, "heart-beat": "0,0", server: "Test/1" });
      expect(connected.headers["session"]).toMatch(/^session-[\w-]{22}$/);
    }
  });

  it.each([
    ["no common version", { "accept-version": "2.0,3" }, "Version mismatch", "Supported versions are 1.0,1.1,1.2\n"],
    ["a wrong password", { passcode: "x" }, "Bad CONNECT", "Access refused for user 'guest'\n"],
    ["an unknown user", { login: "nobody" }, "Bad CONNECT", "Access refused for user 'nobody'\n"],
    ["an unknown virtual host", { host: "nowhere" }, "Bad CONNECT", "Virtual host 'nowhere' access denied\n"],
    ["a bad heart-beat", { "heart-beat": "1000" }, "Bad CONNECT", "Invalid heart-beat header '1000'\n"],
  ])("is refused for %s", async (_, headers, title, text) => {
    const fixture = await startAdapter();
    const client = await fixture.socket();
    client.frame("CONNECT", { "accept-version": "1.2", host: "/", login: "guest", passcode: "guest", ...headers });
    expect(await errorOf(client)).toMatchObject({ title, text });
    expect(fixture.broker.connections.size).toBe(0);
    // Behind a line about the login it waits for the next second.
    await until(() => fixture.log.join("\n").includes("connection refused"));
  });

  it("needs login and passcode, unless a user for anonymous clients is set", async () => {
    const strict = await startAdapter();
    const refused = await strict.socket();
    refused.frame("CONNECT", { "accept-version": "1.2" });
    expect((await errorOf(refused)).text).toBe("Missing login or passcode header(s)\n");
    const open = await startAdapter({ anonymousUser: { name: "guest", password: "guest" } });
    const client = await open.socket();
    client.frame("CONNECT", {});
    await client.expect("CONNECTED");
    const half = await open.socket();
    half.frame("CONNECT", { login: "guest" });
    expect((await errorOf(half)).text).toBe("Missing login or passcode header(s)\n");
  });

  it("does not escape, and takes the virtual host from host", async () => {
    const fixture = await startAdapter();
    await fixture.broker.createVirtualHost("a\\b");
    await fixture.broker.users.put("us\\er", " pass ", []);
    await fixture.broker.users.setPermissions("us\\er", "a\\b", { configure: ".*", write: ".*", read: ".*" });
    await fixture.client({ host: "a\\b", login: "us\\er", passcode: " pass " });
    const [connection] = fixture.broker.connections;
    expect(connection?.virtualHost.name).toBe("a\\b");
    expect(connection?.options.protocol).toBe("STOMP 1.2");
  });

  it("means the default virtual host where host names this server", async () => {
    const fixture = await startAdapter();
    for (const host of ["127.0.0.1", "localhost"]) await fixture.client({ host });
    expect([...fixture.broker.connections].map((connection) => connection.virtualHost.name)).toEqual(["/", "/"]);
  });

  it("must come first, and only once", async () => {
    const fixture = await startAdapter();
    const early = await fixture.socket();
    early.frame("SEND", { destination: "/queue/q", receipt: "x" });
    expect(await errorOf(early)).toEqual({
      title: "Illegal command",
      text: "You must log in using CONNECT first\n",
      receipt: "x",
    });
    const client = await fixture.client();
    client.frame("CONNECT", { "accept-version": "1.2", login: "guest", passcode: "guest" });
    expect((await errorOf(client)).title).toBe("Illegal command");
  });

  it("must come in time", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.socket();
    client.send("CONN");
    await until(() => fixture.adapter.connectionCount === 1);
    clock.advance(10_000);
    await client.end();
    expect(fixture.log.join()).toContain("the login was not over in time");
  });

  it("allows larger frames than before it", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const body = "x".repeat(1_000_000);
    await client.request("SEND", { destination: "/queue/q", "content-length": body.length }, body);
    client.frame("SEND", { destination: "/queue/q", "content-length": 4 * 1024 * 1024 + 1 });
    expect(await errorOf(client)).toMatchObject({
      title: "Frame too large",
      text: "a body of more than 4194304 bytes is not accepted",
    });
    const early = await fixture.socket();
    early.send("CONNECT\ncontent-length:70000\n\n");
    expect((await errorOf(early)).text).toBe("a body of more than 12288 bytes is not accepted");
  });
});

describe("an error", () => {
  it.each([
    ["an unknown command", "HELLO\n\n\0", "Bad command", 'Could not interpret command "HELLO"\n'],
    ["a bad frame", "SEND\nabc\n\n\0", "Malformed frame", "a header line has no colon"],
    ["an undefined escape", frame("SEND", { destination: "/queue/\\t" }), "Malformed frame", "undefined escape"],
    [
      "an undefined escape in a header that is passed on",
      frame("SEND", { destination: "/queue/q", a: "\\t" }),
      "Malformed frame",
      "undefined escape",
    ],
    ["no destination", frame("SEND"), "Missing destination", "'SEND' must include a 'destination' header\n"],
    [
      "a message-id on SEND",
      frame("SEND", { destination: "/queue/q", "message-id": "1" }),
      "Invalid header",
      "'message-id' is not allowed on 'SEND'.\n",
    ],
    [
      "a SEND to a temporary queue",
      frame("SEND", { destination: "/temp-queue/q" }),
      "Invalid destination",
      "'/temp-queue/q' is not a valid destination for 'SEND'\n",
    ],
    [
      "an unknown exchange",
      frame("SEND", { destination: "/exchange/none/k" }),
      "not_found",
      "NOT_FOUND - no exchange 'none' in vhost '/'\n",
    ],
    [
      "a reserved queue name",
      frame("SEND", { destination: "/queue/amq.q" }),
      "access_refused",
      "ACCESS_REFUSED - queue name 'amq.q' contains reserved prefix 'amq.*'\n",
    ],
    [
      "a bad expiration",
      frame("SEND", { destination: "/queue/q", expiration: "soon" }),
      "precondition_failed",
      "PRECONDITION_FAILED - invalid expiration 'soon': no_integer\n",
    ],
    [
      "a bad priority",
      frame("SEND", { destination: "/queue/q", priority: "high" }),
      "Invalid header",
      "'priority' must be a number from 0 to 255. Got 'high'\n",
    ],
    [
      "another user's id",
      frame("SEND", { destination: "/queue/q", "user-id": "x" }),
      "precondition_failed",
      "PRECONDITION_FAILED - user_id property set to 'x' but authenticated user was 'guest'\n",
    ],
    [
      "an unknown subscription",
      frame("UNSUBSCRIBE", { id: 7 }),
      "No subscription found",
      "UNSUBSCRIBE must refer to an existing subscription.\nSubscription to id='7' not found.\n",
    ],
    [
      "an acknowledgement of nothing",
      frame("ACK", { id: "7@1" }),
      "Subscription not found",
      "Message with id '7@1' has no subscription\n",
    ],
    ["an acknowledgement without id", frame("ACK"), "Missing header", '"ACK" must include the "id" header\n'],
    [
      "a bad acknowledgement",
      frame("NACK", { id: "x" }),
      "Invalid header",
      '"NACK" must include a valid "id" header\n',
    ],
    [
      "an unknown transaction",
      frame("COMMIT", { transaction: "t" }),
      "Bad transaction",
      "Invalid transaction identifier: 't'\n",
    ],
    ["no transaction", frame("BEGIN"), "Missing transaction", "'BEGIN' must include a 'transaction' header\n"],
  ])("ends the connection: %s", async (_, bytes, title, text) => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const neighbour = await fixture.client();
    client.send(bytes);
    const error = await errorOf(client);
    expect(error.title).toBe(title);
    expect(error.text).toContain(text);
    await neighbour.request("BEGIN", { transaction: "still there" });
    expect(fixture.log.join("\n")).toContain(text.trimEnd());
  });

  it("names the receipt of the frame that caused it", async () => {
    const fixture = await startAdapter();
    const direct = await fixture.client();
    direct.frame("ACK", { id: "1@1", receipt: "r\\c1" });
    expect((await errorOf(direct)).receipt).toBe("r\\c1");
    const later = await fixture.client();
    later.frame("SUBSCRIBE", { id: 1, destination: "/exchange/none", receipt: "r2" });
    expect((await errorOf(later)).receipt).toBe("r2");
  });

  it("comes at shutdown too", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const closing = fixture.adapter.close();
    const error = await client.expect("ERROR");
    expect(error.body.toString()).toBe("broker forced connection closure with reason 'shutdown'\n");
    await closing;
    expect(fixture.broker.connections.size).toBe(0);
  });

  it("comes when the virtual host is deleted", async () => {
    const fixture = await startAdapter();
    await fixture.broker.createVirtualHost("v");
    await fixture.broker.users.setPermissions("guest", "v", { configure: ".*", write: ".*", read: ".*" });
    const client = await fixture.client({ host: "v" });
    await fixture.broker.deleteVirtualHost("v");
    expect((await errorOf(client)).text).toBe("vhost 'v' is deleted\n");
  });
});

describe("receipts", () => {
  it("come for every kind of frame, in order", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const receipts: string[] = [];
    client.frame("SUBSCRIBE", { id: 0, destination: "/topic/a", ack: "client", receipt: 1 });
    client.frame("SEND", { destination: "/topic/b", receipt: 2 });
    client.frame("BEGIN", { transaction: "t", receipt: 3 });
    client.frame("SEND", { destination: "/topic/b", transaction: "t", receipt: 4 });
    client.frame("COMMIT", { transaction: "t", receipt: 5 });
    client.frame("BEGIN", { transaction: "t", receipt: 6 });
    client.frame("ABORT", { transaction: "t", receipt: 7 });
    client.frame("UNSUBSCRIBE", { id: 0, receipt: 8 });
    client.frame("DISCONNECT", { receipt: 9 });
    for (let count = 0; count < 9; count++) receipts.push((await client.expect("RECEIPT")).headers["receipt-id"] ?? "");
    expect(receipts).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    await client.end();
    expect(fixture.broker.connections.size).toBe(0);
  });

  it("are given back as they came, for repeated frames too", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const ids = ["plain", "gr\\cün", "a\\nb", "x y", "plain", "z"];
    for (const receipt of ids) client.frame("SEND", { destination: "/topic/a", receipt, "content-length": 1 }, "b");
    for (const receipt of ids) expect((await client.expect("RECEIPT")).headers["receipt-id"]).toBe(receipt);
  });
});

describe("heart-beats", () => {
  it("are agreed from what both want, and sent where nothing else is", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.socket();
    const connected = await client.login({ "heart-beat": "100,2000" });
    expect(connected.headers["heart-beat"]).toBe("2000,1000");
    const before = client.receivedBytes;
    clock.advance(2000);
    await until(() => client.receivedBytes === before + 1);
    client.send("\n");
    await until(() => client.receivedBytes === before + 1);
  });

  it("that do not come end the connection after two intervals, and not before", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client({ "heart-beat": "10000,0" });
    // The first half interval has the login in it.
    clock.advance(24_000);
    expect(fixture.adapter.connectionCount).toBe(1);
    clock.advance(1000);
    await client.end();
    expect(fixture.log.join()).toContain("connection closed: missed heart-beats");
  });

  it("that come late from a page are fine: a hidden tab has one timer a minute", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const page = await fixture.webSocket();
    await page.login({ "heart-beat": "5000,0" });
    clock.advance(60_000);
    expect(fixture.adapter.connectionCount).toBe(1);
    page.send("\n");
    await page.request("BEGIN", { transaction: "t" });
    clock.advance(60_000);
    expect(fixture.adapter.connectionCount).toBe(1);
    clock.advance(60_000);
    await page.end();
  });

  it("of any kind count: frames and line ends", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const client = await fixture.client({ "heart-beat": "10000,0" });
    for (let count = 0; count < 5; count++) {
      clock.advance(15_000);
      await client.request("BEGIN", { transaction: count });
    }
    expect(fixture.adapter.connectionCount).toBe(1);
  });
});
