import { type ChannelModel, type ConfirmChannel, connect, type ConsumeMessage } from "amqplib";

/**
 * What clients know of every message while a broker dies and comes back under them. A message is named
 * `queue/publisher/number`; numbers grow by one for each queue and publisher.
 */
export class Ledger {
  readonly sent = new Set<string>();
  readonly confirmed = new Set<string>();
  readonly received = new Set<string>();
  /** Acknowledged, and a later publish on the same channel was confirmed: the acknowledgement is on disk. */
  readonly settled = new Set<string>();
  /** Promises that were broken, in words. */
  readonly faults: string[] = [];

  get lost(): readonly string[] {
    return [...this.confirmed].filter((id) => !this.received.has(id));
  }

  fault(text: string): void {
    // One is enough to fail, and a few are enough to see a pattern.
    if (this.faults.length < 20) this.faults.push(text);
  }
}

/** Publishes persistent messages in turn to several queues, with a bound on those not confirmed yet. */
export class LoadPublisher {
  readonly #ledger: Ledger;
  readonly #name: string;
  readonly #queues: readonly string[];
  #published = 0;
  #outstanding = 0;

  constructor(ledger: Ledger, name: string, queues: readonly string[]) {
    this.#ledger = ledger;
    this.#name = name;
    this.#queues = queues;
  }

  /** Publishes on `connection` until that is gone. */
  async run(connection: ChannelModel, outstandingMax: number): Promise<void> {
    const channel = await connection.createConfirmChannel();
    let open = true;
    connection.once("close", () => (open = false));
    this.#outstanding = 0;
    const more = (): void => {
      while (open && this.#outstanding < outstandingMax) this.#publish(channel, more);
    };
    more();
  }

  #publish(channel: ConfirmChannel, more: () => void): void {
    const queue = this.#queues[this.#published % this.#queues.length] ?? "";
    const id = `${queue}/${this.#name}/${Math.floor(this.#published / this.#queues.length)}`;
    this.#published++;
    this.#outstanding++;
    this.#ledger.sent.add(id);
    channel.sendToQueue(queue, Buffer.from(id.padEnd(100)), { persistent: true }, (error) => {
      // amqplib reports an error for each that was outstanding when the connection went.
      if (error !== null) return;
      this.#ledger.confirmed.add(id);
      this.#outstanding--;
      more();
    });
  }
}

/**
 * Consumes one queue, acknowledges, and publishes a note after every few acknowledgements: its confirm tells that the
 * acknowledgements before it are durable too.
 */
export async function runConsumer(
  connection: ChannelModel,
  ledger: Ledger,
  queue: string,
  noteQueue: string,
): Promise<void> {
  const channel = await connection.createConfirmChannel();
  await channel.prefetch(200);
  const lastNumbers = new Map<string, number>();
  let acknowledged: string[] = [];
  const take = (message: ConsumeMessage | null): void => {
    if (message === null) return ledger.fault(`the consumer of ${queue} was cancelled`);
    const id = message.content.toString().trimEnd();
    checkDelivery(ledger, queue, id, lastNumbers);
    ledger.received.add(id);
    channel.ack(message);
    if (acknowledged.push(id) < 20) return;
    const noted = acknowledged;
    acknowledged = [];
    channel.sendToQueue(noteQueue, Buffer.from(id), { persistent: true }, (error) => {
      if (error === null) for (const settled of noted) ledger.settled.add(settled);
    });
  };
  await channel.consume(queue, take);
}

function checkDelivery(ledger: Ledger, queue: string, id: string, lastNumbers: Map<string, number>): void {
  const [home = "", publisher = "", number = ""] = id.split("/");
  if (!ledger.sent.has(id)) ledger.fault(`${id} was never published`);
  if (home !== queue) ledger.fault(`${id} came out of ${queue}`);
  if (ledger.settled.has(id)) ledger.fault(`${id} came again after its acknowledgement was durable`);
  const last = lastNumbers.get(publisher) ?? -1;
  // One consumer that gives nothing back sees each publisher's messages once and in order, redelivered ones included.
  if (Number(number) <= last) ledger.fault(`${id} came after number ${last} of ${publisher}`);
  lastNumbers.set(publisher, Number(number));
}

/** A connection whose end is expected. */
export async function mortalConnection(url: string): Promise<ChannelModel> {
  const connection = await connect(url);
  connection.on("error", () => undefined);
  return connection;
}
