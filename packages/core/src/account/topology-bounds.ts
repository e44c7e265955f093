import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import type { Limits } from "../limits.ts";

/**
 * A start reads definitions and makes what they say, and needs both for a while: whatever was accepted must fit into the
 * same memory then, beside messages and the rest of the broker.
 */
const topologyShare = 2 / 5;
const userShare = 3 / 4;
const connectionShare = 1 / 2;

/** The limits with numbers in place of the zeros that stand for a share of the memory there is. */
export function withTopologyBounds(limits: Limits): Limits {
  const total = limits.topologyBytesMax || Math.floor(topologyShare * memoryBytes());
  return {
    ...limits,
    topologyBytesMax: total,
    virtualHostTopologyBytesMax: limits.virtualHostTopologyBytesMax || total,
    userTopologyBytesMax: limits.userTopologyBytesMax || Math.floor(userShare * total),
    connectionTopologyBytesMax: limits.connectionTopologyBytesMax || Math.floor(connectionShare * total),
  };
}

/** The JavaScript heap, or the machine or control group where that has less. */
function memoryBytes(): number {
  // 0 where there is no control group, a number beyond all memory where the group has no limit.
  const constrained = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.min(getHeapStatistics().heap_size_limit, constrained, totalmem());
}
