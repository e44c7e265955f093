import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Route } from "@jackalope/core/storage";
import { testMessage } from "@jackalope/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { open } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";

const script = fileURLToPath(new URL("../scripts/inspect-2.lua", import.meta.url));
let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.discard());

async function inspect(stream: string, ...args: string[]): Promise<string[]> {
  const key = `jackalope:{inspect:0}:${stream}`;
  const cli = ["-p", `${server.port}`, "--raw", "--eval", script, key, `${key}:settled`, ",", ...args];
  const { stdout } = await promisify(execFile)("redis-cli", cli);
  return stdout.split("\n").filter((line) => line !== "");
}

test("an operator sees with redis-cli what is not settled", async () => {
  const store = await open({ address: server.address, cluster: "inspect" });
  const own = [0, 1, 2, 3].map((index) => {
    const message = testMessage(
      `body ${index}\n`,
      index === 3 ? '{"a":1}' : "",
      new Route("amq.topic", `a."${index}"`),
    );
    message.persistent = index > 0;
    message.priority = index;
    message.publishedAtMs = Date.UTC(2028, 1, 29, 23, 59, 58, 7) + index * 86_400_000 * 366;
    message.expirationMs = index === 2 ? 60_000 : -1;
    message.extraKeys = index === 1 ? ["cc"] : [];
    return store.engine.append([7], message);
  });
  const long = store.engine.append([8, 7, 9], testMessage("x".repeat(100), "", new Route("", "q")));
  const other = store.engine.append([7, 300_000], testMessage("y", "", new Route("", "q")));
  await store.commit(other);
  store.engine.settle(7, own[1] as number);
  await store.commit(store.engine.settle(7, long));
  const expected = [
    `${own[0]} entry=${own[0]}-0 exchange="amq.topic" key="a.\\"0\\"" format=test transient priority=0` +
      ` published=2028-02-29T23:59:58.007Z bytes=7 body="body 0\\x0a"`,
    `${own[2]} entry=${own[0]}-0 exchange="amq.topic" key="a.\\"2\\"" format=test persistent priority=2` +
      ` published=2030-03-02T23:59:58.007Z expiration=60000ms bytes=7 body="body 2\\x0a"`,
    `${own[3]} entry=${own[0]}-0 exchange="amq.topic" key="a.\\"3\\"" format=test persistent priority=3` +
      ` published=2031-03-03T23:59:58.007Z bytes=7 body="body 3\\x0a"`,
  ];
  expect(await inspect("queue:7")).toEqual(expected);
  // It changes nothing, as Redis itself would see to here.
  const keys = ["jackalope:{inspect:0}:queue:7", "jackalope:{inspect:0}:queue:7:settled"];
  const readOnly = await server.admin.call("EVAL_RO", await readFile(script, "utf8"), 2, ...keys, 20);
  expect(readOnly).toEqual(expected);
  expect(await inspect("queue:7", "2")).toEqual(expected.slice(0, 2));
  expect(await inspect("queue:7", "20", `${own[3]}-1`)).toEqual([]);
  const shared = await inspect("queue:0", "5");
  expect(shared).toHaveLength(2);
  expect(shared[0]).toBe(
    `${long} queues=8,9 entry=${long}-0 exchange="" key="q" format=test transient priority=0` +
      ` published=1970-01-01T00:00:00.000Z bytes=100 body="${"x".repeat(60)}"…`,
  );
  expect(shared[1]).toContain(`${other} queues=7,300000 `);
  await store.engine.close();
});

test("entries that were moved, and strange ones, are told of", async () => {
  const store = await open({ address: server.address, cluster: "inspect", garbageBytesMax: 0 });
  const lsns = Array.from({ length: 50 }, () => store.engine.append([20], testMessage("x".repeat(100))));
  await store.commit(lsns.at(-1) as number);
  for (const lsn of lsns.slice(0, -1)) store.engine.settle(20, lsn);
  const key = "jackalope:{inspect:0}:queue:20";
  for (let turn = 0; (await server.admin.xrange(key, "-", "+"))[0]?.[0] === `${lsns[0]}-0`; turn++) {
    await store.commit(store.engine.put("turn", Buffer.from(`${turn}`)));
  }
  const [line] = await inspect("queue:20");
  expect(line?.split(" ")[0]).toBe(`${lsns.at(-1)}`);
  await server.admin.xadd(key, "999999999-0", "a", "b");
  expect((await inspect("queue:20"))[1]).toBe("999999999-0 is no entry of Jackalope");
  await store.engine.close();
});
