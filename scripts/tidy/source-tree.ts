import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A text file of the repository. */
export interface SourceFile {
  /** From the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface SourceTree {
  readonly files: readonly SourceFile[];
}

/** What a check found. Warnings are shown and fail nothing. */
export interface Finding {
  readonly severity: "error" | "warning";
  /** A path, with a line where that helps. */
  readonly place: string;
  readonly text: string;
}

const skippedFolders = new Set([".git", "node_modules", "dist", "data", "coverage"]);
const textFile = /(\.(ts|mts|mjs|js|json|jsonc|md|yaml|yml|toml|c|h|py|sh|npmrc|txt)|\/(\.ci\/run|bin\/[a-z]+))$/;

/** Reads every text file below `root` that somebody wrote. */
export function readSourceTree(root: string): SourceTree {
  const files: SourceFile[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory() && !skippedFolders.has(entry.name)) visit(path);
      else if (entry.isFile() && textFile.test(path)) {
        files.push({ path: path.slice(1), text: readFileSync(join(root, path), "utf8") });
      }
    }
  };
  visit("");
  return { files: files.sort((one, other) => (one.path < other.path ? -1 : 1)) };
}

/** The TypeScript files. */
export function typeScriptFiles(tree: SourceTree): readonly SourceFile[] {
  return tree.files.filter((file) => file.path.endsWith(".ts"));
}

/** `path:line` of a match. */
export function placeOf(file: SourceFile, index: number): string {
  return `${file.path}:${file.text.slice(0, index).split("\n").length}`;
}

/** An error. */
export function error(place: string, text: string): Finding {
  return { severity: "error", place, text };
}
