import type { BrokerProcess } from "./broker-process.ts";
import { waitFor } from "./waiting.ts";

const program = `
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
const turn = () => new Promise((resolve) => setImmediate(resolve));
process.on("SIGUSR2", async () => {
  for (let round = 0; round < 2; round++) { collect(); await turn(); }
  const { heapUsed, external } = process.memoryUsage();
  console.log("weighed " + (heapUsed + external));
});
`;

/** For NODE_OPTIONS: the process collects its garbage and says what is left of its memory when it gets SIGUSR2. */
export const scaleOptions = `--import=data:text/javascript;base64,${Buffer.from(program).toString("base64")}`;

/** What is alive in the memory of a broker that was started with `scaleOptions`: its heap, and what buffers hold. */
export async function weigh(broker: BrokerProcess): Promise<number> {
  const { length } = broker.log;
  broker.child.kill("SIGUSR2");
  const said = await waitFor("what the broker weighs", () => /^weighed (\d+)$/m.exec(broker.log.slice(length)));
  return Number(said[1]);
}
