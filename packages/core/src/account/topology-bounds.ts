import { getHeapStatistics } from "node:v8";
import { availableMemoryBytes } from "../control-group.ts";
import type { Limits } from "../limits.ts";

/**
 * A start reads definitions and makes what they say, and needs both for a while: whatever was accepted must fit into the
 * same memory then, beside messages and the rest of the broker.
 */
const topologyShare = 2 / 5;
const userShare = 3 / 4;
const connectionShare = 1 / 2;

/**
 * V8 counts three semi-spaces of 16 MiB as heap, and nothing that stays lives there. Reckoned as memory for definitions they
 * had a heap of 64 MiB so full that it was collected every 25 ms.
 */
const youngBytes = 48 * 1024 * 1024;

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

/** The JavaScript heap for what stays, or the machine or control group where that has less. */
function memoryBytes(): number {
  const heap = getHeapStatistics().heap_size_limit;
  return Math.min(Math.max(heap - youngBytes, heap / 2), availableMemoryBytes());
}
