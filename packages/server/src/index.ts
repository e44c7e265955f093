/** The broker for use inside other programs. */
export { createBroker, type CreateBrokerOptions, type EmbeddedBroker } from "./create-broker.ts";
export { ConfigError } from "./config/resolve-config.ts";
export { StartError } from "./start-error.ts";
export type { Config } from "./config/config.ts";
export { ClosedEarlyError, type Ports } from "./broker-life.ts";
export type { BrokerState } from "./broker-state.ts";
