import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const SAMPLE_MS = 20;
const SETTLE_MS = 200;
const SETTLE_SAMPLES_MAX = 30;

/** Resident bytes of a process and all its descendants, now (VmRSS in proc(5)). */
function residentBytes(processId: number): number {
  const children = childrenByParent();
  let bytes = 0;
  const waiting = [processId];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    bytes += residentBytesOfOne(id);
    waiting.push(...(children.get(id) ?? []));
  }
  return bytes;
}

/** Samples the resident memory of a process tree every 20 ms; `stop` returns the largest sample, in bytes. */
export function watchResidentBytes(processId: number): { stop(): number } {
  let largest = residentBytes(processId);
  const timer = setInterval(() => {
    largest = Math.max(largest, residentBytes(processId));
  }, SAMPLE_MS);
  return {
    stop(): number {
      clearInterval(timer);
      return Math.max(largest, residentBytes(processId));
    },
  };
}

/** Samples until two in a row, 200 ms apart, differ by less than 1%. */
export async function settledResidentBytes(processId: number): Promise<number> {
  let last = residentBytes(processId);
  for (let sample = 0; sample < SETTLE_SAMPLES_MAX; sample++) {
    await sleep(SETTLE_MS);
    const next = residentBytes(processId);
    if (Math.abs(next - last) < last / 100) return next;
    last = next;
  }
  return last;
}

/** The largest resident memory that a process alone ever had, in bytes (VmHWM in proc(5)). */
export function peakResidentBytes(processId: number): number {
  const match = /^VmHWM:\s+(\d+) kB$/m.exec(readOrEmpty(`/proc/${processId}/status`));
  return Number(match?.[1] ?? 0) * 1024;
}

function residentBytesOfOne(processId: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readOrEmpty(`/proc/${processId}/status`));
  return Number(match?.[1] ?? 0) * 1024;
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readOrEmpty(`/proc/${name}/stat`);
    // The name may hold spaces and brackets; the state and the parent come after its last bracket.
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [Number(name)]);
    else siblings.push(Number(name));
  }
  return children;
}

/** A process may end between two looks: that is no error. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
