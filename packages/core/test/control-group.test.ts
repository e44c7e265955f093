import { totalmem } from "node:os";
import { expect, test } from "vitest";
import { availableMemoryBytes, controlGroupBytesMax, type ReadSystemFile } from "../src/control-group.ts";

/** A system with these files and no others. */
function system(files: Readonly<Record<string, string>>): ReadSystemFile {
  return (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`no file ${path}`);
    return text;
  };
}

test("no more memory is counted on than the machine has", () => {
  expect(availableMemoryBytes()).toBeGreaterThan(1024 ** 2);
  expect(availableMemoryBytes()).toBeLessThanOrEqual(totalmem());
});

test("a limit of version 1 counts, and so does one of a group around it", () => {
  const files = {
    "/proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/pod/broker/main\n0::/\n",
    "/sys/fs/cgroup/memory/pod/broker/main/memory.limit_in_bytes": "9223372036854771712\n",
    "/sys/fs/cgroup/memory/pod/broker/memory.limit_in_bytes": "1073741824\n",
    "/sys/fs/cgroup/memory/pod/memory.limit_in_bytes": "536870912\n",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
  };
  expect(controlGroupBytesMax(system(files))).toBe(536_870_912);
});

test("a limit of version 2 counts, and so does one of a group around it", () => {
  const files = {
    "/proc/self/cgroup": "0::/system.slice/broker.service\n",
    "/sys/fs/cgroup/system.slice/broker.service/memory.max": "max\n",
    "/sys/fs/cgroup/system.slice/memory.max": "268435456\n",
  };
  expect(controlGroupBytesMax(system(files))).toBe(268_435_456);
});

test.each([
  ["1", "4:memory:/docker/0123\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes"],
  ["2", "0::/\n", "/sys/fs/cgroup/memory.max"],
  ["2, with a path from outside", "0::/../other\n", "/sys/fs/cgroup/memory.max"],
  ["2 beside version 1", "3:cpu:/\n0::/\n", "/sys/fs/cgroup/unified/memory.max"],
])("in a container of version %s its own limit stands where groups are mounted", (_, groups, file) => {
  expect(controlGroupBytesMax(system({ "/proc/self/cgroup": groups, [file]: "134217728\n" }))).toBe(134_217_728);
});

test("nothing is limited where nothing says so", () => {
  expect(controlGroupBytesMax(system({}))).toBe(Number.POSITIVE_INFINITY);
  const files = { "/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/memory.max": "max\n" };
  expect(controlGroupBytesMax(system(files))).toBe(Number.POSITIVE_INFINITY);
});
