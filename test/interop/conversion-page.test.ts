import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { conversionPage } from "./conversion/page.ts";

test("docs/conversion.md is what `npm run docs` makes of the table", () => {
  const committed = readFileSync(new URL("../../docs/conversion.md", import.meta.url), "utf8");
  expect(conversionPage()).toBe(committed);
});
