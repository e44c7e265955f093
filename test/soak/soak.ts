import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assembleCrew, type Crew, declareQueues } from "./clients/crew.ts";
import type { SoakProducer } from "./clients/client.ts";
import { linger } from "./clients/lingering.ts";
import { brokerFaults } from "./faults/broker-faults.ts";
import { clientFaults } from "./faults/client-faults.ts";
import { embeddedFaults } from "./faults/embedded-faults.ts";
import type { Fault, Scene } from "./faults/fault.ts";
import { overloadFaults } from "./faults/overload-faults.ts";
import { linkFaults, redisFaults } from "./faults/redis-faults.ts";
import { Tally } from "./faults/tally.ts";
import { Ledger } from "./ledger/ledger.ts";
import { closeLedger, Completion } from "./ledger/verdict.ts";
import { checkLeftOvers } from "./left-overs.ts";
import { Random } from "./random.ts";
import type { Slot } from "./stage/slot.ts";
import { openEmbeddedStage, openRedisStage, type Stage, type StoreName, untilLeader } from "./stage/stage.ts";
import { until } from "./waiting.ts";

export interface SoakOptions {
  readonly store: StoreName;
  readonly seed: number;
  /** Rounds of faults, each of which is every kind once in an order by chance, begin until so much time is over. */
  readonly milliseconds: number;
  /** Kinds of faults by a part of their names; all where it is empty. */
  readonly only: readonly string[];
  /** Messages a second of each of the four producers. */
  readonly perSecond: number;
  readonly leaseMs: number;
  /** bin/jackalope. */
  readonly program: string;
  /** Where to keep data and logs; null for the temporary folder. */
  readonly directory: string | null;
  readonly note: (text: string) => void;
}

export interface SoakResult {
  readonly ledger: Ledger;
  readonly tally: Tally;
  readonly seconds: number;
  /** Data and logs, kept where a promise was broken. */
  readonly folder: string;
}

/** Clients may take so long to come back and go on after a fault, and to get everything at the end. */
const progressMs = 60_000;
/** Messages that come through before the next fault, at most. */
const betweenMax = 600;
/** Resident memory of the broker over that at the start, when everything has come; it has so long to give it back. */
const growthMiBMax = 200;
const flatMs = 30_000;
/** Each producer's messages after the last fault of all. */
const lastMessages = 8;

