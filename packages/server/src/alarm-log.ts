import type { AlarmFacts, AlarmKind, Alarms, Logger } from "@jackalope/core";

/** Sets an alarm, and writes a line where that is news. */
export function setAlarm(
  alarms: Alarms,
  logger: Logger,
  kind: AlarmKind,
  source: string,
  on: boolean,
  facts: AlarmFacts,
): void {
  const was = alarms.has(kind, source);
  if (!on && !was) return;
  alarms.set(kind, source, on, facts);
  if (on === was) return;
  if (on) logger.warn({ kind, source, ...facts }, "alarm on: publishers are blocked");
  else logger.info({ kind, source, ...facts }, "alarm off");
}
