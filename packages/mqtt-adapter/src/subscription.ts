/** `$share/group/filter`, taken apart (MQTT 5, 4.8.2). */
export interface SharedFilter {
  readonly group: string;
  readonly filter: string;
}

/** One subscription of one session. */
export interface Subscription {
  /** As the client wrote it, `$share/…` included. */
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** MQTT 5, 3.8.3.1: retained messages are sent always (0), if the subscription is new (1), never (2). */
  readonly retainHandling: 0 | 1 | 2;
  /** Subscription identifier, 0 where there is none. */
  readonly id: number;
  /** Null where the subscription is the session's own. */
  readonly shared: SharedFilter | null;
}
