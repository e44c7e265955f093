import { readFileSync } from "node:fs";

/**
 * Files and sockets that this process may have open (RLIMIT_NOFILE, `ulimit -n`); null where the system does not say, or
 * sets no limit. Node has raised it as far as it may when the process began.
 */
export function descriptorLimit(): number | null {
  try {
    return parseLimits(readFileSync("/proc/self/limits", "utf8"));
  } catch {
    return reportedLimit();
  }
}

/** The soft limit in the words of Linux: `Max open files            1024                 524288               files`. */
export function parseLimits(text: string): number | null {
  const [, soft] = /^Max open files +(\d+) /m.exec(text) ?? [];
  return soft === undefined ? null : Number(soft);
}

/** Other systems than Linux. */
function reportedLimit(): number | null {
  const report = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  const soft = Number(report.userLimits?.open_files?.soft);
  return Number.isSafeInteger(soft) && soft > 0 ? soft : null;
}
