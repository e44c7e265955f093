import type { RaisedAlarm } from "@jackalope/core";
import type { Health } from "@jackalope/management";

/**
 * Where a broker stands. Only brokers that share a store with others ever are at the second and third:
 *
 *     starting -> unreachable, standby -> starting -> serving -> stopping
 *         ^------------- lease lost ----------------------'
 */
export type BrokerState =
  /** Opens its store, or takes it over. */
  | { readonly kind: "starting" }
  /** The store does not answer; it keeps trying. */
  | { readonly kind: "unreachable"; readonly reason: string }
  /** Another broker serves from the store; `leader` is that broker's name of itself. */
  | { readonly kind: "standby"; readonly leader: string }
  /** Clients are served. */
  | { readonly kind: "serving" }
  | { readonly kind: "stopping" };

/** What /health/ready says. */
export function healthOf(state: BrokerState, storeHealthy: boolean, alarms: readonly RaisedAlarm[]): Health {
  switch (state.kind) {
    case "starting":
      return { ready: false, status: "unavailable", reason: "the broker is starting" };
    case "unreachable":
      return { ready: false, status: "unavailable", reason: `the store cannot be reached: ${state.reason}` };
    case "standby":
      return { ready: false, status: "standby", reason: `${state.leader} leads` };
    case "stopping":
      return { ready: false, status: "unavailable", reason: "the broker is stopping" };
    case "serving":
      return storeHealthy
        ? { ready: true, alarms }
        : { ready: false, status: "unavailable", reason: "the store cannot write" };
  }
}

/** What clients are told that come too early. Nobody has asked yet who they are: no names. */
export function refusalReason({ kind }: BrokerState): string {
  if (kind === "standby") return "this broker stands by while another one serves";
  return kind === "unreachable" ? "the broker waits for its store" : "the broker is starting";
}
