import type { Clock, Logger, Timer } from "@jackalope/core/storage";
import type { RedisAddress } from "./address.ts";
import { findServer, type FindOptions } from "./find-server.ts";
import { type Argument, RedisClient, type RedisTls, type Reply } from "./redis-client.ts";
import { type ScriptName, scripts } from "./scripts.ts";

export interface ConnectionOptions {
  readonly address: RedisAddress;
  readonly tls: RedisTls;
  readonly sentinelUserName: string;
  readonly sentinelPassword: string;
  /** A key of the home: a cluster has it on one of its nodes. */
  readonly key: string;
  /** What CLIENT LIST shows. */
  readonly name: string;
  /** Redis is given so long for an answer, and for a connection, before the connection is made anew. */
  readonly answerTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ConnectionListener {
  /** Connected, for the first time or again. */
  ready(): void;
  /** The connection is gone; a new one is on the way. */
  lost(error: Error): void;
}

const retryMsMin = 50;
const retryMsMax = 1000;
/** After these answers the address is looked up again: there is another master, or the server has to load something. */
const elsewhere = /^(MOVED|ASK|CLUSTERDOWN|MASTERDOWN|LOADING|NOSCRIPT)\b|\bREADONLY\b/;

/**
 * A connection to whichever server is the master, made again whenever it is lost, falls silent, or leads to a server that
 * may not write:
 *
 *     connecting ──▶ ready ──lost, silent, READONLY──▶ waiting ──back-off──▶ connecting
 *         └──────────────────── fails ────────────────────▲
 */
export class RedisConnection {
  readonly #options: ConnectionOptions;
  readonly #listener: ConnectionListener;
  #state: "connecting" | "ready" | "waiting" | "closed" = "waiting";
  #client: RedisClient | null = null;
  #timer: Timer | null = null;
  #attempts = 0;
  #retryMs = retryMsMin;
  #lastError = "not connected to Redis yet";
  /** True where the log knows of a loss and of no connection since. */
  #lossLogged = true;
  /** Commands without an answer, and when the last of them was sent or answered. */
  #unanswered = 0;
  #progressAtMs = 0;

  /** Connects in the background. */
  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.#options = options;
    this.#listener = listener;
    this.#open();
  }

  get ready(): boolean {
    return this.#state === "ready";
  }

  get logger(): Logger {
    return this.#options.logger;
  }

