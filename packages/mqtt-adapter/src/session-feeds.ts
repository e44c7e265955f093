import type { VirtualHost } from "@jackalope/core/adapter";
import { type FeedParts, RetainedFeed } from "./retained-feed.ts";
import type { RetainedStore } from "./retained-store.ts";
import type { SessionState } from "./session-state.ts";
import type { SystemTopics } from "./system-topics.ts";

/** The kind of the records of feeds that a restart must not lose; their names are JSON arrays of client id and filter. */
const feedRecordKind = "mqtt-feed";

const noBytes = new Uint8Array(0);

interface Feed {
  readonly feed: RetainedFeed;
  /** True where it has a record. */
  stored: boolean;
}

/**
 * The retained messages that are on their way to the new subscriptions of one session, by filter, also while its client
 * is away. A feed that takes a while has a record where the session is kept, so that it begins anew after a restart; most
 * are done at once and need none.
 */
export class SessionFeeds {
  readonly #host: VirtualHost;
  readonly #clientId: string;
  readonly #persistent: boolean;
  readonly #feeds = new Map<string, Feed>();

  constructor(host: VirtualHost, clientId: string, persistent: boolean) {
    this.#host = host;
    this.#clientId = clientId;
    this.#persistent = persistent;
  }

  /** Begins to send what is retained for a subscription, in place of what an earlier one of this filter had begun. */
  begin(parts: FeedParts, stored = false): void {
    const { filter } = parts.subscription;
    const wasStored = this.#stop(filter);
    const begun: Feed = { feed: new RetainedFeed(parts), stored: stored || wasStored };
    this.#feeds.set(filter, begun);
    begun.feed.whenLong(() => {
      if (begun.stored || !this.#persistent) return;
      begun.stored = true;
      this.#host.records.put(feedRecordKind, recordName(this.#clientId, filter), noBytes);
    });
    begun.feed.whenDone(() => {
      this.#feeds.delete(filter);
      if (begun.stored) this.#forget(filter);
    });
  }

  /** The subscription is over: sends no more. */
  cancel(filter: string): void {
    if (this.#stop(filter)) this.#forget(filter);
  }

  /** The session is over. */
  cancelAll(): void {
    for (const filter of [...this.#feeds.keys()]) this.cancel(filter);
  }

  /** Returns whether there is a record of it. */
  #stop(filter: string): boolean {
    const begun = this.#feeds.get(filter);
    if (begun === undefined) return false;
    begun.feed.cancel();
    this.#feeds.delete(filter);
    return begun.stored;
  }

  #forget(filter: string): void {
    this.#host.records.put(feedRecordKind, recordName(this.#clientId, filter), null);
  }
}

/** What restored feeds work with. */
export interface RestoredFeedParts {
  readonly host: VirtualHost;
  readonly retained: RetainedStore;
  readonly systemTopics: SystemTopics;
  readonly stateOf: (clientId: string) => SessionState | undefined;
}

/**
 * Begins the feeds anew that were not done before the start; records of sessions and subscriptions that are no more are
 * removed. What stands in the queue from the first time comes twice: nobody knows how far it was. Call once a virtual host.
 */
export function restoreFeeds({ host, retained, systemTopics, stateOf }: RestoredFeedParts): void {
  host.records.claimEach(feedRecordKind, (name) => {
    const [clientId, filter] = JSON.parse(name) as [string, string];
    const state = stateOf(clientId);
    const subscription = state?.subscriptions.get(filter);
    const queue = state?.queue ?? null;
    if (state === undefined || subscription === undefined || queue === null) {
      host.records.put(feedRecordKind, name, null);
      return;
    }
    const { originId } = state;
    state.feeds.begin({ host, queue, subscription, retained, systemTopics, originId }, true);
  });
}

function recordName(clientId: string, filter: string): string {
  return JSON.stringify([clientId, filter]);
}
