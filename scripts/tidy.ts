// `npm run tidy`: the house rules that no other tool checks. STYLE.md gives the reasons.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { checkArchitecture } from "./tidy/architecture.ts";
import { checkLayers } from "./tidy/layers.ts";
import { checkLinks } from "./tidy/links.ts";
import { checkNames } from "./tidy/names.ts";
import { checkSizes } from "./tidy/sizes.ts";
import { readSourceTree } from "./tidy/source-tree.ts";
import { checkWords } from "./tidy/words.ts";

// This file runs as scripts/dist/tidy.js.
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const tree = readSourceTree(root);
const checks = [checkLayers, checkSizes, checkNames, checkArchitecture, checkWords, checkLinks];
const findings = checks.flatMap((check) => check(tree));
for (const { severity, place, text } of findings) console.log(`${severity}: ${place}: ${text}`);
const errorCount = findings.filter((finding) => finding.severity === "error").length;
console.log(`tidy: ${tree.files.length} files, ${errorCount} errors, ${findings.length - errorCount} warnings`);
if (errorCount > 0) process.exitCode = 1;
