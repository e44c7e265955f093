import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import type { Peer, PeerName, PeerPlace, RunningPeer } from "./peer.ts";
import { peerNames } from "./peer.ts";

export interface BenchOptions {
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly quick: boolean;
  /** Peers keep their data below it. */
  readonly directory: string;
  readonly note: (text: string) => void;
}

/** Protocols beside AMQP that a peer has to speak. */
export interface PeerFeatures {
  readonly stomp?: boolean;
  readonly mqtt?: boolean;
}

/** The peers under measurement: each runs from its first use to the end, so that rounds can be interleaved. */
export class Bench {
  readonly rounds: number;
  readonly quick: boolean;
  readonly note: (text: string) => void;
  private readonly peers: readonly Peer[];
  private readonly directory: string;
  private readonly warm = new Map<string, RunningPeer>();
  private readonly started = new Set<RunningPeer>();

  constructor(options: BenchOptions) {
    this.peers = options.peers;
    this.rounds = options.rounds;
    this.quick = options.quick;
    this.note = options.note;
    mkdirSync(options.directory, { recursive: true });
    this.directory = mkdtempSync(join(options.directory, "jackalope-bench-"));
  }

  /** Those of the wanted peers that take part, in the table's order. */
  taking(wanted: readonly PeerName[]): readonly PeerName[] {
    return peerNames.filter((name) => wanted.includes(name) && this.peers.some((peer) => peer.name === name));
  }

  /** The running peer of that name, started on first use; one that speaks further protocols is another process. */
  async running(name: PeerName, features: PeerFeatures = {}): Promise<RunningPeer> {
    const key = `${name} ${features.stomp === true ? "STOMP" : ""} ${features.mqtt === true ? "MQTT" : ""}`;
    const running = this.warm.get(key) ?? (await this.startFresh(name, features));
    this.warm.set(key, running);
    return running;
  }

  /** A process with nothing in its past. The caller stops it, or the end of the bench does. */
  async startFresh(name: PeerName, features: PeerFeatures = {}): Promise<RunningPeer> {
    return this.startAt(name, await this.freshPlace(name, features));
  }

  /** A place where nobody was before. */
  async freshPlace(name: PeerName, features: PeerFeatures = {}): Promise<PeerPlace> {
    return {
      directory: mkdtempSync(join(this.directory, `${name}-`)),
      port: await freePort(),
      ...(features.stomp === true && { stomp: { port: await freePort(), webSocketPort: await freePort() } }),
      ...(features.mqtt === true && { mqttPort: await freePort() }),
    };
  }

  /** Starts a peer on a place that an earlier process of it left. */
  async startAt(name: PeerName, place: PeerPlace): Promise<RunningPeer> {
    const peer = this.peers.find((each) => each.name === name);
    if (peer === undefined) throw new Error(`${name} takes no part`);
    const running = await peer.start(place);
    this.started.add(running);
    return running;
  }

  async stop(peer: RunningPeer): Promise<void> {
    this.started.delete(peer);
    await peer.stop();
  }

  async kill(peer: RunningPeer): Promise<void> {
    this.started.delete(peer);
    await peer.kill();
  }

  async close(): Promise<void> {
    for (const peer of this.started) await peer.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
