import type { RedisConnection } from "./connection.ts";
import type { Argument } from "./redis-client.ts";
import type { ScriptCall } from "./script-call.ts";
import { scripts } from "./scripts.ts";

/** Sends a commit, in the way that the script describes. Rejects where it is not done. */
export async function sendCommit(connection: RedisConnection, writer: string, call: ScriptCall): Promise<void> {
  const { keys, args, gates, additions } = call;
  if (additions.length === 0) {
    await connection.script("commit", keys, [writer, ...args]);
    return;
  }
  const { sha } = scripts.commit;
  const script = (rest: readonly Argument[]): readonly [string, readonly Argument[]] => [
    "EVALSHA",
    [sha, keys.length, ...keys, writer, ...rest],
  ];
  const number = args[0] as Argument;
  const replies = await connection.transaction([
    script([number, "", "g", ...gates]),
    ...additions.map((addition) => ["XADD", addition] as const),
    script(args),
  ]);
  for (const reply of replies) if (reply instanceof Error) throw reply;
}
