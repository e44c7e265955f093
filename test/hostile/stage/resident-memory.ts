import { readFileSync } from "node:fs";

/** Resident mebibytes of a process (VmRSS in proc(5)); 0 where it is gone. */
export function residentMiB(processId: number): number {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${processId}/status`, "utf8"));
    return Number(match?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
