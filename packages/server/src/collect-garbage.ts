import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | null = null;

/**
 * Collects the whole heap at once, which stops the process for about a millisecond for each megabyte of objects that are
 * alive. Memory behind buffers comes back a moment later. Node gives `gc` to programs that are started with --expose-gc;
 * a broker must not depend on how it was started, and a context that is made after the flag has it too.
 */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
    // Programs that embed a broker keep the global scope that they have.
    setFlagsFromString("--no-expose-gc");
  }
  collect();
}
