import assert from "node:assert";
import { expect, test } from "vitest";

/** What the public suites use of node:test's context. */
interface SuiteContext {
  plan(count: number): void;
  diagnostic(text: string): void;
  fail(text: string): never;
  readonly assert: Record<string, (...given: readonly unknown[]) => void>;
}

type SuiteTest = (name: string, run: (context: SuiteContext) => Promise<void>) => void;

/** A suite of the packages that define what an emitter and a persistence are. */
export type PublicSuite = (options: { readonly test: SuiteTest; readonly [option: string]: unknown }) => void;

const methods = ["equal", "notEqual", "deepEqual", "ok", "ifError"] as const;

/** Registers a test of a suite with vitest, with node:test's assertions and plans. Returns how many there are by now. */
export function suiteTest(): { readonly test: SuiteTest; readonly names: readonly string[] } {
  const names: string[] = [];
  const register: SuiteTest = (name, run) => {
    names.push(name);
    test(name, async () => {
      let planned: number | null = null;
      let made = 0;
      const counted = methods.map((method) => {
        const check = assert[method] as (...given: readonly unknown[]) => void;
        const call = (...given: readonly unknown[]): void => {
          made++;
          check(...given);
        };
        return [method, call] as const;
      });
      await run({
        plan: (count) => {
          planned = count;
        },
        diagnostic: () => undefined,
        fail: (text) => assert.fail(text),
        assert: Object.fromEntries(counted),
      });
      // An assertion in a callback that is never called must not pass for one that holds.
      if (planned !== null) expect(made).toBe(planned);
    });
  };
  return { test: register, names };
}
