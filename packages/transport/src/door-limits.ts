/** Every bound of the way in; docs/limits.md explains them. */
export interface DoorLimits {
  /** Sockets of one address whose clients have not logged in. */
  readonly unauthenticatedPerAddressMax: number;
  /** Of the descriptors of a process, those that clients do not get: the store, its files, listeners and the log. */
  readonly descriptorReserve: number;
  /** Sockets for health checks and metrics beyond the bound: a full broker is no dead one, and must be able to say so. */
  readonly managementReserve: number;
  /** Sockets of the management port without a request, where clients are refused already. The oldest is closed. */
  readonly managementIdleMax: number;
  /** Head of an HTTP request, a WebSocket's too. */
  readonly httpHeadBytesMax: number;
}

export const defaultDoorLimits: DoorLimits = {
  unauthenticatedPerAddressMax: 4096,
  descriptorReserve: 192,
  managementReserve: 32,
  managementIdleMax: 16,
  httpHeadBytesMax: 16 * 1024,
};
