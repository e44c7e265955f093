import type { Broker, ClientConnection } from "@jackalope/core/adapter";

/** A connection of guest's, or of another user's, without a protocol, for topology and messages. The caller closes it. */
export function connectGuest(broker: Broker, virtualHost = "/", userName = "guest"): ClientConnection {
  const user = broker.users.find(userName);
  if (user === undefined) throw new Error(`there is no user '${userName}'`);
  const facts = { name: "test", protocol: "test", peer: "test" };
  return broker.openConnection({ virtualHost, user, ...facts, onClose: () => undefined });
}
