import { describe, expect, test } from "vitest";
import { type Listener, listenEverywhere } from "../src/listen-everywhere.ts";

class RefusingListener implements Listener {
  readonly asked: string[] = [];
  readonly #refusals: Readonly<Record<string, string>>;

  constructor(refusals: Readonly<Record<string, string>>) {
    this.#refusals = refusals;
  }

  listen({ host, port }: { host: string; port: number }): Promise<{ port: number }> {
    this.asked.push(`${host} ${port}`);
    const code = this.#refusals[host];
    if (code !== undefined) return Promise.reject(Object.assign(new Error(`listen ${code}`), { code }));
    return Promise.resolve({ port: port === 0 ? 40_000 : port });
  }
}

describe("listenEverywhere", () => {
  test("uses the free port of the first address for the others too", async () => {
    const listener = new RefusingListener({});
    expect(await listenEverywhere(listener, ["127.0.0.1", "::1"], 0, "amqpPort")).toBe(40_000);
    expect(listener.asked).toEqual(["127.0.0.1 0", "::1 40000"]);
  });

  test.each(["EAFNOSUPPORT", "EADDRNOTAVAIL"])("takes IPv4 alone where :: fails with %s", async (code) => {
    const listener = new RefusingListener({ "::": code });
    await listenEverywhere(listener, ["::"], 5672, "amqpPort");
    expect(listener.asked).toEqual([":: 5672", "0.0.0.0 5672"]);
  });

  test.each([
    ["EADDRINUSE", "amqp-port: port 5672 on 127.0.0.1 is in use by another program"],
    ["EACCES", "amqp-port: this user may not listen on port 5672"],
    ["EADDRNOTAVAIL", "amqp-port: 127.0.0.1 is not an address of this machine (bind)"],
    ["EMFILE", "amqp-port: cannot listen on port 5672 of 127.0.0.1: listen EMFILE"],
  ])("%s becomes a line that names the setting", async (code, text) => {
    const listener = new RefusingListener({ "127.0.0.1": code });
    await expect(listenEverywhere(listener, ["127.0.0.1"], 5672, "amqpPort")).rejects.toThrow(text);
  });
});
