import { describe, expect, test } from "vitest";
import { User } from "../../src/auth/user.ts";

function userWith(pattern: string): User {
  const user = new User("u", "", []);
  user.setPermissions("/", { configure: pattern, write: "", read: "" });
  return user;
}

describe("permissions", () => {
  test.each([
    [".*", "anything", true],
    ["", "anything", false],
    ["", "", false],
    ["ue", "queue", true],
    ["^ue", "queue", false],
    ["^amq\\.default$", "", true],
    ["^(a|b)$", "b", true],
    // PCRE lets these stand escaped, the strict JavaScript syntax does not.
    ["^my\\-queue\\_1$", "my-queue_1", true],
    ["^ä+$", "ää", true],
  ])("pattern %j and resource %j: %s", (pattern, resource, expected) => {
    expect(userWith(pattern).may("configure", "/", resource)).toBe(expected);
    expect(userWith(pattern).may("write", "/", resource)).toBe(false);
    expect(userWith(pattern).may("configure", "other", resource)).toBe(false);
  });

  test("a pattern that is none is an error, and changes nothing", () => {
    const user = userWith("^a$");
    expect(() => user.setPermissions("/", { configure: "(", write: "", read: "" })).toThrow(SyntaxError);
    expect(user.may("configure", "/", "a")).toBe(true);
  });

  test("withdrawn, they are gone", () => {
    const user = userWith(".*");
    expect([user.mayAccess("/"), [...user.virtualHosts]]).toEqual([true, ["/"]]);
    user.setPermissions("/", null);
    expect([user.mayAccess("/"), [...user.virtualHosts]]).toEqual([false, []]);
  });
});

describe("topic permissions", () => {
  test("replace names, whose special characters are text", () => {
    const user = new User("a.b", "", []);
    user.setTopicPermissions("/", "x", { write: "^{username}\\.{vhost}\\.{client_id}$", read: "" });
    expect(user.mayUseTopic("write", "/", "x", "a.b./.c*", "c*")).toBe(true);
    expect(user.mayUseTopic("write", "/", "x", "aXb./.cc", "c*")).toBe(false);
    expect(user.mayUseTopic("read", "/", "x", "anything")).toBe(false);
  });

  test("stand only against the exchange they are for, until they are cleared", () => {
    const user = new User("u", "", []);
    user.setTopicPermissions("/", "x", { write: "^a", read: "^a" });
    expect([user.mayUseTopic("write", "/", "x", "b"), user.mayUseTopic("write", "/", "y", "b")]).toEqual([false, true]);
    user.setTopicPermissions("/", "x", null);
    expect(user.mayUseTopic("write", "/", "x", "b")).toBe(true);
    expect([...user.virtualHosts]).toEqual([]);
  });
});
