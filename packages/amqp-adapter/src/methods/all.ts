import * as access from "./access.ts";
import * as basic from "./basic.ts";
import * as channel from "./channel.ts";
import * as confirm from "./confirm.ts";
import * as connection from "./connection.ts";
import { type MethodDefinition, methodKey } from "./definition.ts";
import * as exchange from "./exchange.ts";
import * as queue from "./queue.ts";
import * as tx from "./tx.ts";

/** Every method that exists on the wire, in both directions. */
export const allMethods: readonly MethodDefinition[] = [
  connection,
  channel,
  access,
  exchange,
  queue,
  basic,
  confirm,
  tx,
].flatMap((module): MethodDefinition[] => Object.values(module));

const byKey = new Map(allMethods.map((definition) => [methodKey(definition), definition]));

/** The method behind `classId * 65536 + methodId`, or undefined. */
export function methodOf(key: number): MethodDefinition | undefined {
  return byKey.get(key);
}
