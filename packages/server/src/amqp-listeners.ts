import { type AmqpAdapter, createAmqpAdapter, type ListenOptions } from "@jackalope/amqp-adapter";
import type { Broker } from "@jackalope/core";
import type { Door } from "@jackalope/transport";
import type { Config } from "./config/config.ts";
import type { PortOpener } from "./port-opener.ts";

/** Ports of AMQP that are listened on; null for none. */
export interface AmqpPorts {
  readonly amqp: number | null;
  readonly amqpTls: number | null;
}

/** The adapter as the settings want it, with no port open yet. */
export function configuredAmqpAdapter(broker: Broker, config: Config, door: Door): AmqpAdapter {
  const { heartbeat, frameMax, channelMax, handshakeTimeout } = config;
  return createAmqpAdapter({
    broker,
    door,
    limits: {
      heartbeatSeconds: Math.round(heartbeat / 1000),
      frameBytesMax: frameMax,
      channelsMax: channelMax,
      handshakeTimeoutMs: handshakeTimeout,
    },
  });
}

/** Opens the listeners that the settings ask for. Throws StartError. */
export async function listenAmqp(adapter: Pick<AmqpAdapter, "listen">, opener: PortOpener): Promise<AmqpPorts> {
  const listen = (options: ListenOptions) => adapter.listen(options);
  return { amqp: await opener.open("amqpPort", listen), amqpTls: await opener.openTls("amqpTlsPort", listen) };
}
