import type { Containment } from "@jackalope/core/adapter";
import type { Transport, TransportListener } from "./transport.ts";

/** A client's connection as its protocol has it. */
export interface ProtocolConnection extends TransportListener {
  /** Ends it at once. */
  destroy(): void;
}

/** Keeps what a listener throws the business of its own stream, which it ends. */
export class ContainedListener<C extends ProtocolConnection> implements TransportListener {
  readonly connection: C;
  readonly #transport: Transport;
  readonly #containment: Containment;

  constructor(connection: C, transport: Transport, containment: Containment) {
    this.connection = connection;
    this.#transport = transport;
    this.#containment = containment;
  }

  onData(chunk: Buffer): void {
    try {
      this.connection.onData(chunk);
    } catch (error) {
      this.failed(error);
    }
  }

  onHandshakeTimeout(): void {
    try {
      this.connection.onHandshakeTimeout();
    } catch (error) {
      this.failed(error);
    }
  }

  onClose(): void {
    try {
      this.connection.onClose();
    } catch (error) {
      this.failed(error);
    }
  }

  /** A fault of ours ends it: its own end comes first, which says so in the log. */
  failed(error: unknown): void {
    const peer = `${this.#transport.remoteAddress}:${this.#transport.remotePort}`;
    this.#containment.failed("socket", error, { peer });
    this.#containment.run("socket", () => this.connection.destroy());
    this.#containment.run("socket", () => this.#transport.destroy());
  }
}
