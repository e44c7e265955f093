import {
  type Broker,
  BrokerError,
  type ClientConnection,
  type ConnectionOptions,
  type User,
} from "@jackalope/core/adapter";
import { isForeignPage, isUnnamedPage, type Transport } from "@jackalope/transport";
import { MqttError } from "./mqtt-error.ts";
import type { AnonymousUser } from "./options.ts";
import type { ConnectPacket } from "./rare-packets.ts";
import { reasonCodes } from "./reason-codes.ts";
import type { Version } from "./version.ts";

/** What an adapter knows about logins. */
export interface LoginTerms {
  readonly broker: Broker;
  readonly anonymousUser: AnonymousUser | null;
  readonly defaultVirtualHost: string;
  readonly virtualHostInUserName: boolean;
}

/** Who a client is. */
export interface ClientIdentity {
  readonly user: User;
  readonly virtualHost: string;
  readonly version: Version;
}

/** How versions are called in lists of connections and in the log. */
export const protocolNames = { 3: "MQTT 3.1", 4: "MQTT 3.1.1", 5: "MQTT 5.0" } as const;

/** Finds out who sent a CONNECT. Rejects with MqttError. */
export async function identifyClient(
  packet: ConnectPacket,
  transport: Transport,
  terms: LoginTerms,
): Promise<ClientIdentity> {
  const { broker, anonymousUser } = terms;
  const { username, password, protocolVersion: version } = packet;
  let virtualHost = terms.defaultVirtualHost;
  let user: User | null = null;
  if (username !== undefined) {
    const [named, name] = splitUserName(username, terms.virtualHostInUserName);
    virtualHost = named ?? virtualHost;
    user = await broker.authenticate(name, password?.toString() ?? "", transport.remoteAddress);
  } else if (isUnnamedPage(transport)) {
    // A browser shows its user's certificate for any page.
    throw accessRefused("a page that mqtt-origins does not name needs a user name and a password");
  } else if (transport.peerName !== null) {
    user = broker.users.admit(transport.peerName, transport.remoteAddress);
  } else if (password === undefined && anonymousUser !== null) {
    user = await broker.authenticate(anonymousUser.name, anonymousUser.password, transport.remoteAddress);
  }
  if (user !== null && isForeignPage(transport) && broker.users.isLocalOnly(user.name)) {
    const fields = { user: user.name, peer: transport.remoteAddress, origin: transport.origin };
    const text = `login refused: user '${user.name}' is not for pages that mqtt-origins does not name`;
    broker.users.refusals.warn(transport.remoteAddress, fields, text);
    user = null;
  }
  if (user === null) throw accessRefused("access refused");
  // A virtual host that does not exist and one that is forbidden sound the same.
  if (!broker.virtualHosts.has(virtualHost) || !user.mayAccess(virtualHost)) {
    const text = `access to virtual host '${virtualHost}' refused`;
    throw new MqttError(reasonCodes.notAuthorized, "MQTT-3.1.4-2", text);
  }
  return { user, virtualHost, version };
}

function accessRefused(text: string): MqttError {
  return new MqttError(reasonCodes.badUserNameOrPassword, "MQTT-3.1.4-2", text);
}

/** `vhost:user`, as in RabbitMQ; a name with more colons is taken as it stands. */
function splitUserName(text: string, splits: boolean): readonly [virtualHost: string | null, name: string] {
  const parts = text.split(":");
  if (!splits || parts.length !== 2) return [null, text];
  const [virtualHost = "", name = ""] = parts;
  return [virtualHost, name];
}

/** The core's side of a client. Throws MqttError where the broker takes no more. */
export function openClient(
  broker: Broker,
  identity: ClientIdentity,
  facts: Pick<ConnectionOptions, "name" | "peer" | "clientId" | "wire">,
  onClose: (reason: string) => void,
): ClientConnection {
  const { virtualHost, user, version } = identity;
  try {
    return broker.openConnection({ virtualHost, user, protocol: protocolNames[version], ...facts, onClose });
  } catch (error) {
    // User and virtual host were looked at: what is left is the number of connections.
    if (!(error instanceof BrokerError)) throw error;
    throw new MqttError(reasonCodes.quotaExceeded, "MQTT-3.1.4-2", error.message);
  }
}
