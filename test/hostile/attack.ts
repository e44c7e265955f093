import type { Ports } from "./stage/ports.ts";

/** What an attacker has at hand. He runs in a process of his own. */
export interface Scene extends Ports {
  /** True for the long form: numbers as in the field, not as in a continuous integration. */
  readonly long: boolean;
  /** How long what has no end by itself goes on. */
  readonly seconds: number;
  /** The broker's process, for attackers that want to see what they do to it. */
  readonly brokerProcessId: number;
  /** A figure for the report. */
  note(text: string): void;
}

/** One way of making a broker's life hard. */
export interface Attack {
  readonly name: string;
  /** What happens, for people. */
  readonly title: string;
  /** Floods go on for `seconds` and leave nothing; the hour of all floods is made of them. */
  readonly kind: "flood" | "topology" | "single";
  /** Further arguments of the broker. */
  readonly arguments?: readonly string[];
  /** Heap of the broker; default 512. */
  readonly heapMiB?: number;
  /** Open files of the broker; default 8192. */
  readonly descriptors?: number;
  /** Resident memory over the start while it lasts; default 300. */
  readonly peakMiBMax?: number;
  /** Resident memory over the start when it is over; default 200. */
  readonly afterMiBMax?: number;
  /** What a new client may wait, where that is another time than usual. */
  readonly newcomerMsMax?: number;
  /** Where nobody new gets in while it lasts, because that is what it is about. */
  readonly refusesNewcomers?: boolean;
  /** Started again on what it left, with the memory that accepted it. */
  readonly restarts?: boolean;
  /** Lines of the log that are in order. */
  readonly expectedErrors?: RegExp;
  /** Rejects where the attacker himself was treated wrongly. Leaves nothing that he could have cleaned up. */
  run(scene: Scene): Promise<void>;
}

/** The number of this form. */
export function sized(scene: Scene, short: number, long: number): number {
  return scene.long ? long : short;
}
