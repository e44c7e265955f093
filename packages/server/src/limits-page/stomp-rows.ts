import type { StompLimits } from "@jackalope/stomp-adapter";
import type { LimitRows } from "./limit-row.ts";
import { outboxRows } from "./outbox-rows.ts";

const error = "ERROR, connection closed";

/** The limits of the STOMP adapter. */
export const stompRows: LimitRows<StompLimits> = {
  bodyBytesMax: {
    setting: "stompBodyMax",
    counts: "body of a frame; `max-message-size` counts too",
    atBound: error,
  },
  loginHeadBytesMax: { counts: "command and header lines of a frame before login", atBound: error },
  loginBodyBytesMax: { counts: "body of a frame before login", atBound: error },
  commandBytesMax: { counts: "command line of a frame", atBound: error },
  headersMax: { counts: "header lines of a frame", atBound: error },
  headerBytesMax: { counts: "a header line", atBound: error },
  headBytesMax: { counts: "command and header lines of a frame together", atBound: error },
  subscriptionsMax: { counts: "subscriptions of a connection", atBound: error },
  transactionsMax: {
    counts: "transactions of a connection that are open at a time; each is bounded as above",
    atBound: error,
  },
  replyQueuesMax: { counts: "reply queues (`/temp-queue/`) of a connection", atBound: error },
  selectorLengthMax: { counts: "characters of a selector", atBound: error },
  heartbeatMsMin: { counts: "the shortest heart-beat interval", atBound: "a client that asks for less gets this" },
  webSocketSilenceMsMin: {
    counts: "silence of a page",
    atBound: "a page is not given up for a shorter one, whatever its heart-beats",
  },
  handshakeTimeoutMs: {
    setting: "handshakeTimeout",
    counts: "from the accepted socket to CONNECTED",
    atBound: "the connection is closed",
  },
  closeTimeoutMs: {
    counts: "how long a client that got an ERROR has to close its side",
    atBound: "it is cut off",
  },
  shutdownTimeoutMs: {
    counts: "how long clients have to close their side when the broker ends",
    atBound: "they are cut off",
  },
  ...outboxRows,
  stalledQueueBytesMax: {
    counts: "what waits in the queues of the own subscriptions of a client that is behind",
    atBound: "the client is cut off",
  },
};
