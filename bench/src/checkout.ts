import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The directory of the checkout this file was built in: the nearest one above that holds the workspace file. */
export const checkoutDirectory: string = findCheckout(dirname(fileURLToPath(import.meta.url)));

export const benchDirectory: string = join(checkoutDirectory, "bench");

function findCheckout(from: string): string {
  if (existsSync(join(from, "pnpm-workspace.yaml"))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error("the bench must run from a checkout");
  return findCheckout(parent);
}
