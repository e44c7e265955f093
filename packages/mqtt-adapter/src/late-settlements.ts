import type { Channel, Turn, TurnTask } from "@jackalope/core/adapter";

/**
 * Deliveries that have to be settled and that the client does not acknowledge: persistent messages that went out at QoS 0,
 * or did not go out at all. Settling within a delivery would deliver the next message before this one is written, so it
 * waits for the end of the turn.
 */
export class LateSettlements implements TurnTask {
  readonly #channel: Channel;
  readonly #turn: Turn;
  #tags: number[] = [];

  constructor(channel: Channel, turn: Turn) {
    this.#channel = channel;
    this.#turn = turn;
  }

  add(tag: number): void {
    if (this.#tags.push(tag) === 1) this.#turn.storageDirty(this);
  }

  endTurn(): void {
    const tags = this.#tags;
    this.#tags = [];
    // Where the channel is closed, its deliveries are back in their queues.
    if (this.#channel.closed) return;
    for (let index = 0; index < tags.length; index++) this.#channel.ack(tags[index] as number, false);
  }

  /** What is not settled comes again when the client does. */
  failed(): void {
    this.#channel.connection.fail();
  }
}
