import { topicLevelsMax } from "./exchange/topic-name.ts";
import { expiryMsMax } from "./expiry.ts";
import { deathsMax } from "./queue/dead-letter.ts";
import { prioritiesMax } from "./queue/queue-arguments.ts";

/** Bounds that nobody can set, each where it is looked at; here for documentation, which is made from them. */
export const fixedLimits: Readonly<Record<"topicLevelsMax" | "prioritiesMax" | "deathsMax" | "expiryMsMax", number>> = {
  topicLevelsMax,
  prioritiesMax,
  deathsMax,
  expiryMsMax,
};
