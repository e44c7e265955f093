import type { Broker, ClientConnection } from "@jackalope/core/adapter";

/** A connection of guest's without a protocol, for topology and messages. The caller closes it. */
export function connectGuest(broker: Broker, virtualHost = "/"): ClientConnection {
  const user = broker.users.find("guest");
  if (user === undefined) throw new Error("there is no guest");
  const facts = { name: "test", protocol: "test", peer: "test" };
  return broker.openConnection({ virtualHost, user, ...facts, onClose: () => undefined });
}
