import { topicLevelsMax } from "./exchange/topic-name.ts";
import { expiryMsMax } from "./expiry.ts";
import { nameBytesMax, topicBytesMax } from "./name-bounds.ts";
import { deathsMax } from "./queue/dead-letter.ts";
import { prioritiesMax } from "./queue/queue-arguments.ts";

/** Bounds that nobody can set, each where it is looked at; here for documentation, which is made from them. */
export const fixedLimits: Readonly<
  Record<"nameBytesMax" | "topicBytesMax" | "topicLevelsMax" | "prioritiesMax" | "deathsMax" | "expiryMsMax", number>
> = {
  nameBytesMax,
  topicBytesMax,
  topicLevelsMax,
  prioritiesMax,
  deathsMax,
  expiryMsMax,
};
