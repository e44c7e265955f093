import { describe, expect, test } from "vitest";
import { checkArchitecture } from "../tidy/architecture.ts";
import { checkLayers } from "../tidy/layers.ts";
import { checkLinks } from "../tidy/links.ts";
import { checkNames } from "../tidy/names.ts";
import { checkSizes } from "../tidy/sizes.ts";
import type { Finding, SourceTree } from "../tidy/source-tree.ts";
import { checkWords } from "../tidy/words.ts";

function treeOf(files: Readonly<Record<string, string>>): SourceTree {
  return { files: Object.entries(files).map(([path, text]) => ({ path, text })) };
}

function shown(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ severity, place, text }) => `${severity} ${place} ${text}`);
}

function manifest(name: string, dependencies: readonly string[], devDependencies: readonly string[] = []): string {
  const versions = (names: readonly string[]) => Object.fromEntries(names.map((each) => [each, "workspace:*"]));
  return JSON.stringify({
    name: `@jackalope/${name}`,
    exports: { ".": "./dist/index.js", "./adapter": "./dist/adapter.js" },
    dependencies: versions(dependencies),
    devDependencies: versions(devDependencies),
  });
}

describe("layers", () => {
  const core = { "packages/core/package.json": manifest("core", []) };

  test("the arrows of the house pass", () => {
    const tree = treeOf({
      ...core,
      "packages/transport/package.json": manifest("transport", ["@jackalope/core", "ws"], ["@jackalope/testkit"]),
      "packages/amqp-adapter/package.json": manifest(
        "amqp-adapter",
        ["@jackalope/core", "@jackalope/transport"],
        ["@jackalope/testkit"],
      ),
      "packages/testkit/package.json": manifest("testkit", ["@jackalope/core"]),
      "packages/server/package.json": manifest("server", ["@jackalope/core", "@jackalope/amqp-adapter", "pino"]),
      "packages/amqp-adapter/src/session.ts":
        'import { Broker } from "@jackalope/core/adapter";\nimport "./codec.ts";\n',
      "packages/amqp-adapter/test/session.test.ts": 'import { FakeClock } from "@jackalope/testkit";\n',
    });
    expect(shown(checkLayers(tree))).toEqual([]);
  });

  test("a dependency against the arrows is an error", () => {
    const tree = treeOf({
      "packages/core/package.json": manifest("core", ["pino"]),
      "packages/amqp-adapter/package.json": manifest("amqp-adapter", ["@jackalope/storage-log", "@jackalope/testkit"]),
      "packages/transport/package.json": manifest("transport", ["@jackalope/amqp-adapter"]),
      "packages/storage-log/package.json": manifest("storage-log", ["@jackalope/transport"]),
      "packages/attic/package.json": manifest("attic", []),
    });
    expect(shown(checkLayers(tree))).toEqual([
      "error packages/core/package.json core must not depend on pino",
      "error packages/amqp-adapter/package.json @jackalope/amqp-adapter must not depend on @jackalope/storage-log",
      "error packages/amqp-adapter/package.json @jackalope/amqp-adapter must not depend on @jackalope/testkit",
      "error packages/transport/package.json @jackalope/transport must not depend on @jackalope/amqp-adapter",
      "error packages/storage-log/package.json @jackalope/storage-log must not depend on @jackalope/transport",
      "error packages/attic/package.json @jackalope/attic has no place in scripts/tidy/layers.ts",
    ]);
  });

  test("an import that is not declared, not exported, or leaves the package is an error", () => {
    const tree = treeOf({
      ...core,
      "packages/management/package.json": manifest("management", ["@jackalope/core"]),
      "packages/testkit/package.json": manifest("testkit", ["@jackalope/core"]),
      "packages/management/src/a.ts": [
        'import { FakeClock } from "@jackalope/testkit";',
        "import {",
        "  Queue,",
        '} from "@jackalope/core/src/queue/queue.ts";',
        'export * from "../../core/src/index.ts";',
        `const late = await ${"import"}("@jackalope/nothing");`,
      ].join("\n"),
      "test/b.test.ts": 'import "../packages/core/src/index.ts";\n',
    });
    expect(shown(checkLayers(tree))).toEqual([
      "error packages/management/src/a.ts:1 @jackalope/testkit is not declared in packages/management/package.json",
      "error packages/management/src/a.ts:4 @jackalope/core/src/queue/queue.ts is not exported by @jackalope/core",
      "error packages/management/src/a.ts:5 ../../core/src/index.ts leaves the package",
      "error packages/management/src/a.ts:6 there is no package @jackalope/nothing",
      "error test/b.test.ts:1 ../packages/core/src/index.ts reaches into a package: import it by its name",
    ]);
  });
});

