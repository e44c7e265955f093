// Installs and builds. Plain JavaScript and Node alone, because it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampPath = join(root, "node_modules", ".jackalope-setup.json");
const nodeMin = [20, 19];
/** Run through npx, because a fresh clone has npm alone. */
const pnpm = "pnpm@12.20.0";
/** Folders whose files do not decide what is in a dist. */
const notBuilt = new Set(["node_modules", "dist", "test"]);

/**
 * Installs with pnpm and builds with tsc what is not there yet; exits the process where either fails.
 * @param {{ ifNeeded: boolean }} options ifNeeded: trust the stamp of the last run.
 */
export function setUp({ ifNeeded }) {
  checkNode();
  const wanted = { install: installHash(), build: buildHash() };
  const stamp = ifNeeded ? readStamp() : {};
  const installed = stamp.install === wanted.install && existsSync(join(root, "node_modules", ".modules.yaml"));
  const built = installed && stamp.build === wanted.build && outputsExist();
  if (built) return;
  if (!installed) {
    run("npx", ["-y", pnpm, "install", "--frozen-lockfile"]);
    writeStamp({ install: wanted.install });
  }
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b"]);
  writeStamp(wanted);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > nodeMin[0] || (major === nodeMin[0] && minor >= nodeMin[1])) return;
  fail(`Jackalope needs Node ${nodeMin.join(".")} or later; this is ${process.versions.node}.`);
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampPath, "utf8"));
  } catch {
    return {};
  }
}

function writeStamp(stamp) {
  mkdirSync(dirname(stampPath), { recursive: true });
  writeFileSync(stampPath, `${JSON.stringify(stamp)}\n`);
}

/** What decides the contents of node_modules. */
function installHash() {
  const files = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"];
  for (const folder of workspaceFolders()) files.push(join(folder, "package.json"));
  return hashOf(files);
}

/** What decides the contents of every dist: contents, not times, because a checkout or a copy changes times. */
function buildHash() {
  const files = ["tsconfig.json", "tsconfig.base.json"];
  for (const folder of workspaceFolders()) files.push(join(folder, "tsconfig.json"), ...sourcesBelow(folder));
  return hashOf(files);
}

function workspaceFolders() {
  const packages = readdirSync(join(root, "packages")).sort();
  const folders = [...packages.map((name) => join("packages", name)), "bench", "examples", "scripts", "test"];
  return folders.filter((folder) => existsSync(join(root, folder)));
}

function sourcesBelow(folder) {
  const found = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (notBuilt.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...sourcesBelow(path));
    else if (entry.name.endsWith(".ts")) found.push(path);
  }
  return found.sort();
}

function hashOf(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    const path = join(root, file);
    if (!existsSync(path)) continue;
    const bytes = readFileSync(path);
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

/** True unless somebody removed a dist folder behind the stamp's back. */
function outputsExist() {
  const { references } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8"));
  return references.every(({ path }) => existsSync(join(root, path, "dist", ".tsbuildinfo")));
}

function run(command, args) {
  // Output goes to standard error: standard output belongs to what runs afterwards.
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    // pnpm asks before it removes a node_modules made by another tool, and here nobody could answer.
    env: { ...process.env, CI: "true" },
    shell: process.platform === "win32",
  });
  if (error) fail(`cannot run ${command}: ${error.message}`);
  if (status !== 0) fail(`${command} ${args.join(" ")} failed`);
}

function fail(text) {
  console.error(text);
  process.exit(1);
}
