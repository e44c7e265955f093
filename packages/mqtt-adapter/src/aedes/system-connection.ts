import { User } from "@jackalope/core";
import type { Broker, ClientConnection } from "@jackalope/core/adapter";

const everything = { configure: ".*", write: ".*", read: ".*" };

/**
 * A connection of the aedes server itself, which belongs to the program and may do everything: its clients' permissions
 * are its own hooks' business. `onClose` is called when the broker ends it. Throws BrokerError for a virtual host that
 * does not exist.
 */
export function connectSystem(broker: Broker, virtualHost: string, onClose: () => void): ClientConnection {
  const user = new User("aedes", "", []);
  user.setPermissions(virtualHost, everything);
  const facts = { name: "aedes", protocol: "aedes", peer: "local", isSystem: true };
  return broker.openConnection({ virtualHost, user, ...facts, onClose });
}
