const texts = {
  acceptVersion: "accept-version",
  contentLength: "content-length",
  destination: "destination",
  expiration: "expiration",
  heartBeat: "heart-beat",
  host: "host",
  id: "id",
  login: "login",
  messageId: "message-id",
  passcode: "passcode",
  persistent: "persistent",
  prefetchCount: "prefetch-count",
  priority: "priority",
  receipt: "receipt",
  replyTo: "reply-to",
  requeue: "requeue",
  timestamp: "timestamp",
  transaction: "transaction",
  userId: "user-id",
} as const;

/** Header names as bytes, for `FrameHead.find`. */
export const headerNames: Readonly<Record<keyof typeof texts, Buffer>> = Object.fromEntries(
  Object.entries(texts).map(([key, text]) => [key, Buffer.from(text)]),
) as Record<keyof typeof texts, Buffer>;
