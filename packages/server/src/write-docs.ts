// `npm run docs`: writes the pages of docs/ that are made from the sources.
import { writeFileSync } from "node:fs";
import { configPage } from "./config/config-page.ts";
import { limitsPage } from "./limits-page/limits-page.ts";

const docs = new URL("../../../docs/", import.meta.url);
writeFileSync(new URL("configuration.md", docs), configPage());
writeFileSync(new URL("limits.md", docs), limitsPage());
