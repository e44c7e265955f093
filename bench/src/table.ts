import type { Machine } from "./machine.ts";
import type { PeerName } from "./peer.ts";
import { type Check, type Figure, passes, type Row } from "./row.ts";

const FAILURE_LENGTH_MAX = 160;

/** The whole report as Markdown: the machine, then one table. */
export function renderTable(machine: Machine, columns: ReadonlyMap<PeerName, string>, rows: readonly Row[]): string {
  const names = [...columns.keys()];
  const header = ["", ...columns.values(), "jackalope against its targets"];
  const lines = rows.map((row) => [
    `${row.label}, ${row.unit}`,
    ...names.map((name) => cell(row.figures.get(name), row.details?.get(name))),
    row.checks.map(verdict).join("; "),
  ]);
  const alignment = header.map((_, index) => (index === 0 || index === header.length - 1 ? "---" : "---:"));
  return [describe(machine), "", ...[header, alignment, ...lines].map((cells) => `| ${cells.join(" | ")} |`)].join(
    "\n",
  );
}

function describe(machine: Machine): string {
  const { processor, cores, memoryGiB, node, kernel, filesystem } = machine;
  return `${processor}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, ${filesystem}, Node ${node}`;
}

function cell(figure: Figure | undefined, detail: string | undefined): string {
  if (figure === undefined) return "–";
  if (typeof figure !== "number")
    return `failed: ${figure.failure
      .replaceAll(/\s*\n\s*/g, " ")
      .replaceAll("|", "/")
      .slice(0, FAILURE_LENGTH_MAX)}`;
  return detail === undefined ? formatNumber(figure) : `${formatNumber(figure)} (${detail})`;
}

function verdict(check: Check): string {
  const target = `${check.kind} ${formatNumber(check.bound)} ${check.text}`;
  if (check.value === null) return `${target}: not measured`;
  return `${formatNumber(check.value)}, ${target}: ${passes(check) === true ? "pass" : "**short**"}`;
}

/** Three digits that say something: 1,234,567; 45.6; 0.512. */
function formatNumber(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
