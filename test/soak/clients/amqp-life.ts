import { type ChannelModel, connect } from "amqplib";
import { backOff } from "../waiting.ts";
import { connectMs, type Rotation, retryMs } from "./client.ts";

/** What a client does with an AMQP connection. */
export interface AmqpUse {
  /** A connection is there; rejects where it ends meanwhile. */
  begin(connection: ChannelModel): Promise<void>;
  /** It is gone. */
  lost(): void;
}

/** Connects, and connects again, until it is ended. */
export class AmqpLife {
  readonly #rotation: Rotation;
  readonly #use: AmqpUse;
  readonly #running: Promise<void>;
  #connection: ChannelModel | null = null;
  #ended = false;

  constructor(rotation: Rotation, use: AmqpUse) {
    this.#rotation = rotation;
    this.#use = use;
    this.#running = this.#run();
  }

  cut(): void {
    // amqplib types no way to the socket.
    const { connection } = (this.#connection ?? {}) as { connection?: { stream?: { destroy(error: Error): void } } };
    // It hears of errors and of the other side's end, not of a socket that is merely gone.
    connection?.stream?.destroy(new Error("cut off"));
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#connection?.close().catch(() => undefined);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      const connection = await this.#connect();
      if (connection === null) {
        await backOff(retryMs);
        continue;
      }
      const gone = new Promise((resolve) => connection.once("close", resolve));
      this.#connection = connection;
      await this.#use.begin(connection).catch(() => this.cut());
      await gone;
      this.#connection = null;
      this.#use.lost();
    }
  }

  async #connect(): Promise<ChannelModel | null> {
    const { amqp } = this.#rotation.next();
    const url = `amqp://guest:guest@127.0.0.1:${amqp}?heartbeat=1`;
    const connection = await connect(url, { timeout: connectMs }).catch(() => null);
    // The end is what counts, not its reason.
    connection?.on("error", () => undefined);
    return connection;
  }
}
