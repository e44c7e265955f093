import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  mosquittoPublish,
  mosquittoReceive,
  mosquittoSubscribe,
  printedBy,
  requireMosquittoClients,
} from "../harness/mosquitto-programs.ts";
import { type MqttTarget, startMqttTarget, versionNames } from "../harness/mqtt-target.ts";
import { freshName } from "../harness/target.ts";

let target: MqttTarget;
beforeAll(async () => {
  requireMosquittoClients();
  target = await startMqttTarget();
});
afterAll(() => target.close());

const cases = ([3, 4, 5] as const).flatMap((version) =>
  ([0, 1, 2] as const).map((qos) => ({ version, qos, name: versionNames[version] })),
);

test.each(cases)("mosquitto_pub and mosquitto_sub in version $name with QoS $qos", async ({ version, qos }) => {
  const topic = freshName("mosquitto");
  const subscriber = await mosquittoSubscribe(target, version, ["-q", String(qos), "-t", `${topic}/#`, "-C", "102"]);
  await mosquittoPublish(target, version, ["-q", String(qos), "-t", `${topic}/one`, "-m", "grün"]);
  const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);
  await mosquittoPublish(target, version, ["-q", String(qos), "-t", `${topic}/lines`, "-l"], `${lines.join("\n")}\n`);
  await mosquittoPublish(target, version, ["-q", String(qos), "-t", topic, "-n"]);
  expect(await printedBy(subscriber)).toEqual([
    `${qos} 0 ${topic}/one grün`,
    ...lines.map((line) => `${qos} 0 ${topic}/lines ${line}`),
    `${qos} 0 ${topic} `,
  ]);
});

describe.each([4, 5] as const)("in protocol level %i", (version) => {
  test("a persistent client gets what it missed", async () => {
    const [topic, clientId] = [freshName("missed"), freshName("client")];
    const session = ["-i", clientId, "-c", "-q", "1", "-t", topic];
    // -E: ends once it is subscribed.
    await mosquittoReceive(target, version, [...session, "-E"]);
    for (const text of ["one", "two"]) await mosquittoPublish(target, version, ["-q", "1", "-t", topic, "-m", text]);
    const missed = await mosquittoReceive(target, version, [...session, "-C", "2"]);
    expect(missed).toEqual([`1 0 ${topic} one`, `1 0 ${topic} two`]);
    await mosquittoReceive(target, version, ["-i", clientId, "-t", topic, "-E"]);
  });

  test("retained messages are found by a wildcard, and removed", async () => {
    const topic = freshName("retained");
    const retain = async (name: string, ...body: readonly string[]): Promise<void> => {
      await mosquittoPublish(target, version, ["-r", "-q", "1", "-t", `${topic}/${name}`, ...body]);
    };
    for (const name of ["a", "b"]) await retain(name, "-m", name);
    const found = await mosquittoReceive(target, version, ["-q", "1", "-t", `${topic}/+`, "-C", "2"]);
    expect([...found].sort()).toEqual([`1 1 ${topic}/a a`, `1 1 ${topic}/b b`]);
    await retain("a", "-n");
    expect(await mosquittoReceive(target, version, ["-t", `${topic}/+`, "-C", "1"])).toEqual([`0 1 ${topic}/b b`]);
    await retain("b", "-n");
  });

  test("a will comes when the program is killed", async () => {
    const topic = freshName("will");
    const watcher = await mosquittoSubscribe(target, version, ["-q", "1", "-t", topic, "-C", "1"]);
    const will = ["--will-topic", topic, "--will-payload", "killed", "--will-qos", "1"];
    const mortal = await mosquittoSubscribe(target, version, ["-t", `${topic}/other`, ...will]);
    mortal.child.kill("SIGKILL");
    expect(await printedBy(watcher)).toEqual([`1 0 ${topic} killed`]);
  });
});

test("properties of version 5 go from program to program", async () => {
  const topic = freshName("properties");
  const format = "%t|%C|%R|%D|%F|%P|%p";
  const subscriber = await mosquittoSubscribe(target, 5, ["-t", topic, "-C", "1"], format);
  const properties: readonly (readonly string[])[] = [
    ["content-type", "text/plain"],
    ["response-topic", "answers/7"],
    ["correlation-data", "c-1"],
    ["payload-format-indicator", "1"],
    ["user-property", "colour", "red"],
    ["user-property", "colour", "green"],
  ];
  const args = properties.flatMap((property) => ["-D", "publish", ...property]);
  await mosquittoPublish(target, 5, ["-t", topic, "-m", "body", ...args]);
  const [line] = await printedBy(subscriber);
  expect(line).toBe(`${topic}|text/plain|answers/7|c-1|1|colour:red colour:green|body`);
});

test("a shared subscription divides the messages among two programs", async () => {
  const topic = freshName("shared");
  const share = ["-q", "1", "-t", `$share/group/${topic}`, "-C", "5"];
  const members = [await mosquittoSubscribe(target, 5, share), await mosquittoSubscribe(target, 5, share)];
  const lines = Array.from({ length: 10 }, (_, index) => String(index));
  await mosquittoPublish(target, 5, ["-q", "1", "-t", topic, "-l"], `${lines.join("\n")}\n`);
  const printed = (await Promise.all(members.map(printedBy))).flat();
  expect(printed.map((line) => line.split(" ").at(-1)).sort()).toEqual(lines);
});
