import { connect as connectTls } from "node:tls";
import { certificate, privateKey } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { startAdapter } from "./adapter-fixture.ts";
import { header, RawClient } from "./raw-client.ts";

describe("a listener", () => {
  it("takes IPv4 and IPv6 where no host is named", async () => {
    const fixture = await startAdapter();
    const [address] = await fixture.adapter.listen({ port: 0 });
    const client = await RawClient.connect(address?.port ?? 0);
    await client.handshake();
    expect([...fixture.broker.connections][0]?.name).toMatch(/^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/);
    client.destroy();
  });

  it("speaks TLS where it is told to", async () => {
    const fixture = await startAdapter();
    const [address] = await fixture.adapter.listen({
      host: "127.0.0.1",
      port: 0,
      tls: { cert: certificate, key: privateKey },
    });
    const socket = connectTls({
      port: address?.port ?? 0,
      host: "127.0.0.1",
      ca: certificate,
      servername: "localhost",
    });
    const first = await new Promise<Buffer>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("data", resolve);
      socket.write(header);
    });
    // A method frame on channel 0: connection.start.
    expect(first.subarray(0, 3)).toEqual(Buffer.of(1, 0, 0));
    expect(first.includes("AMQPLAIN")).toBe(true);
    socket.destroy();
  });
});
