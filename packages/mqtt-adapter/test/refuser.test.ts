import { silentLogger, SystemClock } from "@jackalope/core";
import type { WebSocketRefuser } from "@jackalope/transport";
import { connect } from "mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMqttRefuser } from "../src/index.ts";
import { join, packet } from "./packet-builder.ts";
import { RawClient } from "./raw-client.ts";

const local = { host: "127.0.0.1", port: 0 };

let refuser: WebSocketRefuser;
let clock: SystemClock;

beforeEach(() => {
  clock = new SystemClock();
  const reason = () => "this broker stands by";
  refuser = createMqttRefuser({ logger: silentLogger, clock, timeoutMs: 5000, reason });
});

afterEach(async () => {
  await refuser.close();
  clock.close();
});

async function client(): Promise<RawClient> {
  const [address] = await refuser.listen(local);
  return RawClient.connect(address?.port ?? 0);
}

describe("a refused MQTT client", () => {
  it("of version 5 gets 0x88 with the reason, and the end", async () => {
    const raw = await client();
    const connack = await raw.connack();
    expect(connack).toMatchObject({ reasonCode: 0x88, sessionPresent: false });
    expect(connack.properties).toEqual({ reasonString: "this broker stands by" });
    await raw.end();
    expect(refuser.refusedCount).toBe(1);
  });

  it("of version 5 gets 0x88 alone where it does not take more", async () => {
    const raw = await client();
    const connack = await raw.connack({ properties: { maximumPacketSize: 20 } });
    expect(connack.reasonCode).toBe(0x88);
    expect(connack.properties).toBeUndefined();
    await raw.end();
  });

  it.each([3, 4] as const)("of protocol level %i gets return code 3", async (protocolVersion) => {
    const raw = await client();
    expect(await raw.connack({ protocolVersion })).toMatchObject({ returnCode: 3, sessionPresent: false });
    await raw.end();
  });

  it("of a version that is not spoken hears that", async () => {
    const raw = await client();
    raw.version = 5;
    raw.send(packet(0x10, "MQTT", 6, 2, 0, 0, 0, "c"));
    expect(await raw.expect("connack")).toMatchObject({ reasonCode: 0x84 });
    await raw.end();
  });

  it.each([
    ["a packet before CONNECT", packet(0xc0)],
    ["what is no packet", join(Buffer.from("GET / HTTP/1.1\r\n\r\n"))],
  ])("hears nothing for %s", async (_, bytes) => {
    const raw = await client();
    raw.send(bytes);
    await raw.end();
  });

  it("may be MQTT.js on a WebSocket, which tells its program the code", async () => {
    const [address] = await refuser.listenWebSocket(local);
    const mqtt = connect(`ws://127.0.0.1:${address?.port}/mqtt`, { protocolVersion: 5, reconnectPeriod: 0 });
    const error = await new Promise<Error>((resolve) => mqtt.once("error", resolve));
    expect(error).toMatchObject({ code: 0x88, message: "Connection refused: Server unavailable" });
    await mqtt.endAsync(true);
  });
});
