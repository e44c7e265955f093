import { createRequire } from "node:module";
import { Broker, MemoryStorage } from "@jackalope/core";
import { afterAll, describe, expect, test } from "vitest";
import { createAedesEmitter } from "../../src/aedes/index.ts";
import type { TopicSyntaxOptions } from "../../src/aedes/topic-syntax.ts";
import { type PublicSuite, suiteTest } from "./public-suite.ts";

const require = createRequire(import.meta.url);
/** The suite as its package publishes it, without types. */
const abstractEmitter = require("mqemitter/abstractTest.js") as PublicSuite;

const broker = await Broker.open({ storage: new MemoryStorage() });
afterAll(() => broker.close());

describe("mqemitter's suite", () => {
  const suite = suiteTest();
  abstractEmitter({
    test: suite.test,
    builder: (options: TopicSyntaxOptions = {}) => createAedesEmitter({ broker, ...options }),
  });

  test("is whole", () => {
    expect(suite.names.length).toBe(24);
  });
});
