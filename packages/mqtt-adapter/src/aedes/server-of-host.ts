import { Aedes, type AuthenticateError, type Client } from "aedes";
import type { Broker, ClientConnection, Logger } from "@jackalope/core/adapter";
import { MqttError } from "../mqtt-error.ts";
import type { MqttLimits } from "../options.ts";
import { connectReturnCode, reasonCodes } from "../reason-codes.ts";
import { checkPublish, subscriptionRefusal } from "./client-permissions.ts";
import type { AedesConnection } from "./connection.ts";
import { createAedesEmitter } from "./emitter.ts";
import { type AedesPersistence, createAedesPersistence } from "./persistence.ts";
import { TransportStream } from "./transport-stream.ts";

export interface HostServerOptions {
  readonly broker: Broker;
  readonly logger: Logger;
  /** By name. */
  readonly virtualHost: string;
  readonly exchange: string;
  readonly limits: MqttLimits;
}

/** MQTT 3.1.1, table 3.1. */
const notAuthorized = 5;

/** The aedes server of one virtual host, with the broker's users and permissions. */
export class HostServer {
  readonly #options: HostServerOptions;
  readonly #clients = new Map<string, ClientConnection>();
  #aedes: Aedes | null = null;
  #persistence: AedesPersistence | null = null;

  constructor(options: HostServerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { broker, virtualHost, exchange, limits, logger } = this.#options;
    const shared = { broker, virtualHost, exchange, limits };
    const userOf = (clientId: string): string | null => this.#clients.get(clientId)?.user.name ?? null;
    const persistence = createAedesPersistence({ ...shared, userOf });
    this.#persistence = persistence;
    const mq = createAedesEmitter({
      ...shared,
      publisherOf: ({ clientId }) => (typeof clientId === "string" ? (this.#clients.get(clientId) ?? null) : null),
    });
    const aedes = new Aedes({
      mq,
      persistence,
      connectTimeout: limits.handshakeTimeoutMs,
      drainTimeout: limits.stalledTimeoutMs,
      maxClientsIdLength: limits.clientIdBytesMax,
      maxInflightInbound: limits.receiveMaximum,
      authenticate: (client, _name, _password, done) => this.#authenticate(client, done),
      authorizePublish: (client, packet, done) => done(this.#publishRefusal(client, packet.topic)),
      authorizeSubscribe: (client, subscription, done) => {
        const refusal = this.#subscribeRefusal(client, subscription.topic);
        // MQTT 3.1 has no code for a refusal.
        if (refusal !== null && Number(client.version) === 3) done(refusal);
        else done(null, refusal === null ? subscription : null);
      },
    });
    const warn = (client: Client, error: Error): void => {
      logger.info({ clientId: client.id, reason: error.message }, "aedes ended a connection");
    };
    aedes.on("clientError", warn);
    aedes.on("connectionError", warn);
    aedes.on("connackSent", (_connack, client) => connectionOf(client).admitted());
    // aedes has no event type for it, and an 'error' that nobody listens to ends the process.
    aedes.on("error" as "clientError", (error: unknown) => {
      logger.error({ virtualHost, reason: String(error) }, "the aedes server failed");
    });
    try {
      await aedes.listen();
    } catch (error) {
      mq.close();
      throw error;
    }
    this.#aedes = aedes;
  }

  /** Takes a client that was identified. */
  serve(stream: TransportStream): void {
    if (this.#aedes === null) throw new Error("the aedes server is not running");
    this.#aedes.handle(stream);
  }

  /** Ends all clients, publishes their wills, and lets go of the virtual host. */
  close(): Promise<void> {
    const aedes = this.#aedes;
    this.#aedes = null;
    return aedes === null ? Promise.resolve() : new Promise((resolve) => aedes.close(() => resolve()));
  }

  #authenticate(client: Client, done: (error: AuthenticateError | null, success: boolean | null) => void): void {
    try {
      const connection = connectionOf(client);
      const own = connection.open(client.id, () => client.close());
      this.#requireOwnId(client.id, own.user.name);
      // The will is left with the server now: later there may be nobody to ask.
      if (connection.willTopic !== null) checkPublish(own, this.#options.exchange, connection.willTopic);
      this.#clients.set(client.id, own);
      connection.onGone = () => {
        if (this.#clients.get(client.id) === own) this.#clients.delete(client.id);
      };
      done(null, true);
    } catch (error) {
      const code = error instanceof MqttError ? connectReturnCode(error.reasonCode) : null;
      done(Object.assign(error as Error, { returnCode: code ?? notAuthorized }), null);
    }
  }

  /** Throws MqttError where the client id is another user's, connected or not. */
  #requireOwnId(clientId: string, userName: string): void {
    const owner = this.#clients.get(clientId)?.user.name ?? this.#persistence?.ownerOf(clientId) ?? null;
    if (owner === null || this.#options.broker.mayTakeOver(owner, userName)) return;
    const text = "the client id is another user's";
    throw new MqttError(reasonCodes.clientIdentifierNotValid, "MQTT 3.1.1 MQTT-3.1.3-9", text);
  }

  /** The will of a client that is long gone has nobody to ask: it was looked at when the client brought it. */
  #publishRefusal(client: Client | null, topic: string): Error | null {
    if (client === null) return null;
    const own = connectionOf(client).client;
    if (own === null) return new Error("the client is not connected");
    try {
      checkPublish(own, this.#options.exchange, topic);
      return null;
    } catch (error) {
      this.#warn(own, topic, error as Error, "publish refused");
      return error as Error;
    }
  }

  #subscribeRefusal(client: Client, filter: string): Error | null {
    const own = connectionOf(client).client;
    if (own === null) return new Error("the client is not connected");
    const memoryIsLow = this.#options.broker.alarms.isOn("memory");
    const reason = memoryIsLow
      ? "the subscription is not taken: memory is low"
      : subscriptionRefusal(own, this.#options.exchange, client.id, filter);
    if (reason === null) return null;
    const refusal = new Error(reason);
    this.#warn(own, filter, refusal, "subscription refused");
    return refusal;
  }

  #warn(own: ClientConnection, topic: string, error: Error, text: string): void {
    const { peer, user } = own.options;
    this.#options.logger.warn({ peer, user: user.name, topic, reason: error.message }, text);
  }
}

function connectionOf(client: Client): AedesConnection {
  if (client.conn instanceof TransportStream) return client.conn.connection;
  throw new Error("a connection that did not come through the adapter");
}
