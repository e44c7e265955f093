import { TopologyAccounts } from "./account/topology-accounts.ts";
import { withTopologyBounds } from "./account/topology-bounds.ts";
import { Alarms } from "./alarms.ts";
import type { User } from "./auth/user.ts";
import { LoginDelays } from "./auth/login-delays.ts";
import { UserDirectory } from "./auth/user-directory.ts";
import { ClientConnection, type ConnectionOptions } from "./client-connection.ts";
import type { Clock } from "./clock.ts";
import { Containment } from "./containment.ts";
import { definitionKey, definitionValue } from "./definitions.ts";
import { BrokerError } from "./errors.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { HeldTotal } from "./held-frames.ts";
import { inBackgroundSlices, inSlices } from "./long-act.ts";
import { type Logger, silentLogger } from "./logger.ts";
import { OutboxRoom } from "./outbox-room.ts";
import { Recovery } from "./recovery.ts";
import { topicExchange } from "./reply-path.ts";
import type { SpillArea } from "./spill-area.ts";
import type { StorageEngine } from "./storage-engine.ts";
import { type PublisherHold, Store } from "./store.ts";
import { SystemClock } from "./system-clock.ts";
import { Totals } from "./totals.ts";
import { Turn } from "./turn.ts";
import { type BrokerParts, VirtualHost } from "./virtual-host.ts";
import { emptyingVirtualHost } from "./virtual-host-removal.ts";

/** The user that a new, empty broker gets, with every permission on the virtual host `/`. */
export interface DefaultUser {
  readonly name: string;
  readonly password: string;
  readonly tags: readonly string[];
}

export interface BrokerOptions {
  readonly storage: StorageEngine;
  /** Where backlogs go that the engine does not keep. Default: nowhere, they stay in memory. Closed with the broker. */
  readonly spillArea?: SpillArea | null;
  readonly clock?: Clock;
  readonly turn?: Turn;
  readonly logger?: Logger;
  readonly limits?: Partial<Limits>;
  /** Default: guest, guest, administrator. */
  readonly defaultUser?: DefaultUser;
  /** Users that may only come from this machine. Default: guest. */
  readonly loopbackUsers?: readonly string[];
  /** Adds headers that tell who published it to every message: `x-origin-protocol`, -user, -peer, -client-id. */
  readonly addsOrigin?: boolean;
  /** The broker cannot keep what it promised by going on, and is to be closed. The log says it in any case. */
  readonly onBroken?: (error: Error) => void;
  /**
   * Lets a user take over the MQTT sessions and durable STOMP subscriptions of other users, who are those that come with
   * the same client id, or destination and id. Default false.
   */
  readonly sessionsAcrossUsers?: boolean;
}

const guest: DefaultUser = { name: "guest", password: "guest", tags: ["administrator"] };
const defaultVirtualHost = "/";
/** More than a broker can have declared without an answer of the store: four commits of 4096 definitions. */
const unconfirmedQueuesMax = 16_384;

/** The broker without a wire: virtual hosts, users, connections, and the store behind them. */
export class Broker implements BrokerParts {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly store: Store;
  readonly users: UserDirectory;
  /** Takes what should not have been thrown, so that it stays the failure of one thing. */
  readonly containment: Containment;
  readonly alarms: Alarms;
  readonly totals: Totals = new Totals();
  readonly topologyAccounts: TopologyAccounts;
  /** What connections hold back while an alarm is on. */
  readonly heldTotal: HeldTotal = new HeldTotal();
  readonly addsOrigin: boolean;
  readonly #sessionsAcrossUsers: boolean;
  readonly #loginDelays: LoginDelays;
  /** The topic exchange that MQTT's topics are routing keys of: reply paths lead there. The MQTT adapter sets it. */
  mqttExchange: string = topicExchange;
  readonly #virtualHosts = new Map<string, VirtualHost>();
  /** What was deleted and is not empty yet. */
  readonly #leavingHosts = new Map<string, Promise<void>>();
  readonly #connections = new Set<ClientConnection>();
  #lastQueueId = 0;

  /** Opens the broker on a storage engine: recovers what it remembers, or makes `/` and the default user. */
  static async open(options: BrokerOptions): Promise<Broker> {
    const broker = new Broker(options);
    await broker.#recover(options.defaultUser ?? guest);
    return broker;
  }

