import type { SoakResult } from "./soak.ts";

/** Late deliveries that are told one by one. */
const lateMax = 20;

/** What a soak came to, in words and figures. */
export function reportOf({ ledger, tally, seconds, folder }: SoakResult): string {
  const lines = [`${seconds.toFixed(0)} s`];
  for (const { name, sent, confirmed, refused, resent } of ledger.producers) {
    lines.push(`  producer ${name}: ${sent} sent, ${confirmed} confirmed, ${refused} refused, ${resent} sent again`);
  }
  for (const { plan, delivered, againUnacknowledged, againInDoubt } of ledger.queues) {
    lines.push(
      `  queue ${plan.name}: ${delivered} delivered, of these again: ${againUnacknowledged} not acknowledged, ` +
        `${againInDoubt} with the acknowledgement under way`,
    );
  }
  const sent = ledger.producers.reduce((sum, producer) => sum + producer.sent, 0);
  const again = ledger.queues.reduce((sum, queue) => sum + queue.againUnacknowledged + queue.againInDoubt, 0);
  lines.push(`messages: ${sent}, confirmed: ${ledger.confirmed}, delivered: ${ledger.delivered}, duplicates: ${again}`);
  for (const { name, afterMs } of ledger.late.slice(0, lateMax)) {
    lines.push(`  from a broker that did not lead any more: ${name}, after ${afterMs.toFixed(1)} ms`);
  }
  lines.push(`memory: ${tally.startMiB.toFixed(0)} MiB at the start, ${tally.endMiB.toFixed(0)} at the end`);
  lines.push("faults:");
  for (const [fault, times] of tally.faults) lines.push(`  ${times} × ${fault}${durations(tally, fault)}`);
  if (ledger.errors.size > 0) lines.push("what clients were told:");
  for (const [text, times] of ledger.errors) lines.push(`  ${times} × ${text}`);
  if (ledger.accusations.length === 0) lines.push("every promise was kept");
  else lines.push("BROKEN PROMISES:", ...ledger.accusations.map((text) => `  ${text}`), `data and logs: ${folder}`);
  return lines.join("\n");
}

function durations({ takeOvers }: SoakResult["tally"], fault: string): string {
  const times = takeOvers.filter((takeOver) => takeOver.fault === fault).map(({ ms }) => ms);
  if (times.length === 0) return "";
  times.sort((one, other) => one - other);
  const middle = times[Math.floor(times.length / 2)];
  return `, served again after ${middle} ms (median), ${times.at(-1)} ms at most`;
}
