const boundMs = 5000;

/** Waits until `condition` holds, at most five seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const endMs = Date.now() + boundMs;
  while (!condition()) {
    if (Date.now() > endMs) throw new Error("the condition did not come about");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
