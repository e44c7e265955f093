import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { amqplibConfirmChannel, messagesOf, texts } from "../harness/amqplib-client.ts";
import { startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { openPage } from "../harness/chromium.ts";
import { serveFolders } from "../harness/static-server.ts";
import { waitFor } from "../harness/waiting.ts";

const folders = {
  "/stompjs/": dirname(fileURLToPath(import.meta.resolve("@stomp/stompjs"))),
  "/": fileURLToPath(new URL("page/", import.meta.url)),
};

/** Waits until the list on the page has exactly these lines. */
async function listed(page: Page, list: string, lines: readonly string[]): Promise<void> {
  const items = page.locator(`${list} li`);
  await waitFor(`${lines.length} lines in ${list}`, async () => (await items.count()) >= lines.length);
  expect(await items.allTextContents()).toEqual(lines);
}

async function reached(page: Page, state: string): Promise<void> {
  await waitFor(`the page to be ${state}`, async () => (await page.locator("#state").textContent()) === state);
}

async function publish(url: string, text: string): Promise<void> {
  const channel = await amqplibConfirmChannel(url);
  channel.publish("amq.topic", "page.news.today", Buffer.from(text), { persistent: true, headers: { colour: "red" } });
  await channel.waitForConfirms();
}

test.each(["SIGTERM", "SIGKILL"] as const)(
  "a page subscribes, sends with a receipt, comes back after %s, and gets what it missed",
  async (signal) => {
    const dataDir = await temporaryDataDir();
    const first = await startBrokerProcess(dataDir);
    const root = await serveFolders(folders);
    const page = await openPage(`${root}index.html?broker=ws://127.0.0.1:${first.stompWsPort}/ws`);
    await reached(page, "subscribed");
    await publish(first.url, "seen at once");
    await listed(page, "#received", ["red: seen at once"]);
    await page.fill("input", "Grüße 🐇");
    await page.click("button");
    await listed(page, "#receipts", ["receipt-1"]);

    await first.end(signal);
    await reached(page, "away");
    // Up again where the page cannot find it, so that there is something to miss.
    const second = await startBrokerProcess(dataDir, ["--stomp-ws-port", "off"]);
    await publish(second.url, "missed one");
    await publish(second.url, "missed two");
    await second.end(signal);
    expect(await page.locator("#received li").count()).toBe(1);

    const third = await startBrokerProcess(dataDir, ["--stomp-ws-port", String(first.stompWsPort)]);
    await reached(page, "subscribed");
    await listed(page, "#received", ["red: seen at once", "red: missed one", "red: missed two"]);
    await publish(third.url, "seen again");
    await listed(page, "#received", ["red: seen at once", "red: missed one", "red: missed two", "red: seen again"]);
    const channel = await amqplibConfirmChannel(third.url);
    const letters = await messagesOf(channel, "page.letters");
    expect(texts(await letters.first(1))).toEqual(["Grüße 🐇"]);
    await page.fill("input", "second");
    await page.click("button");
    await listed(page, "#receipts", ["receipt-1", "receipt-2"]);
    expect(texts(await letters.first(2))).toEqual(["Grüße 🐇", "second"]);
  },
);