/** Runs clients of all protocols against brokers to which bad things happen, and holds them to their promises. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const folder = mkdtempSync(join(options.directory ?? tmpdir(), "jackalope-soak-"));
  const ledger = new Ledger();
  const tally = new Tally();
  const startedMs = performance.now();
  const own = { ...options, folder, died: (text: string) => ledger.accuse(text) };
  const run = new Run(options, ledger, tally);
  if (options.store === "redis") {
    const stage = await openRedisStage(own);
    await run.play(stage, [...brokerFaults, ...redisFaults, ...linkFaults, ...clientFaults, ...overloadFaults], () =>
      checkLeftOvers(stage.redis, ledger),
    );
  } else {
    const stage = await openEmbeddedStage(own);
    await run.play(stage, [...embeddedFaults, ...clientFaults, ...overloadFaults], () => Promise.resolve());
  }
  if (ledger.accusations.length === 0) rmSync(folder, { recursive: true, force: true });
  return { ledger, tally, seconds: (performance.now() - startedMs) / 1000, folder };
}

class Run {
  readonly #options: SoakOptions;
  readonly #ledger: Ledger;
  readonly #tally: Tally;
  readonly #random: Random;

  constructor(options: SoakOptions, ledger: Ledger, tally: Tally) {
    this.#options = options;
    this.#ledger = ledger;
    this.#tally = tally;
    this.#random = new Random(options.seed);
  }

  /** What cannot go on is a broken promise like others. */
  async play<Kind extends Stage>(
    stage: Kind,
    faults: readonly Fault<Kind>[],
    atEnd: () => Promise<void>,
  ): Promise<void> {
    const { seed, perSecond, only } = this.#options;
    const chosen = faults.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
    if (chosen.length === 0) throw new Error(`no fault is called ${only.join(" or ")}`);
    let crew: Crew | null = null;
    let producers: readonly SoakProducer[] = [];
    try {
      await declareQueues(await untilLeader(stage));
      crew = assembleCrew(this.#ledger, stage.slots, seed, perSecond);
      const { sessions } = crew;
      await until("the subscriptions", () => sessions.every(({ subscribed }) => subscribed), progressMs);
      this.#tally.startMiB = (await untilLeader(stage)).residentMiB;
      producers = crew.startProducers();
      await this.#progress(producers, 1);
      await this.#rounds(stage, chosen, crew, producers);
      await this.#finish(stage, crew, producers);
      await atEnd();
    } catch (error) {
      this.#ledger.accuse((error as Error).message);
    } finally {
      // Ends cleanly what is still connected, which takes a broker.
      await Promise.all([...(crew?.consumers ?? []), ...producers].map((client) => client.end()));
      await crew?.retained.end();
      await stage.close();
    }
    closeLedger(this.#ledger);
  }

  async #rounds<Kind extends Stage>(
    stage: Kind,
    faults: readonly Fault<Kind>[],
    crew: Crew,
    producers: readonly SoakProducer[],
  ): Promise<void> {
    const scene = this.#sceneOn(stage, crew, producers);
    const endMs = performance.now() + this.#options.milliseconds;
    do {
      for (const fault of this.#random.shuffled(faults)) {
        await this.#strike(scene, fault, crew);
        await this.#progress(producers, this.#random.between(1, betweenMax));
        if (this.#ledger.accusations.length > 0) return;
      }
    } while (performance.now() < endMs);
  }

  #sceneOn<Kind extends Stage>(stage: Kind, crew: Crew, producers: readonly SoakProducer[]): Scene<Kind> {
    const clients = [...crew.consumers, ...producers, crew.retained];
    return {
      stage,
      random: this.#random,
      tally: this.#tally,
      cutClients: () => {
        for (const client of clients) client.cut();
      },
      sendConsumersAway: () => {
        const chosen = this.#random.shuffled(crew.consumers).slice(this.#random.between(0, crew.consumers.length - 1));
        for (const { rotation } of chosen) rotation.away = true;
        for (const client of chosen) client.cut();
        return () => {
          for (const { rotation } of chosen) rotation.away = false;
        };
      },
      linger: (leader) => linger(this.#ledger, crew.places, leader),
      confirmed: (messages) => {
        const total = this.#ledger.confirmed + messages;
        return until(`${messages} more confirms`, () => this.#ledger.confirmed >= total, progressMs);
      },
    };
  }

  async #strike<Kind extends Stage>(scene: Scene<Kind>, fault: Fault<Kind>, crew: Crew): Promise<void> {
    const leader = await untilLeader(scene.stage);
    const { confirmed, delivered } = this.#ledger;
    this.#options.note(
      `${confirmed} confirmed, ${delivered} delivered; now ${fault.name} (broker ${leader.name} leads)`,
    );
    this.#tally.count(fault.name);
    await fault.run(scene, leader);
    await untilLeader(scene.stage);
    await crew.retained.look();
  }

  /** Every producer and every consumer goes on, and so many more messages are confirmed. */
  async #progress(producers: readonly SoakProducer[], messages: number): Promise<void> {
    const { ledger } = { ledger: this.#ledger };
    const confirmed = ledger.producers.map((producer) => producer.confirmed);
    const delivered = ledger.queues.map((queue) => queue.delivered);
    const total = ledger.confirmed + messages;
    const stuck = (): string[] => [
      ...ledger.producers.filter((producer, at) => producer.confirmed === confirmed[at]).map(({ name }) => name),
      ...ledger.queues.filter((queue, at) => queue.delivered === delivered[at]).map(({ plan }) => plan.name),
    ];
    try {
      await until("progress", () => ledger.confirmed >= total && stuck().length === 0, progressMs);
    } catch {
      const waiting = producers.filter(({ idle }) => !idle).map(({ name }) => name);
      throw new Error(
        `no progress within ${progressMs} ms: nothing from ${stuck().join(", ") || "nobody"}; ` +
          `${ledger.confirmed - total + messages} of ${messages} confirmed; unanswered: ${waiting.join(", ") || "none"}`,
      );
    }
  }

  /** Everything confirmed comes; and what was acknowledged before a last kill does not come behind it. */
  async #finish(stage: Stage, crew: Crew, producers: readonly SoakProducer[]): Promise<void> {
    this.#options.note("no more faults: everything confirmed has to come");
    for (const producer of producers) producer.stop();
    crew.retained.stop();
    await this.#settle(crew, producers);
    const leader = await untilLeader(stage);
    await this.#checkMemory(leader);
    this.#options.note("everything has come; a last kill -9");
    await leader.end("SIGKILL");
    leader.start();
    await untilLeader(stage);
    for (const producer of producers) producer.resume(lastMessages);
    await this.#progress(producers, lastMessages * producers.length);
    await this.#settle(crew, producers);
    await crew.retained.look();
  }

  /** A broker that has nothing more to do has nothing left of what it did. */
  async #checkMemory(leader: Slot): Promise<void> {
    const tally = this.#tally;
    const isFlat = (): boolean => leader.residentMiB <= tally.startMiB + growthMiBMax;
    await until("flat memory", isFlat, flatMs).catch(() =>
      this.#ledger.accuse(
        `memory does not come down: ${leader.residentMiB.toFixed(0)} MiB, ${tally.startMiB.toFixed(0)} at the start`,
      ),
    );
    tally.endMiB = leader.residentMiB;
  }

  async #settle(crew: Crew, producers: readonly SoakProducer[]): Promise<void> {
    const clients = [...producers, ...crew.consumers, crew.retained];
    const completion = new Completion(this.#ledger);
    let deliveredBefore = -1;
    for (;;) {
      const done = (): boolean => clients.every(({ idle }) => idle) && completion.firstMissing() === null;
      const settled = await until("all", done, progressMs).then(
        () => true,
        () => false,
      );
      if (settled) return;
      if (this.#ledger.delivered === deliveredBefore) {
        const busy = clients.filter(({ idle }) => !idle).map(({ name }) => name);
        throw new Error(
          `does not come: ${completion.firstMissing() ?? "nothing"}; busy: ${busy.join(", ") || "nobody"}`,
        );
      }
      deliveredBefore = this.#ledger.delivered;
    }
  }
}
