import type { Bench } from "../bench.ts";
import { failureText } from "../interleaved.ts";
import type { PeerName, RunningPeer } from "../peer.ts";
import type { Figure } from "../row.ts";

/** What was measured on each peer; one that failed has the reason. */
export type Measurements<T> = ReadonlyMap<PeerName, T | { readonly failure: string }>;

/** Measures one peer after the other, each in a fresh process that speaks MQTT. */
export async function measureEachFresh<T extends object>(
  bench: Bench,
  title: string,
  wanted: readonly PeerName[],
  measure: (peer: RunningPeer) => Promise<T>,
): Promise<Measurements<T>> {
  const measured = new Map<PeerName, T | { failure: string }>();
  for (const name of bench.taking(wanted)) {
    try {
      const peer = await bench.startFresh(name, { mqtt: true });
      try {
        measured.set(name, await measure(peer));
      } finally {
        await bench.stop(peer);
      }
    } catch (error) {
      measured.set(name, { failure: failureText(error) });
      bench.note(`${title}, ${name}: ${failureText(error)}`);
    }
  }
  return measured;
}

export function figuresOf<T extends object>(
  measured: Measurements<T>,
  pick: (each: T) => Figure,
): Map<PeerName, Figure> {
  return new Map([...measured].map(([name, each]) => [name, "failure" in each ? each : pick(each)]));
}
