import type { DoorLimits } from "@jackalope/transport";
import type { LimitRows } from "./limit-row.ts";

/** The bounds of the way in. */
export const doorRows: LimitRows<DoorLimits> = {
  unauthenticatedPerAddressMax: {
    setting: "unauthenticatedPerAddressMax",
    counts: "connections of one address that have not logged in",
    atBound: "a newer one is closed",
  },
  descriptorReserve: {
    counts: "descriptors of the process that clients do not get: the store, its files, listeners and the log",
    atBound: "a newer connection is closed",
  },
  managementReserve: {
    counts: "connections to the management port beyond the bound, so that a full broker can say that it is",
    atBound: "a newer one is closed",
  },
  managementIdleMax: {
    counts: "connections to the management port without a request, where clients are refused already",
    atBound: "the oldest is closed",
  },
  httpHeadBytesMax: { counts: "head of an HTTP request, a WebSocket's too", atBound: "431" },
};
