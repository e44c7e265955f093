import type { Ledger } from "./ledger/ledger.ts";
import type { RedisProcess } from "./stage/redis-process.ts";
import { until } from "./waiting.ts";

/** The note of each consumer that is last in its queue, and what the last commit has not swept up. */
const entriesMax = 4;
const sweptMs = 15_000;

const count =
  "local n = 0 " +
  "for _, key in ipairs(redis.call('KEYS', 'jackalope:{soak:*')) do " +
  "local kind = redis.call('TYPE', key).ok " +
  "if kind == 'stream' then n = n + redis.call('XLEN', key) end " +
  "if string.sub(key, -8) == ':settled' then n = n + redis.call('HLEN', key) end " +
  "end return n";

/** When everything is settled, hardly anything is left in the streams and beside them. */
export async function checkLeftOvers(redis: RedisProcess, ledger: Ledger): Promise<void> {
  let left = Number.NaN;
  const swept = async (): Promise<boolean> => {
    left = Number((await redis.ask(`EVAL "${count}" 0`)).replace(":", ""));
    return left <= entriesMax;
  };
  await until("Redis to be swept", swept, sweptMs).catch(() => {
    ledger.accuse(`${left} entries and notes are left in Redis although everything is settled`);
  });
}
