import type { Attack } from "../attack.ts";
import { absurdPatterns } from "./absurd-patterns.ts";
import { amqpFanOut } from "./amqp-fan-out.ts";
import { atTheDoor } from "./at-the-door.ts";
import { deadLetters } from "./dead-letters.ts";
import { loginFlood } from "./login-flood.ts";
import { longNames } from "./long-names.ts";
import { manyBindings } from "./many-bindings.ts";
import { manyConsumers } from "./many-consumers.ts";
import { manyFilters } from "./many-filters.ts";
import { manyQueues } from "./many-queues.ts";
import { mqttFanOut } from "./mqtt-fan-out.ts";
import { priorityQueues } from "./priority-queues.ts";
import { slowReaders } from "./slow-readers.ts";
import { unfinishedContents } from "./unfinished-contents.ts";

/** All of them, in the order in which they are made. */
export const attacks: readonly Attack[] = [
  ...mqttFanOut,
  ...amqpFanOut,
  slowReaders,
  loginFlood,
  manyQueues,
  ...manyFilters,
  manyConsumers,
  manyBindings,
  ...deadLetters,
  priorityQueues,
  ...longNames,
  ...atTheDoor,
  unfinishedContents,
  ...absurdPatterns,
];

/** Throws where there is no attack of that name. */
export function attackNamed(name: string): Attack {
  const found = attacks.find((attack) => attack.name === name);
  if (found === undefined) throw new Error(`no attack is called ${name}`);
  return found;
}
