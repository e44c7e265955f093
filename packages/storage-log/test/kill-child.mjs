// Run by kill.test.ts: appends and settles as fast as the disk takes it, and prints what is durable.
import { writeSync } from "node:fs";
import { Message, registerMessageFormat, Route } from "@jackalope/core/storage";
import { openLogStorage } from "../dist/index.js";

const format = { id: "test", toProperties: () => ({}), fromProperties: () => new Uint8Array(0) };
registerMessageFormat(format);

/** [lsn, text to print once it is durable] */
const waiting = [];
const engine = openLogStorage({ directory: process.argv[2], segmentBytes: 200_000 });
let lsns = [];
await engine.recover(
  {
    durable() {
      let lines = "";
      while (waiting.length > 0 && waiting[0][0] <= engine.durable) lines += `${waiting.shift()[1]}\n`;
      writeSync(1, lines);
    },
    failed(error) {
      throw error;
    },
    recovered() {},
  },
  { definition() {}, message: (message) => void lsns.push(message.lsn) },
);
const route = new Route("exchange", "key");
for (let turn = 0; ; turn++) {
  let asked = "";
  for (let index = 0; index < 20; index++) {
    const body = Buffer.from(`body ${turn} ${index}`.padEnd(100));
    const lsn = engine.append([1], new Message(route, format, body, 0, 0, 0, body.length));
    lsns.push(lsn);
    waiting.push([lsn, `append ${lsn} ${turn} ${index}`]);
    if (lsns.length > 500 && index % 10 !== 0) {
      const settled = lsns[index * 5];
      asked += `asked ${settled}\n`;
      waiting.push([engine.settle(1, settled), `settle ${settled}`]);
    }
  }
  writeSync(1, asked);
  if (lsns.length > 1000) lsns = lsns.slice(500);
  engine.flush();
  do await new Promise((resolve) => setImmediate(resolve));
  while (engine.pendingBytes > 100_000);
}
