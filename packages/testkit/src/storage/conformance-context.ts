import type { OpenedStorage } from "../opened-storage.ts";

/** The engine under test, opened on an empty place before each test. */
export interface ConformanceContext {
  readonly store: OpenedStorage;
  reopen(): Promise<OpenedStorage>;
}
