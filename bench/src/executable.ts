import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The first executable file of that name on PATH or in the further directories, or null. */
export function findExecutable(name: string, furtherDirectories: readonly string[] = []): string | null {
  const directories = [...furtherDirectories, ...(process.env["PATH"] ?? "").split(delimiter)];
  for (const directory of directories) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here
    }
  }
  return null;
}
