import { randomUUID } from "node:crypto";

/** The broker that a test file of `clients` talks to. */
export interface Target {
  /** With user and password, without a virtual host. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  close(): Promise<void>;
}

/** Names another broker for the tests of `clients`, which makes them a check of compatibility. */
const targetVariable = "JACKALOPE_TEST_AMQP_URL";

/** Starts a broker in this process, or returns the one that JACKALOPE_TEST_AMQP_URL names. */
export async function startTarget(): Promise<Target> {
  const given = process.env[targetVariable];
  if (given !== undefined && given !== "") return targetOf(given, () => Promise.resolve());
  const { createBroker } = await import("@jackalope/server");
  const broker = await createBroker();
  return targetOf(broker.url, () => broker.close());
}

/** A target at `url`. */
export function targetOf(url: string, close: () => Promise<void>): Target {
  const { hostname, port, username, password } = new URL(url);
  return {
    url,
    host: hostname,
    port: Number(port === "" ? 5672 : port),
    username: decodeURIComponent(username === "" ? "guest" : username),
    password: decodeURIComponent(password === "" ? "guest" : password),
    close,
  };
}

/** A name that no other test uses, so that tests can share a broker, and a broker can be used twice. */
export function freshName(purpose: string): string {
  return `test.${purpose}.${randomUUID().slice(0, 13)}`;
}
