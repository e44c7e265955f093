import { connectFlags, connectPacket, prefixed } from "../../harness/mqtt-wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { openingBytes } from "../wire/amqp-client.ts";
import { RawStream } from "../wire/raw-stream.ts";
import { stompFrame } from "../wire/stomp-client.ts";

/** Wrong passwords on all protocols, as fast as somebody listens. */
async function run(scene: Scene): Promise<void> {
  const endMs = performance.now() + scene.seconds * 1000;
  let tries = 0;
  const attempt = async (index: number): Promise<void> => {
    while (performance.now() < endMs) {
      const [port, bytes] = login(scene, index, tries++);
      const stream = RawStream.begin(port);
      stream.send(bytes);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => stream.destroy(), endMs - performance.now());
        stream.socket.once("close", () => (clearTimeout(timer), resolve()));
        // Who was told no does not wait for the door to be closed.
        stream.onData = () => (index % 3 === 0 ? undefined : stream.destroy());
      });
    }
  };
  await Promise.all(Array.from({ length: sized(scene, 30, 100) }, (_, index) => attempt(index)));
  scene.note(`${Math.round(tries / scene.seconds)} logins/s`);
}

function login(scene: Scene, index: number, attempt: number): [port: number, bytes: Buffer] {
  const password = `wrong${attempt}${"!".repeat(attempt % 2 === 0 ? 10 : 5000)}`;
  if (index % 3 === 0) return [scene.amqpPort, openingBytes(password.slice(0, 1000))];
  if (index % 3 === 1) {
    const flags = connectFlags.clean | connectFlags.name | connectFlags.password;
    const payload = [prefixed(attempt % 4 === 1 ? "guest" : `nobody${attempt}`), prefixed(password)];
    return [scene.mqttPort, connectPacket({ flags, payload })];
  }
  const headers = { "accept-version": "1.2", host: "/", login: "guest", passcode: password };
  return [scene.stompPort, stompFrame("CONNECT", headers)];
}

export const loginFlood: Attack = {
  name: "login-flood",
  title: "wrong passwords on all protocols at full speed",
  kind: "flood",
  // Failures slow down logins from their address, and here everybody has the same one.
  newcomerMsMax: 6000,
  run,
};
