import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { succeed } from "../harness/command.ts";

const program = fileURLToPath(new URL("../../examples/aedes/server.js", import.meta.url));

test("an aedes server on the broker shares devices, sessions and retained messages with AMQP", async () => {
  const output = await succeed(process.execPath, [program], { env: {} });
  expect(output.trimEnd().split("\n")).toEqual([
    "AMQP got devices.lamp.temperature: 21.5",
    "lamp got devices/lamp/commands: on",
    "panel got devices/lamp/temperature: 21.5",
  ]);
});
