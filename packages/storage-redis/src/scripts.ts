import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** The scripts, by file; the first number of a name counts its fixed keys. */
const files = {
  commit: "commit-3-many.lua",
  relieve: "relieve-1-many.lua",
  mend: "mend-2-many.lua",
  restate: "restate-3.lua",
  page: "page-2.lua",
  missing: "missing-2.lua",
  acquire: "acquire-2.lua",
  renew: "renew-2.lua",
  release: "release-1.lua",
} as const;

export type ScriptName = keyof typeof files;

export interface Script {
  readonly lua: string;
  /** SHA-1 of the text, by which Redis knows a script that it has seen. */
  readonly sha: string;
}

function load(file: string): Script {
  // src and dist stand side by side, so the way to the scripts is the same from both.
  const lua = readFileSync(new URL(`../scripts/${file}`, import.meta.url), "utf8");
  return { lua, sha: createHash("sha1").update(lua).digest("hex") };
}

export const scripts: Readonly<Record<ScriptName, Script>> = {
  commit: load(files.commit),
  relieve: load(files.relieve),
  mend: load(files.mend),
  restate: load(files.restate),
  page: load(files.page),
  missing: load(files.missing),
  acquire: load(files.acquire),
  renew: load(files.renew),
  release: load(files.release),
};
