import { createConnection, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AbstractConnector, Command, Redis } from "ioredis";
import type { RedisHost } from "./address.ts";
import { encodeCommand } from "./encode-command.ts";
import { scripts } from "./scripts.ts";

/** An argument of a Redis command. */
export type Argument = string | number | Buffer;

/** An answer of Redis, strings as bytes. */
export type Reply = Buffer | number | null | readonly Reply[];

/** Certificates as PEM text. */
export interface RedisTls {
  /** Whom to believe instead of the authorities that Node knows. */
  readonly ca?: string;
  /** The broker's own certificate, where Redis asks for one, and its key. */
  readonly certificate?: string;
  readonly key?: string;
  /** The name in Redis' certificate, where it is not the host of the address. */
  readonly serverName?: string;
}

/** Whom to log in as, and how. */
export interface ClientOptions {
  readonly userName: string;
  readonly password: string;
  readonly database: number;
  readonly tls: RedisTls | null;
  /** What CLIENT LIST shows. */
  readonly name: string;
}

/** A command that goes to the socket in parts, as it is: the library would copy it into one piece first. */
class PartsCommand extends Command {
  override toWritable(socket: object): Buffer {
    const parts = encodeCommand(this.name, this.args as Argument[]);
    const last = parts.pop() as Buffer;
    for (const part of parts) (socket as Socket).write(part);
    // The library writes what it is given.
    return last;
  }
}

/** Opens the library's sockets: it would listen to the first error of a socket only, and the next one end the process. */
class SocketConnector extends AbstractConnector {
  readonly #open: () => Socket;

  constructor(open: () => Socket) {
    super(0);
    this.#open = open;
  }

  connect(): Promise<Socket> {
    this.stream = this.#open();
    this.stream.on("error", (error: Error) => {
      this.firstError ??= error;
    });
    return Promise.resolve(this.stream);
  }

  /** At once: what is still to be sent would be repeated on another connection. */
  override disconnect(): void {
    this.stream?.destroy();
  }
}

/**
 * One connection to one server, from its opening to its end: the only file that knows the client library. Nothing is
 * queued, resent or opened again here.
 */
export class RedisClient {
  readonly #redis: Redis;
  readonly #options: ClientOptions;
  #socket: Socket | null = null;
  #lastError: Error | null = null;
  #ended = false;

  /** `ended` is called once, when the connection is gone. */
  constructor(host: RedisHost, options: ClientOptions, connectTimeoutMs: number, ended: (error: Error) => void) {
    this.#options = options;
    const { tls } = options;
    const open = (): Socket => {
      this.#socket = tls === null ? createConnection(host) : connectTls({ ...host, ...tlsOptions(tls) });
      return this.#socket;
    };
    this.#redis = new Redis({
      Connector: class extends SocketConnector {
        constructor() {
          super(open);
        }
      },
      // Makes it wait for the handshake.
      ...(tls === null ? {} : { tls: {} }),
      lazyConnect: true,
      connectTimeout: connectTimeoutMs,
      // What was sent and not answered is the caller's to send again: it knows what it is.
      retryStrategy: null,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      // `loadScripts` finds out whether the server is ready, without INFO, which hosted Redis may forbid.
      enableReadyCheck: false,
      disableClientInfo: true,
      protocol: 2,
    });
    this.#redis.on("error", (error: Error) => {
      this.#lastError = error;
    });
    this.#redis.on("close", () => {
      if (this.#ended) return;
      this.#ended = true;
      ended(this.#lastError ?? new Error("the connection to Redis was closed"));
    });
  }

  /** Connects and logs in. Rejects where that fails. */
  async connect(): Promise<void> {
    const { userName, password, database, name } = this.#options;
    try {
      await this.#redis.connect();
    } catch (error) {
      throw this.#lastError ?? error;
    }
    // The library would go on where a log-in or the choice of the database fails.
    if (password !== "") await this.send("AUTH", userName === "" ? [password] : [userName, password]);
    if (database !== 0) await this.send("SELECT", [database]);
    if (name !== "") await this.send("CLIENT", ["SETNAME", name]).catch(() => undefined);
  }

  /** Brings the scripts along. Rejects while the server still loads its data, and where transactions are forbidden. */
  async loadScripts(): Promise<void> {
    const loaded = Object.values(scripts).map(({ lua }) => this.send("SCRIPT", ["LOAD", lua]));
    // Without the right to MULTI its commands would be done one by one, and a loss of the connection leave some undone.
    await Promise.all([...loaded, this.transaction([])]);
  }

  /**
   * Sends one command, its name in capitals. Rejects with what Redis says, and where the connection is gone. Large
   * arguments must stay as they are until it is settled.
   */
  send(command: string, args: readonly Argument[]): Promise<Reply> {
    this.#cork();
    const sent = this.#redis.sendCommand(new PartsCommand(command, args as Argument[], { replyEncoding: null }));
    return sent as Promise<Reply>;
  }

  /** Sends commands as one transaction. Resolves with the answers, rejects with the first error in taking them in. */
  async transaction(
    commands: readonly (readonly [command: string, args: readonly Argument[]])[],
  ): Promise<readonly (Reply | Error)[]> {
    let refused: Error | null = null;
    const refuse = (error: Error): void => {
      refused ??= error;
    };
    this.send("MULTI", []).catch(refuse);
    for (const [command, args] of commands) this.send(command, args).catch(refuse);
    try {
      return (await this.send("EXEC", [])) as readonly (Reply | Error)[];
    } catch (error) {
      // EXEC says only that there was one.
      throw refused ?? error;
    }
  }

  /** Calls `listener` for messages on a channel. The connection can do nothing else from then on. */
  async subscribe(channel: string, listener: () => void): Promise<void> {
    this.#redis.on("message", listener);
    await this.#redis.subscribe(channel);
  }

  /** All that is sent in one turn is one write. */
  #cork(): void {
    const socket = this.#socket;
    if (socket === null || socket.writableCorked > 0) return;
    socket.cork();
    process.nextTick(() => socket.uncork());
  }

  /** What was sent and is not answered is rejected. */
  close(): void {
    this.#redis.disconnect();
  }
}

function tlsOptions(tls: RedisTls): Record<string, string> {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}
