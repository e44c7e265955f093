import { FakeClock } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { isLoopback } from "../../src/auth/user-directory.ts";
import { Broker } from "../../src/broker.ts";
import { MemoryStorage } from "../../src/memory-storage.ts";
import { Disk, KeepingStorage } from "../fixture/keeping-storage.ts";
import { refusal, TestBroker } from "../fixture/test-broker.ts";

describe("isLoopback", () => {
  test.each([
    ["127.0.0.1", true],
    ["127.9.9.9", true],
    ["::1", true],
    ["::ffff:127.0.0.1", true],
    ["10.0.0.1", false],
    ["::ffff:10.0.0.1", false],
    ["fe80::1", false],
    ["", false],
  ])("%j: %s", (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});

describe("logging in", () => {
  test("guest comes from this machine only, and the log says why", async () => {
    const { broker, logged } = await TestBroker.open();
    expect((await broker.authenticate("guest", "guest", "::ffff:127.0.0.1"))?.name).toBe("guest");
    expect(await broker.authenticate("guest", "guest", "192.0.2.1")).toBeNull();
    expect(logged.at(-1)).toBe("login refused: user 'guest' can only connect via localhost");
    expect(await broker.authenticate("guest", "wrong", "127.0.0.1")).toBeNull();
    expect(await broker.authenticate("nobody", "", "127.0.0.1")).toBeNull();
  });

  test("others come from anywhere, and loopback users can be chosen", async () => {
    const broker = await Broker.open({
      storage: new MemoryStorage(),
      clock: new FakeClock(),
      defaultUser: { name: "admin", password: "p", tags: ["administrator"] },
      loopbackUsers: [],
    });
    expect((await broker.authenticate("admin", "p", "192.0.2.1"))?.tags).toEqual(["administrator"]);
    expect(await broker.authenticate("guest", "guest", "127.0.0.1")).toBeNull();
  });

  test("a new password replaces the old one, a deleted user is refused", async () => {
    const { broker } = await TestBroker.open();
    const login = async (password: string): Promise<boolean> =>
      (await broker.authenticate("u", password, "192.0.2.1")) !== null;
    await broker.users.put("u", "one", []);
    expect([await login("one"), await login("two")]).toEqual([true, false]);
    await broker.users.put("u", "two", ["monitoring"]);
    expect([await login("one"), await login("two"), broker.users.count]).toEqual([false, true, 2]);
    await broker.users.delete("u");
    await broker.users.delete("u");
    expect([await login("two"), broker.users.count]).toEqual([false, 1]);
  });

  test("permissions of nobody are refused", async () => {
    const { broker } = await TestBroker.open();
    const all = { configure: ".*", write: ".*", read: ".*" };
    expect(await refusal(() => broker.users.setPermissions("nobody", "/", all))).toBe("not-found: no user 'nobody'");
  });
});

test("stored patterns that this version does not take match nothing, and the log says so", async () => {
  const disk = new Disk();
  const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
  await first.broker.users.put("u", "p", []);
  await first.broker.users.setPermissions("u", "/", { configure: "", write: "", read: "" });
  const key = JSON.stringify(["permission", "/", "u"]);
  disk.definitions.set(key, Buffer.from(JSON.stringify({ configure: "^(?!amq)", write: "^w", read: "(a" })));
  const { broker, logged } = await TestBroker.open({ storage: new KeepingStorage(disk) });
  const user = broker.users.find("u");
  const may = (["configure", "write", "read"] as const).map((permission) => user?.may(permission, "/", "wa"));
  expect(may).toEqual([false, true, false]);
  expect(logged.filter((text) => text === "a stored permission matches nothing")).toHaveLength(2);
});

test("a deleted user's connections end, and a client that logs in meanwhile is refused", async () => {
  const broker = await TestBroker.open();
  await broker.broker.users.put("u", "p", []);
  await broker.broker.users.setPermissions("u", "/", { configure: ".*", write: ".*", read: ".*" });
  const user = await broker.broker.authenticate("u", "p", "192.0.2.1");
  if (user === null) throw new Error("refused");
  const reasons: string[] = [];
  const facts = {
    virtualHost: "/",
    name: "n",
    protocol: "test",
    peer: "",
    onClose: (why: string) => reasons.push(why),
  };
  broker.broker.openConnection({ ...facts, user });
  await broker.broker.users.delete("u");
  expect([reasons, broker.broker.connections.size]).toEqual([["user 'u' was deleted"], 1]);
  expect(await refusal(() => broker.broker.openConnection({ ...facts, user }))).toContain(
    "access to vhost '/' refused",
  );
});

test("users, tags, permissions and their removal survive a restart, passwords only as hashes", async () => {
  const disk = new Disk();
  const { broker } = await TestBroker.open({ storage: new KeepingStorage(disk) });
  for (const name of ["kept", "gone"]) {
    await broker.users.put(name, "secret", ["management"]);
    await broker.users.setPermissions(name, "/", { configure: "^c", write: "^w", read: "^r" });
    await broker.users.setTopicPermissions(name, "/", "amq.topic", { write: "^t", read: ".*" });
  }
  await broker.users.delete("gone");
  expect([...disk.definitions.keys()].filter((key) => key.includes("gone"))).toEqual([]);
  expect([...disk.definitions.values()].some((value) => value.includes("secret"))).toBe(false);
  const again = await TestBroker.open({ storage: new KeepingStorage(disk) });
  const user = await again.broker.authenticate("kept", "secret", "192.0.2.1");
  expect(user?.tags).toEqual(["management"]);
  expect(user?.permissions("/")).toEqual({ configure: "^c", write: "^w", read: "^r" });
  expect([...(user?.topicPermissions("/") ?? [])]).toEqual([["amq.topic", { write: "^t", read: ".*" }]]);
  expect(again.broker.users.find("gone")).toBeUndefined();
});
