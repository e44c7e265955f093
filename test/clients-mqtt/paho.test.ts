import { afterAll, beforeAll, expect, test } from "vitest";
import { succeed } from "../harness/command.ts";
import { pythonScript, pythonWith } from "../harness/debian-programs.ts";
import { type MqttTarget, startMqttTarget } from "../harness/mqtt-target.ts";

let target: MqttTarget;
let python: string;
beforeAll(async () => {
  python = pythonWith("paho.mqtt.client", "python3-paho-mqtt");
  target = await startMqttTarget();
});
afterAll(() => target.close());

test.each([
  ["speaks 3.1, 3.1.1 and 5 with every quality of service", "versions_and_levels"],
  ["gets messages in their order", "order"],
  ["sends and gets 2 MiB of any bytes", "binary_body"],
  ["finds its session again", "persistent_session"],
  ["finds retained messages, and removes them", "retained"],
  ["leaves a will", "will"],
  ["sends and gets the properties of version 5", "version_5_properties"],
  ["shares a subscription, and does not hear itself", "no_local_and_shared"],
  ["gets a client identifier", "assigned_client_identifier"],
  ["hears that its password is wrong", "wrong_password"],
])("paho %s", async (_what, scenario) => {
  const { host, port, username, password } = target;
  const args = [pythonScript("paho_scenarios.py"), host, String(port), username, password, scenario];
  expect(await succeed(python, args)).toBe("fine\n");
});
