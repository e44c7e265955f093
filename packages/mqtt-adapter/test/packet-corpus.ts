import type { Version } from "../src/version.ts";
import { type CorpusPacket, connect, connect5, none, old } from "./corpus-packet.ts";
import { acknowledgementCorpus, publishCorpus } from "./publish-corpus.ts";
import { otherCorpus, subscriptionCorpus } from "./rare-packet-corpus.ts";

export { connectCorpus } from "./connect-corpus.ts";
export type { CorpusPacket } from "./corpus-packet.ts";

/** Packets that come behind a CONNECT. */
export const packetCorpus: readonly CorpusPacket[] = [
  ...publishCorpus,
  ...acknowledgementCorpus,
  ...subscriptionCorpus,
  ...otherCorpus,
];

/** A CONNECT of a version, for what comes behind. */
export const connectOf: Readonly<Record<Version, Buffer>> = {
  3: connect(old),
  4: connect(),
  5: connect5(none),
};
