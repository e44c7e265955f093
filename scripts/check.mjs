// `npm run check`: everything but the tests that has to hold before a change goes in. Runs all of it, then says what failed.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setUp } from "./workspace-setup.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const checks = [
  ["types of the packages", "tsc", "-b"],
  ["types of the tests", "tsc", "-p", "tsconfig.test.json"],
  ["lint", "oxlint"],
  ["format", "biome", "format"],
  ["unused files, exports and dependencies", "knip"],
];

setUp({ ifNeeded: true });
const failed = [];
for (const [title, command, ...args] of checks) run(title, join(root, "node_modules", ".bin", command), args);
run("house rules", process.execPath, [join(root, "scripts", "dist", "tidy.js")]);
console.log(failed.length === 0 ? "check: all is well" : `check: failed: ${failed.join("; ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;

function run(title, command, args) {
  console.log(`--- ${title}`);
  if (!existsSync(command)) throw new Error(`${command} is not installed`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) failed.push(title);
}
