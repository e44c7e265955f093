import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A folder for a test file, which removes it at its end. */
export interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

export async function temporaryFolder(prefix: string): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The path of a folder that goes with the test. */
export async function folderOfTest(prefix: string): Promise<string> {
  const folder = await temporaryFolder(prefix);
  onTestFinished(() => folder.remove());
  return folder.path;
}
