import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** One way of a connection: chunks leave in order, each no earlier than its time, none while the way is held. */
class Way {
  readonly #target: Socket;
  readonly #waiting: { readonly chunk: Buffer; readonly atMs: number }[] = [];
  #timer: NodeJS.Timeout | null = null;
  #held = false;

  constructor(target: Socket) {
    this.#target = target;
  }

  pass(chunk: Buffer, delayMs: number): void {
    this.#waiting.push({ chunk, atMs: performance.now() + delayMs });
    this.#run();
  }

  hold(held: boolean): void {
    this.#held = held;
    this.#run();
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #run(): void {
    if (this.#held || this.#timer !== null) return;
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const leftMs = first.atMs - performance.now();
      if (leftMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = null;
          this.#run();
        }, leftMs);
        return;
      }
      this.#waiting.shift();
      this.#target.write(first.chunk);
    }
  }
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly questions: Way;
  readonly answers: Way;
}

/** The network between one broker and Redis: a TCP proxy that can be cut, slowed down, and made to keep answers. */
export class Link {
  readonly port: number;
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #pairs = new Set<Pair>();
  #delayMs = 0;
  #away = false;
  #holding = false;

  private constructor(server: Server, targetPort: number) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#targetPort = targetPort;
    server.on("connection", (client) => this.#accept(client));
  }

  /** A link on a free port of 127.0.0.1 to another one. */
  static async open(targetPort: number): Promise<Link> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    return new Link(server, targetPort);
  }

  /** Ends every connection; what was on its way is lost. New ones are possible unless the link is away. */
  cut(): void {
    for (const pair of this.#pairs) drop(this.#pairs, pair);
  }

  /** Cuts, and lets no new connection through, until it is back. */
  setAway(away: boolean): void {
    this.#away = away;
    if (away) this.cut();
  }

  /** Everything takes so much longer, in both directions. */
  setDelay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Questions pass, answers do not, until they are released (or lost by `cut`). */
  holdAnswers(holding: boolean): void {
    this.#holding = holding;
    for (const { answers } of this.#pairs) answers.hold(holding);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#away) {
      client.on("error", () => undefined).destroy();
      return;
    }
    const server = connect({ port: this.#targetPort, host: "127.0.0.1", noDelay: true });
    const pair = { client, server, questions: new Way(server), answers: new Way(client) };
    this.#pairs.add(pair);
    pair.answers.hold(this.#holding);
    client.on("data", (chunk) => pair.questions.pass(chunk, this.#delayMs));
    server.on("data", (chunk) => pair.answers.pass(chunk, this.#delayMs));
    for (const socket of [client, server]) {
      socket.on("error", () => undefined);
      socket.on("close", () => drop(this.#pairs, pair));
    }
  }
}

function drop(pairs: Set<Pair>, pair: Pair): void {
  if (!pairs.delete(pair)) return;
  pair.questions.end();
  pair.answers.end();
  pair.client.destroy();
  pair.server.destroy();
}
