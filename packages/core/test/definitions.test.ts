import { expect, test } from "vitest";
import { definitionValue, parseQueue } from "../src/definitions.ts";

test("a queue of an older version was made by the user that it names as its declarer", () => {
  const record = { id: 7, autoDelete: false, arguments: [], declaredBy: "anna" };
  expect(parseQueue(definitionValue(record)).madeBy).toBe("anna");
  expect(parseQueue(definitionValue({ ...record, madeBy: "berta" })).madeBy).toBe("berta");
  expect(parseQueue(definitionValue({ ...record, declaredBy: undefined })).madeBy).toBe("");
});
