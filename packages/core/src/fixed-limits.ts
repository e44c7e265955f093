import { headersFieldsMax } from "./exchange/headers-condition.ts";
import { topicLevelsMax } from "./exchange/topic-name.ts";
import { expiryMsMax } from "./expiry.ts";
import { nameBytesMax, topicBytesMax } from "./name-bounds.ts";
import { topicPatternsMax } from "./auth/user.ts";
import { patternLengthMax } from "./pattern/linear-pattern.ts";
import { patternStepsMax } from "./pattern/pattern-program.ts";
import { deathsMax } from "./queue/dead-letter.ts";
import { prioritiesMax } from "./queue/queue-arguments.ts";

/** Bounds that nobody can set, each where it is looked at; here for documentation, which is made from them. */
export const fixedLimits: Readonly<
  Record<
    | "nameBytesMax"
    | "topicBytesMax"
    | "topicLevelsMax"
    | "prioritiesMax"
    | "deathsMax"
    | "expiryMsMax"
    | "patternLengthMax"
    | "patternStepsMax"
    | "topicPatternsMax"
    | "headersFieldsMax",
    number
  >
> = {
  nameBytesMax,
  topicBytesMax,
  topicLevelsMax,
  prioritiesMax,
  deathsMax,
  expiryMsMax,
  patternLengthMax,
  patternStepsMax,
  topicPatternsMax,
  headersFieldsMax,
};