  private constructor(options: BrokerOptions) {
    this.clock = options.clock ?? new SystemClock();
    this.limits = withTopologyBounds({ ...defaultLimits, ...options.limits });
    this.turn = options.turn ?? new Turn(this.clock, this.limits.turnBudgetMs, new OutboxRoom(this.limits));
    this.addsOrigin = options.addsOrigin ?? false;
    this.#sessionsAcrossUsers = options.sessionsAcrossUsers ?? false;
    const { loginDelayMsMax: delayMsMax, loginAddressesMax: addressesMax } = this.limits;
    this.#loginDelays = new LoginDelays({ clock: this.clock, delayMsMax, addressesMax });
    this.logger = options.logger ?? silentLogger;
    this.containment = new Containment(this.clock, this.logger, options.onBroken ?? (() => undefined));
    this.clock.onFailure = (error) => this.containment.failed("timer", error);
    this.turn.containment = this.containment;
    this.alarms = new Alarms(this.containment);
    this.topologyAccounts = new TopologyAccounts(this.limits, this.alarms);
    this.store = new Store(options.storage, options.spillArea ?? null, this);
    this.store.ownership.onCertain = () => {
      const resuming = inSlices(this.turn, this.#resumingQueues());
      if (resuming instanceof Promise) this.containment.watch("background", resuming);
    };
    this.users = new UserDirectory(this.store, this.logger, {
      loopbackUsers: options.loopbackUsers ?? [guest.name],
      // Routes remember the permission to publish along them.
      changed: () => {
        for (const host of this.#virtualHosts.values()) host.topologyVersion++;
      },
      deleted: (user) =>
        this.#endConnections((connection) => connection.user === user, `user '${user.name}' was deleted`),
    });
  }

  get storage(): StorageEngine {
    return this.store.engine;
  }

  get virtualHosts(): ReadonlyMap<string, VirtualHost> {
    return this.#virtualHosts;
  }

  get connections(): ReadonlySet<ClientConnection> {
    return this.#connections;
  }

  /** What the messages of all queues take in memory: `Store.messageBytes`. */
  get messageBytes(): number {
    return this.store.messageBytes;
  }

  /** What everything but messages weighs in memory, about: definitions, and what connections have open. */
  get topologyBytes(): number {
    return this.topologyAccounts.total.bytes;
  }

  /** True where the medium cannot keep up: adapters stop reading from connections that publish. */
  get publishersHeld(): boolean {
    return this.store.publishersHeld;
  }

  /** As `Store.holdsPublisher`. */
  holdsPublisher(): PublisherHold | null {
    return this.store.holdsPublisher();
  }

  /** As `Store.isHeld`. */
  isHeld(hold: PublisherHold): boolean {
    return this.store.isHeld(hold);
  }

  /** As `Store.whenPublishersFree`. */
  whenPublishersFree(run: () => void, hold: PublisherHold = "store"): () => void {
    return this.store.whenPublishersFree(run, hold);
  }

  nextQueueId(): number {
    return ++this.#lastQueueId;
  }

  /** Makes a virtual host with the predeclared exchanges; an existing one is fine. Resolves when durable. */
  async createVirtualHost(name: string): Promise<VirtualHost> {
    for (let leaving = this.#leavingHosts.get(name); leaving !== undefined; leaving = this.#leavingHosts.get(name)) {
      await leaving;
    }
    const existing = this.#virtualHosts.get(name);
    if (existing !== undefined) return existing;
    const host = this.#addVirtualHost(name);
    await this.store.whenDurable(this.store.put(definitionKey("vhost", name), definitionValue({})));
    return host;
  }

  /**
   * Removes a virtual host with everything in it; its connections are closed. It is gone at once, for good when its own
   * definition is. Resolves when nothing is left of it, which may be many turns later; its name waits for that as well.
   */
  deleteVirtualHost(name: string): Promise<void> {
    const host = this.#virtualHosts.get(name);
    if (host === undefined) return this.#leavingHosts.get(name) ?? Promise.resolve();
    this.#virtualHosts.delete(name);
    const removing = this.#removeVirtualHost(host).finally(() => this.#leavingHosts.delete(name));
    this.#leavingHosts.set(name, removing);
    return removing;
  }

  async #removeVirtualHost(host: VirtualHost): Promise<void> {
    const { name } = host;
    this.store.atomic(() => {
      this.users.forgetVirtualHost(name);
      this.store.put(definitionKey("vhost", name), null);
    });
    const ending = this.#ending((connection) => connection.virtualHost === host, `vhost '${name}' is deleted`);
    // Whoever is still connected could declare something behind what has been taken out.
    await inBackgroundSlices(this.turn, ending);
    for (const connection of this.#connections) if (connection.virtualHost === host) await connection.close()?.over;
    await inBackgroundSlices(this.turn, emptyingVirtualHost(host));
    this.topologyAccounts.forgetVirtualHost(name);
    // Behind everything else that was written.
    await this.store.whenDurable(this.store.put(definitionKey("vhost", name), null));
  }

  /**
   * The user, or null where the login is refused; the log says why. `remoteAddress` as the socket tells it: where many
   * logins failed that came from there, this one waits.
   */
  authenticate(name: string, password: string, remoteAddress: string): Promise<User | null> {
    const delayMs = this.#loginDelays.delayMs(remoteAddress);
    const check = (): User | null => {
      const user = this.users.authenticate(name, password, remoteAddress);
      if (user === null && this.#loginDelays.failed(remoteAddress)) {
        const fields = { peer: remoteAddress, delayMsMax: this.limits.loginDelayMsMax };
        this.logger.warn(
          fields,
          "many logins from this address were refused: its next ones wait before they are looked at",
        );
      }
      return user;
    };
    if (delayMs === 0) return Promise.resolve(check());
    return new Promise((resolve) => this.clock.after(delayMs, () => resolve(check())));
  }

  /**
   * True where a user may have what another one left under a name that clients choose: its own, what belongs to a user
   * that is none any more, and everything where the broker's options say so.
   */
  mayTakeOver(ownerName: string, userName: string): boolean {
    return ownerName === userName || this.#sessionsAcrossUsers || this.users.find(ownerName) === undefined;
  }

  /** Lets an authenticated client onto a virtual host. Throws not-allowed in RabbitMQ's words. */
  openConnection(options: ConnectionOptions): ClientConnection {
    const { virtualHost, user } = options;
    const host = this.#virtualHosts.get(virtualHost);
    if (host === undefined) throw new BrokerError("not-allowed", `vhost ${virtualHost} not found`);
    // So it is for a user that was deleted since its login, too.
    if (!user.mayAccess(virtualHost)) {
      throw new BrokerError("not-allowed", `access to vhost '${virtualHost}' refused for user '${user.name}'`);
    }
    const maximum = this.limits.connectionsMax;
    if (this.#connections.size >= maximum) {
      throw new BrokerError("not-allowed", `connection refused: node connection limit (${maximum}) is reached`);
    }
    const connection = new ClientConnection(this, host, options);
    this.#connections.add(connection);
    this.totals.connectionsOpened++;
    return connection;
  }

  /** Connections report their end. */
  connectionClosed(connection: ClientConnection): void {
    if (this.#connections.delete(connection)) this.totals.connectionsClosed++;
  }

  /** Closes every connection, commits what is buffered and closes the storage engine. Adapters close before. */
  async close(): Promise<void> {
    this.#endConnections(() => true, "shutdown");
    const forgotten = await this.turn.finishActs(this.limits.shutdownTimeoutMs);
    if (forgotten > 0)
      this.logger.warn({ acts: forgotten }, "acts under way were left undone: shutdownTimeoutMs is over");
    this.turn.end();
    await this.store.spillArea?.close();
    await this.store.engine.close();
    this.clock.close();
  }

  *#resumingQueues(): Generator<void, void> {
    for (const host of this.#virtualHosts.values()) {
      for (const queue of host.queues.values()) {
        this.containment.run("delivery", () => queue.resume());
        yield;
      }
    }
  }

  #endConnections(ends: (connection: ClientConnection) => boolean, reason: string): void {
    const ended = inSlices(this.turn, this.#ending(ends, reason));
    if (ended instanceof Promise) this.containment.watch("background", ended);
  }

  *#ending(ends: (connection: ClientConnection) => boolean, reason: string): Generator<void, void> {
    for (const connection of [...this.#connections].filter(ends)) {
      // One that cannot even say goodbye must not keep the others.
      this.containment.run("session", () => connection.options.onClose(reason));
      this.containment.run("session", () => connection.close());
      yield;
    }
  }

  #addVirtualHost(name: string): VirtualHost {
    const host = new VirtualHost(name, this);
    this.#virtualHosts.set(name, host);
    return host;
  }

  async #recover(defaultUser: DefaultUser): Promise<void> {
    const startedAtMs = this.clock.nowMs();
    const recovery = new Recovery({
      users: this.users,
      store: this.store,
      containment: this.containment,
      addVirtualHost: (name) => this.#addVirtualHost(name),
      virtualHost: (name) => this.#virtualHosts.get(name),
      queueIdSeen: (id) => {
        this.#lastQueueId = Math.max(this.#lastQueueId, id);
      },
    });
    await this.store.engine.recover(this.store, recovery);
    await this.store.spillArea?.open(this.store);
    recovery.build();
    recovery.begin();
    // What the broker before had not confirmed may come back from a remote medium much later (docs/redis.md, "An append-only
    // file that was torn"), and declare queues: nobody else gets their ids.
    if (this.store.engine.remote && this.#virtualHosts.size > 0) this.#lastQueueId += unconfirmedQueuesMax;
    for (const orphan of recovery.orphans) this.store.settle(orphan.queueId, orphan.lsn);
    if (this.#virtualHosts.size === 0) await this.#makeDefaults(defaultUser);
    const fields = { engine: this.store.engine.name, messages: recovery.messageCount };
    this.logger.info({ ...fields, tookMs: this.clock.nowMs() - startedAtMs }, "store opened");
  }

  async #makeDefaults(user: DefaultUser): Promise<void> {
    const made: Promise<unknown>[] = [];
    // In one piece: after a crash in between, the virtual host alone would look like a broker that has its users.
    this.store.atomic(() => {
      made.push(this.createVirtualHost(defaultVirtualHost));
      made.push(this.users.put(user.name, user.password, user.tags));
      made.push(this.users.setPermissions(user.name, defaultVirtualHost, { configure: ".*", write: ".*", read: ".*" }));
    });
    await Promise.all(made);
  }
}