test("files have bounds", () => {
  const tree = treeOf({
    "a.ts": "\n".repeat(250),
    "b.ts": "\n".repeat(251),
    "c.ts": "\n".repeat(501),
    "d.md": "\n".repeat(900),
  });
  expect(shown(checkSizes(tree))).toEqual(["warning b.ts 251 lines", "error c.ts 501 lines, at most 500 are allowed"]);
});

test("vague file names, default exports and enums are errors", () => {
  const tree = treeOf({
    "packages/core/src/string-utils.ts": "",
    "packages/core/src/common.ts": "",
    "packages/core/src/commonality.ts": "",
    "a.ts": "\nexport default 1;\n",
    "b.ts": "\nexport const enum Kind { one }\n",
    "vitest.config.ts": "export default {};\n",
  });
  expect(shown(checkNames(tree))).toEqual([
    "error packages/core/src/string-utils.ts name the file for what is in it",
    "error packages/core/src/common.ts name the file for what is in it",
    "error a.ts:2 no default exports",
    "error b.ts:2 no enums: use a union of literals",
  ]);
});

describe("architecture", () => {
  const sources = {
    "packages/core/src/queue.ts":
      "export class Queue {\n  publish(message: Message): boolean {\n    return true;\n  }\n}\n",
    "packages/core/src/sink.ts":
      "export interface ChannelSink extends ConfirmSink {\n  deliver(consumer: Consumer): void;\n}\n",
    "packages/core/src/confirms.ts": "export interface ConfirmSink {\n  confirm(publishSeq: number): void;\n}\n",
    "packages/core/src/encode.ts": "export function encodeDeliver(): void {}\n",
  };
  const page = (names: string) =>
    `# The house\n\n\`Nowhere.near\`\n\n## The way of a message\n\n${names}\n\n## More\n\n\`Gone.too\`\n`;

  test("names that exist pass, and other sections are not looked at", () => {
    const tree = treeOf({
      ...sources,
      "ARCHITECTURE.md": page("`Queue.publish` -> `ChannelSink.deliver` -> `ChannelSink.confirm` -> `encode*`"),
    });
    expect(shown(checkArchitecture(tree))).toEqual([]);
  });

  test("a name that is gone is an error", () => {
    const tree = treeOf({
      ...sources,
      "ARCHITECTURE.md": page("`Queue.push` -> `Sink.deliver` -> `decode*` -> `Queue.publish`"),
    });
    expect(shown(checkArchitecture(tree))).toEqual([
      "error ARCHITECTURE.md `Queue.push` is not in the sources any more",
      "error ARCHITECTURE.md `Sink.deliver` is not in the sources any more",
      "error ARCHITECTURE.md `decode*` is not in the sources any more",
    ]);
  });

  test("a page without the section, or a section without names, is an error", () => {
    expect(checkArchitecture(treeOf({ ...sources, "ARCHITECTURE.md": "# The house\n" }))).toHaveLength(1);
    expect(checkArchitecture(treeOf({ ...sources, "ARCHITECTURE.md": page("words") }))).toHaveLength(1);
    expect(checkArchitecture(treeOf(sources))).toHaveLength(1);
  });
});

test("paths of one machine, private registries and hosts in the lockfile are errors", () => {
  const home = ["", "home", "somebody", "notes"].join("/");
  const tree = treeOf({
    "a.md": `one\nsee ${home}\n`,
    ".npmrc": `${"registry"}=https:${"//"}registry.example.com/npm/\n`,
    "b.md": "https://registry.npmjs.org/ is fine, and so is https://example.com/home/page\n",
    "pnpm-lock.yaml": "tarball: https://example.com/a.tgz\n",
  });
  expect(shown(checkWords(tree))).toEqual([
    `error a.md:2 ${home.replace(/notes$/, "")} is a path of one machine`,
    "error .npmrc:1 names a private registry",
    "error pnpm-lock.yaml:1 the lockfile names a host: https://example.com/a.tgz",
  ]);
});

test("links lead somewhere", () => {
  const tree = treeOf({
    "README.md":
      "[a](docs/a.md) [b](docs/b.md)\n[c](docs/a.md#second-part) [d](docs/a.md#third)\n[e](#here)\n# Here\n[f](docs)\n`[g](gone.md)`\n",
    "docs/a.md": "# First\n## Second part\n[back](../README.md) [out](https://example.com)\n",
  });
  expect(shown(checkLinks(tree))).toEqual([
    "error README.md:1 docs/b.md does not exist",
    "error README.md:2 docs/a.md has no heading #third",
  ]);
});
