import type { Containment } from "@jackalope/core/adapter";
import type { Transport, TransportListener } from "./transport.ts";

/** Keeps what a listener throws the business of its own stream, which it ends. */
export class ContainedListener<L extends TransportListener> implements TransportListener {
  readonly listener: L;
  readonly #transport: Transport;
  readonly #containment: Containment;

  constructor(listener: L, transport: Transport, containment: Containment) {
    this.listener = listener;
    this.#transport = transport;
    this.#containment = containment;
  }

  onData(chunk: Buffer): void {
    try {
      this.listener.onData(chunk);
    } catch (error) {
      this.#failed(error);
    }
  }

  onHandshakeTimeout(): void {
    try {
      this.listener.onHandshakeTimeout();
    } catch (error) {
      this.#failed(error);
    }
  }

  onClose(): void {
    try {
      this.listener.onClose();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    const peer = `${this.#transport.remoteAddress}:${this.#transport.remotePort}`;
    this.#containment.failed("socket", error, { peer });
    this.#containment.run("socket", () => this.#transport.destroy());
  }
}
