import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { certificate, clientCertificate, clientPrivateKey } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { atEnd, certificateFiles, openBroker } from "./broker-fixture.ts";

const mqttOff = { mqttPort: "off", mqttTlsPort: "off", mqttWsPort: "off", mqttWssPort: "off" } as const;

/** CONNECT of MQTT 3.1.1 (3.1) with a clean session and nothing else, and the CONNACKs to it (3.2). */
const anonymousConnect = Buffer.from("\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0", "latin1");
const accepted = Buffer.of(0x20, 2, 0, 0);
const refused = Buffer.of(0x20, 2, 0, 4);

async function firstWords(socket: Socket, packet = anonymousConnect): Promise<Buffer> {
  atEnd(() => void socket.destroy());
  socket.write(packet);
  const [bytes] = (await once(socket, "data")) as [Buffer];
  return bytes;
}

function overTcp(port: number | null): Promise<Buffer> {
  return firstWords(connect({ port: port ?? 0, host: "127.0.0.1" }));
}

function overTls(port: number | null, options: ConnectionOptions = {}): Promise<Buffer> {
  const address = { port: port ?? 0, host: "127.0.0.1", servername: "localhost" };
  return firstWords(connectTls({ ...address, ca: certificate, ...options }));
}

describe.each(["native", "aedes"] as const)("MQTT by the %s engine", (mqttEngine) => {
  test("is spoken over TCP and WebSocket, and without a certificate not over TLS", async () => {
    const { ports } = await openBroker({ mqttEngine, mqttPort: 0, mqttTlsPort: 0, mqttWsPort: 0, mqttWssPort: 0 });
    expect(ports).toMatchObject({ mqttTls: null, mqttWss: null });
    expect(await overTcp(ports.mqtt)).toEqual(accepted);
    for (const path of ["/ws", "/mqtt"]) {
      expect((await fetch(`http://127.0.0.1:${ports.mqttWs}${path}`)).status).toBe(426);
    }
  });

  test("is spoken over TLS where there is a certificate", async () => {
    const { ports } = await openBroker({
      mqttEngine,
      ...certificateFiles(),
      ...mqttOff,
      mqttTlsPort: 0,
      mqttWssPort: 0,
    });
    expect(ports).toMatchObject({ mqtt: null, mqttWs: null, mqttWss: expect.any(Number) });
    expect(await overTls(ports.mqttTls)).toEqual(accepted);
  });

  test("takes a client that an authority has signed for, without a password", async () => {
    const files = certificateFiles();
    const { ports, broker } = await openBroker({ mqttEngine, ...files, mqttTlsPort: 0, mqttAnonymousUser: "off" });
    const identity = { cert: clientCertificate, key: clientPrivateKey };
    expect(await overTls(ports.mqttTls, identity)).toEqual(refused);
    await broker.users.put("device-1", "a password nobody needs", []);
    await broker.users.setPermissions("device-1", "/", { configure: "", write: "", read: "" });
    expect(await overTls(ports.mqttTls)).toEqual(refused);
    expect(await overTls(ports.mqttTls, identity)).toEqual(accepted);
  });

  test("refuses anonymous clients where that is switched off", async () => {
    const { ports } = await openBroker({ mqttEngine, mqttPort: 0, mqttAnonymousUser: "off" });
    expect(await overTcp(ports.mqtt)).toEqual(refused);
  });
});

describe("the engine", () => {
  /** The same in MQTT 5. */
  const connect5 = Buffer.from("\x10\x0d\0\x04MQTT\x05\x02\0\x3c\0\0\0", "latin1");

  test.each([
    ["native", 0],
    // Unsupported protocol version (MQTT 5, 3.2.2.2).
    ["aedes", 0x84],
  ] as const)("%s answers MQTT 5 with %i", async (mqttEngine, code) => {
    const { ports } = await openBroker({ mqttEngine, mqttPort: 0 });
    const bytes = await firstWords(connect({ port: ports.mqtt ?? 0, host: "127.0.0.1" }), connect5);
    expect([bytes[0], bytes[3]]).toEqual([0x20, code]);
  });
});