  /** Sends one command, its name in capitals. Rejects with what Redis says, and where the connection is lost. */
  send(command: string, args: readonly Argument[]): Promise<Reply> {
    const client = this.#client;
    if (this.#state !== "ready" || client === null) return Promise.reject(new Error(this.#lastError));
    if (this.#unanswered++ === 0) this.#watch(client);
    return client.send(command, args).then(
      (reply) => {
        this.#answered(client);
        // Not when it is ready: a replica takes connections, too.
        this.#retryMs = retryMsMin;
        return reply;
      },
      (error: Error) => {
        this.#answered(client);
        if (elsewhere.test(error.message)) this.#drop(client, error);
        throw error;
      },
    );
  }

  /**
   * Sends commands as one transaction. Resolves with the answers; an answer may be an error. Rejects where one of them is
   * not taken in, and nothing is done then.
   */
  transaction(commands: readonly (readonly [string, readonly Argument[]])[]): Promise<readonly (Reply | Error)[]> {
    const client = this.#client;
    if (this.#state !== "ready" || client === null) return Promise.reject(new Error(this.#lastError));
    if (this.#unanswered++ === 0) this.#watch(client);
    return client.transaction(commands).then(
      (replies) => {
        this.#answered(client);
        this.#retryMs = retryMsMin;
        for (const reply of replies) {
          if (reply instanceof Error && elsewhere.test(reply.message)) this.#drop(client, reply);
        }
        return replies;
      },
      (error: Error) => {
        this.#answered(client);
        if (elsewhere.test(error.message)) this.#drop(client, error);
        throw error;
      },
    );
  }

  /** Runs a script. Rejects as `send` does. */
  script(name: ScriptName, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    return this.send("EVALSHA", [scripts[name].sha, keys.length, ...keys, ...args]);
  }

  /** Calls `listener` for messages on a channel, while this connection lasts. It can do nothing else from then on. */
  async subscribe(channel: string, listener: () => void): Promise<void> {
    await this.#client?.subscribe(channel, listener);
  }

  close(): void {
    this.#state = "closed";
    this.#lastError = "the connection to Redis was closed";
    this.#timer?.cancel();
    this.#client?.close();
    this.#client = null;
  }

  #open(): void {
    this.#state = "connecting";
    this.#connect().catch((error: unknown) => this.#failed(error as Error));
  }

  async #connect(): Promise<void> {
    const { address, tls, name, answerTimeoutMs, clock, logger } = this.#options;
    const attempt = ++this.#attempts;
    const login = { ...address, tls: address.tls ? tls : null, name };
    const find: FindOptions = {
      ...this.#options,
      client: { ...login, database: 0 },
      sentinel: {
        ...login,
        database: 0,
        userName: this.#options.sentinelUserName,
        password: this.#options.sentinelPassword,
      },
      connectTimeoutMs: answerTimeoutMs,
    };
    const host = await findServer(find, attempt);
    if (this.#state !== "connecting") return;
    const client = new RedisClient(host, login, answerTimeoutMs, (error) => this.#drop(client, error));
    this.#client = client;
    // It may take the connection and say nothing.
    const silent = new Error(`${host.host}:${host.port} has not answered for ${answerTimeoutMs} ms`);
    this.#timer = clock.after(answerTimeoutMs, () => this.#drop(client, silent));
    try {
      await client.connect();
      await client.loadScripts();
    } catch (error) {
      this.#drop(client, error as Error);
      return;
    }
    if (this.#client !== client) return;
    this.#timer.cancel();
    this.#timer = null;
    this.#unanswered = 0;
    this.#state = "ready";
    if (this.#lossLogged) logger.info({ host: host.host, port: host.port }, "connected to Redis");
    this.#lossLogged = false;
    this.#listener.ready();
  }

  /** The connection is of no use any more. */
  #drop(client: RedisClient, error: Error): void {
    if (this.#client !== client) return;
    this.#client = null;
    client.close();
    this.#failed(error);
  }

  #failed(error: Error): void {
    if (this.#state === "closed") return;
    const { clock, logger } = this.#options;
    this.#timer?.cancel();
    this.#state = "waiting";
    // Once for each cause: a server that is away for hours is not worth a line a second.
    if (error.message !== this.#lastError) {
      logger.warn({ error: error.message }, "no connection to Redis, trying again");
      this.#lossLogged = true;
    }
    this.#lastError = error.message;
    this.#timer = clock.after(this.#retryMs, () => this.#open());
    this.#retryMs = Math.min(retryMsMax, this.#retryMs * 2);
    this.#listener.lost(error);
  }

  #answered(client: RedisClient): void {
    if (this.#client !== client) return;
    this.#unanswered--;
    this.#progressAtMs = this.#options.clock.monotonicMs();
  }

  /** Gives the connection up where commands wait and nothing has come back for a time. */
  #watch(client: RedisClient): void {
    const { clock, answerTimeoutMs } = this.#options;
    this.#progressAtMs = clock.monotonicMs();
    if (this.#timer !== null) return;
    const look = (afterMs: number): void => {
      this.#timer = clock.after(afterMs, () => {
        this.#timer = null;
        if (this.#client !== client || this.#unanswered === 0) return;
        const leftMs = this.#progressAtMs + answerTimeoutMs - clock.monotonicMs();
        if (leftMs > 0) look(leftMs);
        else this.#drop(client, new Error(`Redis has not answered for ${answerTimeoutMs} ms`));
      });
    };
    look(answerTimeoutMs);
  }
}
