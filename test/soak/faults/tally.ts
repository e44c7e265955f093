/** From a fault to the next broker that serves. */
export interface TakeOver {
  readonly fault: string;
  readonly ms: number;
}

/** What was done to brokers and stores, and how long it took them. */
export class Tally {
  readonly faults: Map<string, number> = new Map();
  readonly takeOvers: TakeOver[] = [];
  /** Resident memory of the leading broker, before the first message and when everything has come. */
  startMiB = 0;
  endMiB = 0;

  count(fault: string): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
  }

  tookOver(fault: string, ms: number): void {
    this.takeOvers.push({ fault, ms: Math.round(ms) });
  }
}
