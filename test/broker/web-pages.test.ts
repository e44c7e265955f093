import { createBroker, type CreateBrokerOptions } from "@jackalope/server";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { connectFlags, connectPacket, packetTypes, prefixed } from "../harness/mqtt-wire.ts";
import { once } from "../harness/waiting.ts";

const ports = { amqpPort: "off", mqttPort: "off", mqttWsPort: 0, stompPort: "off", stompWsPort: 0 } as const;
const named = "https://shop.example";

type Login = (page: WebSocket) => string | Buffer;

/** What a client says, and whether the answer lets it in. */
interface Speaker {
  readonly anonymous: Login;
  readonly as: (name: string) => Login;
  readonly isWelcome: (answer: Buffer) => boolean;
}

const stomp: Speaker = {
  anonymous: () => "CONNECT\naccept-version:1.2\nhost:/\n\n\0",
  as: (name) => () => `CONNECT\naccept-version:1.2\nhost:/\nlogin:${name}\npasscode:${name}\n\n\0`,
  isWelcome: (answer) => answer.toString().startsWith("CONNECTED"),
};

const mqtt: Speaker = {
  anonymous: () => connectPacket({ version: 4, flags: connectFlags.clean, payload: [] }),
  as: (name) => () => connectPacket({ version: 4, payload: [prefixed(name), prefixed(name)] }),
  isWelcome: (answer) => answer[0] === packetTypes.connack << 4 && answer[3] === 0,
};

/** Whether a page of `origin`, null for a client that is none, gets in. */
async function getsIn(port: number | null, origin: string | null, speaker: Speaker, login: Login): Promise<boolean> {
  const page = new WebSocket(`ws://127.0.0.1:${port}/ws`, origin === null ? {} : { origin });
  onTestFinished(() => page.terminate());
  page.on("error", () => undefined);
  await once<void>("an open WebSocket", (happened) => page.once("open", () => happened()));
  const answer = once<Buffer>("an answer", (happened) => page.once("message", happened));
  page.send(login(page));
  return speaker.isWelcome(await answer);
}

async function start(options: CreateBrokerOptions) {
  const broker = await createBroker({ ...ports, ...options });
  onTestFinished(() => broker.close());
  await broker.broker.users.put("alice", "alice", []);
  await broker.broker.users.setPermissions("alice", "/", { configure: ".*", write: ".*", read: ".*" });
  return broker;
}

describe.each([
  ["STOMP", stomp, "stompWs", "native"],
  ["MQTT", mqtt, "mqttWs", "native"],
  ["MQTT by aedes", mqtt, "mqttWs", "aedes"],
] as const)("a page over %s", (_name, speaker, port, mqttEngine) => {
  const guest = speaker.as("guest");
  const alice = speaker.as("alice");

  test.each<[who: string, origin: string | null, login: Login, expected: boolean]>([
    ["a client that is no page is anonymous", null, speaker.anonymous, true],
    ["a client that is no page is guest", null, guest, true],
    ["any page is not anonymous", "https://evil.example", speaker.anonymous, false],
    ["any page is not guest", "https://evil.example", guest, false],
    ["a page without an origin of its own is not anonymous", "null", speaker.anonymous, false],
    ["a page without an origin of its own is not guest", "null", guest, false],
    ["a page whose name only begins like this machine's is not guest", "http://localhost.evil.example", guest, false],
    ["any page may log in as somebody", "https://evil.example", alice, true],
    ["a page of this machine is not anonymous", "http://localhost:3000", speaker.anonymous, false],
    ["a page of this machine may log in as guest", "http://localhost:3000", guest, true],
    ["a page of this machine's address may log in as guest", "http://127.0.0.1:3000", guest, true],
  ])("%s where no setting names pages", async (_who, origin, login, expected) => {
    const broker = await start({ mqttEngine });
    expect(await getsIn(broker.ports[port], origin, speaker, login)).toBe(expected);
  });

  test("that the setting names is anonymous, and guest", async () => {
    const broker = await start({ mqttEngine, stompOrigins: [named], mqttOrigins: [named] });
    for (const login of [speaker.anonymous, guest]) {
      expect(await getsIn(broker.ports[port], named, speaker, login)).toBe(true);
    }
  });
});
