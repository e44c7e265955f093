/** A Jackalope broker below an aedes server: its emitter, its persistence, and listeners that are served by it. */
export { type AedesAdapter, createAedesAdapter } from "./adapter.ts";
export { type AedesEmitter, type AedesEmitterOptions, createAedesEmitter } from "./emitter.ts";
export type { AedesLimits } from "./limits.ts";
export { type AedesPersistence, type AedesPersistenceOptions, createAedesPersistence } from "./persistence.ts";
