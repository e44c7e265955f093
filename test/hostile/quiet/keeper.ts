import { lasting, until } from "../waiting.ts";

const pauseMs = 10;
const lastMs = 60_000;

/** How a protocol publishes a number durably, and has it back. */
export interface KeptPath {
  readonly name: string;
  /** Resolves when the broker has confirmed it. */
  publish(number: number): Promise<void>;
  /** Called before the first publish; `take` is for each number that a consumer gets. */
  consume(take: (number: number) => void): Promise<void>;
  close(): void;
}

/** Publishes numbers, one at a time, and looks at what comes out: each confirmed one, once, in order. */
export class Keeper {
  confirmed = 0;
  received = 0;
  readonly faults: string[] = [];
  readonly #path: KeptPath;
  readonly #running: Promise<void>;
  #over = false;

  private constructor(path: KeptPath) {
    this.#path = path;
    this.#running = this.#run();
  }

  static async start(path: KeptPath): Promise<Keeper> {
    let keeper: Keeper | null = null;
    await path.consume((number) => keeper?.take(number));
    keeper = new Keeper(path);
    return keeper;
  }

  /** Takes a delivery. */
  take(number: number): void {
    if (number !== this.received + 1) this.#accuse(`${number} came after ${this.received}`);
    this.received = number;
  }

  /** Waits until everything confirmed has come, and leaves. */
  async end(): Promise<void> {
    this.#over = true;
    await this.#running;
    await until("what was confirmed", () => this.received >= this.confirmed, lastMs).catch(() =>
      this.#accuse(`${this.confirmed} were confirmed, ${this.received} have come`),
    );
    this.#path.close();
  }

  toString(): string {
    return `${this.#path.name}: ${this.confirmed} confirmed, ${this.received} delivered`;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#over) {
        await this.#path.publish(this.confirmed + 1);
        this.confirmed++;
        await lasting(pauseMs);
      }
    } catch (error) {
      this.#accuse((error as Error).message);
    }
  }

  #accuse(text: string): void {
    if (this.faults.length < 10) this.faults.push(`${this.#path.name}: ${text}`);
  }
}
