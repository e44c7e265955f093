// `npm test`: sets up where needed, provides the programs that tests talk to, runs every test, and ends with one plain
// line. Arguments go to vitest: `npm test -- packages/core`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { providePeers } from "./peers.mjs";
import { setUp } from "./workspace-setup.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

setUp({ ifNeeded: true });
providePeers();
const folder = mkdtempSync(join(tmpdir(), "jackalope-test-"));
try {
  const results = join(folder, "results.json");
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
  const { status } = spawnSync(process.execPath, [vitest, "run", ...reporters, ...process.argv.slice(2)], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  console.log(closingLine(results));
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** `12 passed, 0 failed`, with a test file that could not even be loaded counted as one failure. */
function closingLine(results) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(readFileSync(results, "utf8"));
    const brokenFiles = testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
    const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : "";
    return `${numPassedTests} passed, ${numFailedTests + brokenFiles.length} failed${skipped}`;
  } catch (error) {
    return `vitest left no result: ${error.message}`;
  }
}
