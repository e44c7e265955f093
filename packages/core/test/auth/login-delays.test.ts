import { FakeClock } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { LoginDelays } from "../../src/auth/login-delays.ts";
import { refusal, TestBroker } from "../fixture/test-broker.ts";

function failing(delays: LoginDelays, address: string, times: number): void {
  for (let count = 0; count < times; count++) delays.failed(address);
}

describe("login delays", () => {
  const clock = new FakeClock();
  const newDelays = (addressesMax = 100): LoginDelays => new LoginDelays({ clock, delayMsMax: 2000, addressesMax });

  test("grow with failures beyond the tenth up to their bound, for that address alone, and pass", () => {
    const delays = newDelays();
    failing(delays, "192.0.2.1", 9);
    expect(delays.delayMs("192.0.2.1")).toBe(0);
    const seen: number[] = [];
    for (let count = 0; count < 8; count++) {
      delays.failed("192.0.2.1");
      seen.push(delays.delayMs("192.0.2.1"));
    }
    expect(seen).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000]);
    failing(delays, "192.0.2.1", 2000);
    expect([delays.delayMs("192.0.2.1"), delays.delayMs("192.0.2.2")]).toEqual([2000, 0]);
    clock.advance(60_000);
    expect(delays.delayMs("192.0.2.1")).toBe(0);
    delays.failed("192.0.2.1");
    expect(delays.delayMs("192.0.2.1")).toBe(0);
  });

  test("remember so many addresses and no more, those that failed last", () => {
    const delays = newDelays(3);
    failing(delays, "192.0.2.1", 20);
    failing(delays, "192.0.2.2", 20);
    for (const last of [3, 4]) failing(delays, `192.0.2.${last}`, 1);
    expect([delays.size, delays.delayMs("192.0.2.1"), delays.delayMs("192.0.2.2")]).toEqual([3, 0, 2000]);
  });

  test.each([
    ["2001:db8:1:2:aaaa::1", "2001:db8:1:2::ffff", true],
    ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
    ["2001:db8::1", "2001:db8:0:0:1::", true],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.2", false],
  ])("%s and %s are one network: %s", (one, other, expected) => {
    const delays = newDelays();
    failing(delays, one, 20);
    expect(delays.delayMs(other) > 0).toBe(expected);
  });
});

describe("a broker", () => {
  test("looks at no password of an address that guesses before its time has come, and at others' at once", async () => {
    const broker = await TestBroker.open();
    await broker.broker.users.put("u", "right", []);
    for (let count = 0; count < 20; count++) {
      const guess = broker.broker.authenticate("u", `wrong ${count}`, "192.0.2.1");
      broker.clock.advance(2000);
      expect(await guess).toBeNull();
    }
    expect(broker.logged.filter((line) => line.includes("its next ones wait"))).toHaveLength(1);
    const answers: string[] = [];
    const login = async (password: string): Promise<void> => {
      answers.push((await broker.broker.authenticate("u", password, "192.0.2.1"))?.name ?? "refused");
    };
    const right = login("right");
    const wrong = login("wrong");
    expect((await broker.broker.authenticate("u", "right", "192.0.2.2"))?.name).toBe("u");
    broker.clock.advance(1999);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(answers).toEqual([]);
    broker.clock.advance(1);
    await Promise.all([right, wrong]);
    expect(answers).toEqual(["u", "refused"]);
  });

  test("bounds names and passwords, when they are set and when they come", async () => {
    const { broker } = await TestBroker.open({ limits: { userNameBytesMax: 8, passwordBytesMax: 5 } });
    await broker.users.put("ääää", "ää", []);
    expect((await broker.authenticate("ääää", "ää", "127.0.0.1"))?.name).toBe("ääää");
    expect(await refusal(() => broker.users.put("äääää", "", []))).toContain("name of the user is longer than 8 bytes");
    expect(await refusal(() => broker.users.put("u", "123456", []))).toContain("the password is longer than 5 bytes");
    expect(await broker.authenticate("ääää", "x".repeat(100_000), "127.0.0.1")).toBeNull();
  });
});
