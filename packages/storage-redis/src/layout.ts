/**
 * How things stand in Redis. All keys of one home share the hash tag, so that a cluster keeps them in one slot and one
 * script may touch them together:
 *
 *     jackalope:{NAME:HOME}:lease          who holds the home, with a time limit
 *     jackalope:{NAME:HOME}:state          hash: layout, epoch, writer, number, lsn, by
 *     jackalope:{NAME:HOME}:definitions    hash: queues, exchanges, users, retained messages, sessions
 *     …:copy                               what takes their place when a broker begins to lead (scripts/restate-3.lua)
 *     jackalope:{NAME:HOME}:streams        set: the queues that have or had a stream
 *     jackalope:{NAME:HOME}:queue:ID       stream: the messages of one queue
 *     jackalope:{NAME:HOME}:queue:0        stream: messages that several queues hold, one copy
 *     …:settled                            hash beside a stream: what is settled of an entry that is not deleted yet
 *     …:gate                               the name of a stream within a commit that has large entries for it
 *
 * The state says who may write (`writer`, the epoch and the owner of the lease), and of the last commit its number, its
 * last Lsn and who wrote it (`by`).
 *
 * Lsns grow by one from write to write, and by a great deal where another broker begins to lead (recovery.ts).
 *
 * A stream's entry holds what came for it in one commit, or a part of that. Its id is `LSN-0` with the Lsn of its first
 * message, and it has these fields:
 *
 *     index    for each message 40 bytes, little endian
 *              | Lsn after the first's 4 | flags 1 | priority 1 | queue set 2 | route 4 | keys bytes 4 | native bytes 4 |
 *              | body bytes 4 | expiration ms 8 | published at ms 8 |
 *     routes   JSON: [[exchange, routing key, format id], …]
 *     data     for each message: further keys (JSON), native properties, body
 *     queues   in the shared stream, 4 bytes a number: for each queue set how many queues there are, and their ids
 *     first    in an entry that was moved, the Lsn of its first message: the id is a later one then
 *
 * What is settled of an entry is one bit a message, the lowest bit of the first byte first. In the shared stream it is
 * one bit for each message and queue: the queues of the first message in the order of its set, then those of the second.
 */
export const layoutVersion = "1";
export const indexBytes = 40;
export const persistentFlag = 1;

/** Stands for the shared stream where a queue's id is asked for. Queue ids begin at 1. */
export const sharedStream = 0;

/** Body of a message. */
export const bodyBytesMax: number = 500 << 20;
/** Body, properties and routing keys: Redis takes no longer string than 512 MiB (`proto-max-bulk-len`). */
export const messageBytesMax: number = 511 << 20;

/** The id of a stream entry. */
export function entryId(lsn: number): string {
  return `${lsn}-0`;
}

/** The Lsn in the id of a stream entry. */
export function lsnOfId(id: string): number {
  return Number(id.slice(0, id.indexOf("-")));
}

/** The names of one home's keys. */
export class Keys {
  readonly prefix: string;
  readonly lease: string;
  readonly state: string;
  readonly definitions: string;
  readonly definitionsCopy: string;
  readonly streams: string;
  /** A channel that tells of a lease given back. */
  readonly released: string;

  constructor(cluster: string, home: number) {
    this.prefix = `jackalope:{${cluster}:${home}}:`;
    this.lease = `${this.prefix}lease`;
    this.state = `${this.prefix}state`;
    this.definitions = `${this.prefix}definitions`;
    this.definitionsCopy = `${this.definitions}:copy`;
    this.streams = `${this.prefix}streams`;
    this.released = `${this.prefix}released`;
  }

  /** The stream of one queue, or of messages that several hold. */
  stream(queueId: number): string {
    return `${this.prefix}queue:${queueId}`;
  }

  /** The name of a stream while large entries are added to it (scripts/commit-3-many.lua). */
  gate(queueId: number): string {
    return `${this.stream(queueId)}:gate`;
  }

  /** The hash beside a stream. */
  settled(queueId: number): string {
    return `${this.stream(queueId)}:settled`;
  }
}
