// Part of `npm run docs`: writes docs/conversion.md. It runs as test/interop/dist/conversion/write-page.js.
import { writeFileSync } from "node:fs";
import { conversionPage } from "./page.ts";

writeFileSync(new URL("../../../../docs/conversion.md", import.meta.url), conversionPage());
