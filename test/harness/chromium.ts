import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { onTestFinished } from "vitest";

const executablePath = "/usr/bin/chromium";
/** Nothing but the page under test: no updates, no profile of anybody, no network of its own. */
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Opens `url` in a headless Chromium with an empty profile, which ends with the test. */
export async function openPage(url: string): Promise<Page> {
  if (!existsSync(executablePath)) {
    throw new Error("these tests need the command chromium: install Debian's chromium, or run npm test");
  }
  const profile = await mkdtemp(join(tmpdir(), "jackalope-chromium-"));
  onTestFinished(() => rm(profile, { recursive: true, force: true, maxRetries: 5 }));
  const context = await chromium.launchPersistentContext(profile, { executablePath, args, headless: true });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(url);
  return page;
}
