import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { succeed } from "../harness/command.ts";
import { perlWith } from "../harness/debian-programs.ts";
import { startStompTarget, type StompTarget } from "../harness/stomp-target.ts";

const script = fileURLToPath(new URL("../perl/net_stomp.pl", import.meta.url));

let target: StompTarget;
let perl: string;
beforeAll(async () => {
  perl = perlWith("Net::Stomp", "libnet-stomp-perl");
  target = await startStompTarget();
});
afterAll(() => target.close());

test.each([
  ["sends with receipts and acknowledges", "send_and_acknowledge"],
  ["gives a message back by leaving", "give_back"],
  ["sends in a transaction", "transactions"],
  ["sends and gets any bytes", "binary_body"],
  ["hears that its password is wrong", "errors"],
])("Perl's Net::Stomp %s", async (_what, scenario) => {
  const { host, stompPort, username, password } = target;
  expect(await succeed(perl, [script, host, String(stompPort), username, password, scenario])).toBe("fine\n");
});
