import { hostname } from "node:os";
import type { User } from "@jackalope/core/adapter";
import { isForeignPage, isUnnamedPage } from "@jackalope/transport";
import type { FrameHead } from "./frame-head.ts";
import { headerNames } from "./header-names.ts";
import type { Session } from "./session.ts";
import { StompError } from "./stomp-error.ts";
import { type Version, versionList, versions } from "./version.ts";

/** What was agreed at login. */
export interface LoginResult {
  readonly version: Version;
  /** Heart-beat intervals in milliseconds, 0 for none. */
  readonly sendMs: number;
  readonly receiveMs: number;
}

const intervalMsMax = 24 * 60 * 60 * 1000;

/** CONNECT: version, heart-beats, who the client is, which virtual host. */
export class Login {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Throws StompError for whatever is refused, in RabbitMQ's words. */
  async run(head: FrameHead): Promise<void> {
    const session = this.#session;
    const { host, transport, stream } = session.wire;
    const { broker } = host;
    // STOMP 1.2 "Value Encoding": CONNECT does not escape, whatever its version.
    const version = negotiateVersion(head.get(headerNames.acceptVersion));
    const [sendMs, receiveMs] = heartbeats(head.get(headerNames.heartBeat), host.limits.heartbeatMsMin);
    const text = (header: Buffer): string | undefined => (version === "1.0" ? head.get(header) : head.plain(header));
    const named = text(headerNames.host) ?? host.defaultVirtualHost;
    // STOMP 1.2 "CONNECT": clients are recommended to put the name of the server here, and stomp.py does.
    const known = broker.virtualHosts.has(named);
    const virtualHost = !known && meansThisServer(named, transport.localAddress) ? host.defaultVirtualHost : named;
    const [login, passcode] = this.#credentials(text(headerNames.login), text(headerNames.passcode));
    const user = await broker.authenticate(login, passcode, transport.remoteAddress);
    if (session.state !== "authenticating") return;
    if (user !== null && isForeignPage(transport) && broker.users.isLocalOnly(user.name)) {
      const fields = { user: login, peer: stream.peer, origin: transport.origin };
      broker.users.refusals.warn(
        transport.remoteAddress,
        fields,
        `login refused: user '${login}' is not for pages that stomp-origins does not name`,
      );
      throw accessRefused(login);
    }
    if (user === null) throw accessRefused(login);
    requireVirtualHost(user, virtualHost, broker.virtualHosts.has(virtualHost));
    const protocol = `STOMP ${version}`;
    const client = broker.openConnection({
      virtualHost,
      user,
      name: stream.name,
      protocol,
      peer: stream.peer,
      onClose: (reason) => session.closeForced(reason),
      wire: stream,
    });
    session.opened(client, { version, sendMs, receiveMs });
    stream.log.opened({ user: login, virtualHost, version: protocol, transport: transport.kind });
  }

  #credentials(login: string | undefined, passcode: string | undefined): [login: string, passcode: string] {
    const { host, transport } = this.#session.wire;
    const { anonymousUser } = host;
    if (login === undefined && passcode === undefined && anonymousUser !== null) {
      if (isUnnamedPage(transport))
        throw badConnect("A page that stomp-origins does not name needs login and passcode\n");
      return [anonymousUser.name, anonymousUser.password];
    }
    if (login === undefined || passcode === undefined) throw badConnect("Missing login or passcode header(s)\n");
    return [login, passcode];
  }
}

function meansThisServer(host: string, localAddress: string): boolean {
  return host === localAddress || host === "localhost" || host === hostname();
}

function badConnect(explanation: string): StompError {
  return new StompError("Bad CONNECT", explanation);
}

function accessRefused(login: string): StompError {
  return badConnect(`Access refused for user '${login}'\n`);
}

/** A missing virtual host and a forbidden one sound the same: who may not see it does not learn of it. */
function requireVirtualHost(user: User, virtualHost: string, exists: boolean): void {
  if (!exists || !user.mayAccess(virtualHost)) throw badConnect(`Virtual host '${virtualHost}' access denied\n`);
}

/** The newest version that both speak; 1.0 where the client names none. */
function negotiateVersion(accepted: string | undefined): Version {
  if (accepted === undefined) return "1.0";
  const offered = new Set(accepted.split(",").map((text) => text.trim()));
  const common = versions.filter((version) => offered.has(version)).pop();
  if (common === undefined) throw new StompError("Version mismatch", `Supported versions are ${versionList}\n`);
  return common;
}

/**
 * What the server promises to send and wants to receive, from the client's `cx,cy`: as it offered, but no shorter than
 * the shortest interval allowed.
 */
function heartbeats(header: string | undefined, intervalMsMin: number): [sendMs: number, receiveMs: number] {
  if (header === undefined) return [0, 0];
  const match = /^ *(\d{1,15}) *, *(\d{1,15}) *$/.exec(header);
  if (match === null) throw badConnect(`Invalid heart-beat header '${header}'\n`);
  const agreed = (text: string | undefined): number => {
    const intervalMs = Number(text);
    return intervalMs === 0 ? 0 : Math.min(Math.max(intervalMs, intervalMsMin), intervalMsMax);
  };
  return [agreed(match[2]), agreed(match[1])];
}
