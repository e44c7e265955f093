// `npm run docs`: writes the pages of docs/ that are made from the sources.
import { writeFileSync } from "node:fs";
import { configPage } from "./config/config-page.ts";

writeFileSync(new URL("../../../docs/configuration.md", import.meta.url), configPage());
