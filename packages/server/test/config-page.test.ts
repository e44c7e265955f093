import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configPage } from "../src/config/config-page.ts";

test("docs/configuration.md is what the settings say: `npm run docs` changes nothing", () => {
  const page = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");
  expect(page).toBe(configPage());
});
