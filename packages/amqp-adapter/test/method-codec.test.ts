import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allMethods, methodOf } from "../src/methods/all.ts";
import { queueDeclare } from "../src/methods/queue.ts";
import { methodKey } from "../src/methods/definition.ts";
import { argumentsBytes, decodeArguments, writeArguments } from "../src/methods/method-codec.ts";
import { argumentsOf } from "./arbitraries.ts";

describe("methods", () => {
  it.each(allMethods.map((definition) => [definition.name, definition] as const))(
    "%s comes back from its bytes as it was, and is refused at every cut",
    (_name, definition) => {
      fc.assert(
        fc.property(argumentsOf(definition), (values) => {
          const bytes = Buffer.alloc(argumentsBytes(definition, values as never) + 1);
          const end = writeArguments(definition, values as never, bytes, 0);
          expect(decodeArguments(definition, bytes, 0, end)).toEqual(values);
          for (let cut = 0; cut < end; cut++) expect(() => decodeArguments(definition, bytes, 0, cut)).toThrow();
          expect(() => decodeArguments(definition, bytes, 0, end + 1)).toThrow("cannot decode");
        }),
        { numRuns: 20 },
      );
    },
  );

  it("have names and numbers of their own", () => {
    expect(new Set(allMethods.map((definition) => definition.name)).size).toBe(allMethods.length);
    expect(new Set(allMethods.map(methodKey)).size).toBe(allMethods.length);
    expect(methodOf(40 * 65536 + 51)?.name).toBe("exchange.unbind-ok");
    expect(methodOf(60 * 65536 + 99)).toBeUndefined();
  });

  it("share a byte among neighbouring bits, first bit lowest", () => {
    const values = {
      ticket: 0,
      queue: "q",
      passive: false,
      durable: true,
      exclusive: false,
      autoDelete: true,
      nowait: true,
      arguments: [],
    };
    const bytes = Buffer.alloc(argumentsBytes(queueDeclare, values));
    const end = writeArguments(queueDeclare, values, bytes, 0);
    expect(bytes.toString("hex", 0, end)).toBe("0000" + "0171" + "1a" + "00000000");
  });

  it("cut a short string that is too long at a whole character", () => {
    const definition = { classId: 1, methodId: 1, name: "t", fields: { text: "shortstr" } } as const;
    const bytes = Buffer.alloc(300);
    const end = writeArguments(definition, { text: "é".repeat(200) }, bytes, 0);
    expect(decodeArguments(definition, bytes, 0, end).text).toBe("é".repeat(127));
  });

  it("with a short string that is not UTF-8 are refused", () => {
    const definition = { classId: 1, methodId: 1, name: "t", fields: { text: "shortstr" } } as const;
    expect(() => decodeArguments(definition, Buffer.of(2, 0xc3, 0x28), 0, 3)).toThrow("short string is not UTF-8");
  });
});
