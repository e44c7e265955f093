import { type FieldTable, findField } from "@jackalope/core/adapter";
import { AmqpError, replyCodes } from "./amqp-error.ts";
import { frameOverheadBytes } from "./codec.ts";
import {
  connectionOpen,
  connectionOpenOk,
  connectionStart,
  connectionStartOk,
  connectionTune,
  connectionTuneOk,
} from "./methods/connection.ts";
import { type MethodArguments, methodKey } from "./methods/definition.ts";
import { decodeArguments } from "./methods/method-codec.ts";
import { mechanisms, readCredentials } from "./sasl.ts";
import { serverProperties } from "./server-properties.ts";
import type { Session } from "./session.ts";
import type { User } from "@jackalope/core/adapter";

const startOkKey = methodKey(connectionStartOk);
const tuneOkKey = methodKey(connectionTuneOk);
const openKey = methodKey(connectionOpen);
const clientNameLengthMax = 255;

/** start, tune, open: who the client is, how large things may be, which virtual host. */
export class Handshake {
  readonly #session: Session;
  #user: User | null = null;
  #clientName = "";

  constructor(session: Session) {
    this.#session = session;
  }

  start(): void {
    this.#session.send(0, connectionStart, {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: serverProperties(this.#session.wire.host.identity),
      mechanisms: Buffer.from(mechanisms),
      locales: Buffer.from("en_US"),
    });
  }

  /** Takes the method that the state waits for; false for every other. */
  onMethod(key: number, bytes: Buffer, start: number, end: number): boolean {
    switch (this.#session.state) {
      case "starting":
        if (key !== startOkKey || this.#user !== null) return false;
        this.#onStartOk(decodeArguments(connectionStartOk, bytes, start, end));
        return true;
      case "tuning":
        if (key !== tuneOkKey) return false;
        this.#onTuneOk(decodeArguments(connectionTuneOk, bytes, start, end));
        return true;
      case "opening":
        if (key !== openKey) return false;
        this.#onOpen(decodeArguments(connectionOpen, bytes, start, end));
        return true;
      default:
        return false;
    }
  }

  #onStartOk(values: MethodArguments<typeof connectionStartOk>): void {
    const session = this.#session;
    session.capabilities = trueKeys(values.clientProperties);
    const name = findField(values.clientProperties, "connection_name");
    if (name?.kind === "string") this.#clientName = name.value.slice(0, clientNameLengthMax);
    const credentials = readCredentials(values.mechanism, values.response);
    if (credentials === undefined)
      throw new AmqpError(replyCodes.commandInvalid, `unknown authentication mechanism '${values.mechanism}'`);
    if (credentials === null) {
      session.wire.stream.log.refused(`malformed ${values.mechanism} response`);
      this.#refuse(values.mechanism);
      return;
    }
    session.await(this.#authenticate(values.mechanism, credentials.name, credentials.password));
  }

  async #authenticate(mechanism: string, name: string, password: string): Promise<void> {
    const session = this.#session;
    const user = await session.wire.host.broker.authenticate(name, password, session.wire.remoteAddress);
    if (session.state !== "starting") return;
    if (user === null) {
      this.#refuse(mechanism);
      return;
    }
    this.#user = user;
    session.state = "tuning";
    const { limits } = session.wire.host;
    session.send(0, connectionTune, {
      channelMax: limits.channelsMax,
      frameMax: limits.frameBytesMax,
      heartbeat: limits.heartbeatSeconds,
    });
  }

  /** Clients that asked for it hear why; others see the socket close, as the protocol's authors meant it. */
  #refuse(mechanism: string): void {
    const session = this.#session;
    if (!session.capabilities.has("authentication_failure_close")) {
      session.refuseSilently();
      return;
    }
    const text = `Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`;
    session.close(replyCodes.accessRefused, text);
  }

  #onTuneOk(values: MethodArguments<typeof connectionTuneOk>): void {
    const session = this.#session;
    const { limits } = session.wire.host;
    requireNegotiated("frame_max", values.frameMax, limits.frameBytesMin, limits.frameBytesMax);
    requireNegotiated("channel_max", values.channelMax, 1, limits.channelsMax);
    session.payloadBytesMax = values.frameMax - frameOverheadBytes;
    session.channelsMax = values.channelMax;
    session.wire.limitFrames(values.frameMax);
    session.wire.startHeartbeat(values.heartbeat);
    session.state = "opening";
  }

  #onOpen(values: MethodArguments<typeof connectionOpen>): void {
    const session = this.#session;
    const { broker } = session.wire.host;
    const { stream } = session.wire;
    const client = broker.openConnection({
      virtualHost: values.virtualHost,
      user: this.#user as User,
      name: stream.name,
      protocol: "AMQP 0-9-1",
      peer: stream.peer,
      onClose: (reason) => session.closeForced(reason),
      wire: stream,
    });
    session.opened(client);
    session.send(0, connectionOpenOk, { knownHosts: "" });
    const { virtualHost } = values;
    const version = "AMQP 0-9-1";
    const facts = { user: session.userName, virtualHost, version, transport: "TCP", clientName: this.#clientName };
    stream.log.opened(facts);
  }
}

/** 0 is "no limit", which is more than any limit of ours. Throws 530 in RabbitMQ's words. */
function requireNegotiated(name: string, value: number, min: number, max: number): void {
  if (value !== 0 && value < min) {
    const text = `negotiated ${name} = ${value} is lower than the minimum allowed value (${min})`;
    throw new AmqpError(replyCodes.notAllowed, text);
  }
  if (value === 0 || value > max) {
    const shown = value === 0 ? "0 (no limit)" : `${value}`;
    const text = `negotiated ${name} = ${shown} is higher than the maximum allowed value (${max})`;
    throw new AmqpError(replyCodes.notAllowed, text);
  }
}

function trueKeys(clientProperties: FieldTable): ReadonlySet<string> {
  const keys = new Set<string>();
  const capabilities = findField(clientProperties, "capabilities");
  if (capabilities?.kind !== "table") return keys;
  for (const [key, value] of capabilities.value) if (value.kind === "boolean" && value.value) keys.add(key);
  return keys;
}
