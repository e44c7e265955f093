import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openPage } from "../harness/chromium.ts";
import { startCommand } from "../harness/command.ts";
import { startStompTarget } from "../harness/stomp-target.ts";
import { waitFor } from "../harness/waiting.ts";

const examples = fileURLToPath(new URL("../../examples/", import.meta.url));

test("the page of the web example shows what an AMQP program measures, live", async ({ onTestFinished }) => {
  const target = await startStompTarget();
  onTestFinished(() => target.close());
  const env = { AMQP_URL: target.url, STOMP_WS_URL: target.webSocketUrl, PORT: "0" };
  const server = startCommand(process.execPath, [`${examples}web/server.js`], { env });
  await server.says(/open http:\S+ in a browser/);
  const url = /http:\S+/.exec(server.stdout)?.[0] ?? "";
  const page = await openPage(url);
  const cells = async (): Promise<readonly string[]> => page.locator("tbody td").allTextContents();
  await waitFor("a row for every room", async () => (await cells()).length === 12);
  const before = await cells();
  const rooms = [0, 4, 8].map((index) => before[index]).sort();
  expect(rooms).toEqual(["attic", "cellar", "kitchen"]);
  expect(before[1]).toMatch(/^\d\d\.\d$/);
  expect(Number(before[2])).toBeGreaterThan(0);
  expect(before[3]).toMatch(/\d:\d\d/);
  expect(await page.locator("#state").textContent()).toBe("connected");
  await waitFor("the next measurement", async () => Number((await cells())[2]) > Number(before[2]));
  expect((await fetch(`${url}../package.json`)).status).toBe(404);
  expect((await fetch(`${url}stompjs/..%2f..%2fpackage.json`)).status).toBe(404);
});

test("the page of the examples says how to open it", () => {
  expect(readFileSync(`${examples}README.md`, "utf8")).toContain("node examples/web/server.js");
});
