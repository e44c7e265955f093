import type { InteropTarget } from "../../harness/interop-target.ts";
import type { MqttEngine } from "../../harness/mqtt-target.ts";
import { type Protocol, protocols } from "../conversion/rows.ts";
import { amqpParticipant } from "./amqp-participant.ts";
import { mqttParticipant } from "./mqtt-participant.ts";
import type { Participant } from "./participant.ts";
import { stompParticipant } from "./stomp-participant.ts";

/** A participant that is connected. */
export function connectParticipant(protocol: Protocol, target: InteropTarget): Promise<Participant> {
  switch (protocol) {
    case "amqp":
      return amqpParticipant(target.url);
    case "stomp":
      return stompParticipant(target);
    case "mqtt5":
    case "mqtt311":
      return mqttParticipant(target.mqtt, protocol);
  }
}

/** One who sends, and one who receives. */
export interface Pair {
  readonly engine: MqttEngine;
  readonly from: Protocol;
  readonly to: Protocol;
}

/** Both of a pair, connected. */
export interface ConnectedPair {
  readonly sender: Participant;
  readonly receiver: Participant;
  close(): Promise<void>;
}

export async function connectPair({ from, to }: Pair, target: InteropTarget): Promise<ConnectedPair> {
  const sender = await connectParticipant(from, target);
  // One client identifier, one connection: a client of MQTT can send to itself.
  const receiver = from === to ? sender : await connectParticipant(to, target);
  return {
    sender,
    receiver,
    async close() {
      for (const participant of new Set([sender, receiver])) await participant.close();
    },
  };
}

/** Every pair, once for each engine that makes a difference: aedes knows nothing of MQTT 5. */
export const pairs: readonly Pair[] = protocols.flatMap((from) =>
  protocols.flatMap((to): readonly Pair[] => {
    const withAedes = from === "mqtt311" || to === "mqtt311" ? from !== "mqtt5" && to !== "mqtt5" : false;
    const native: Pair = { engine: "native", from, to };
    return withAedes ? [native, { ...native, engine: "aedes" }] : [native];
  }),
);
