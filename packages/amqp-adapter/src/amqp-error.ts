import type { BrokerErrorCode } from "@jackalope/core/adapter";

/** One reply code of AMQP 0-9-1 (section 1.2 "constants"): a hard one ends the connection, a soft one the channel. */
export interface ReplyCode {
  readonly code: number;
  readonly name: string;
  readonly hard: boolean;
}

export const replyCodes = {
  noRoute: { code: 312, name: "NO_ROUTE", hard: false },
  connectionForced: { code: 320, name: "CONNECTION_FORCED", hard: true },
  accessRefused: { code: 403, name: "ACCESS_REFUSED", hard: false },
  notFound: { code: 404, name: "NOT_FOUND", hard: false },
  resourceLocked: { code: 405, name: "RESOURCE_LOCKED", hard: false },
  preconditionFailed: { code: 406, name: "PRECONDITION_FAILED", hard: false },
  frameError: { code: 501, name: "FRAME_ERROR", hard: true },
  syntaxError: { code: 502, name: "SYNTAX_ERROR", hard: true },
  commandInvalid: { code: 503, name: "COMMAND_INVALID", hard: true },
  channelError: { code: 504, name: "CHANNEL_ERROR", hard: true },
  unexpectedFrame: { code: 505, name: "UNEXPECTED_FRAME", hard: true },
  resourceError: { code: 506, name: "RESOURCE_ERROR", hard: true },
  notAllowed: { code: 530, name: "NOT_ALLOWED", hard: true },
  notImplemented: { code: 540, name: "NOT_IMPLEMENTED", hard: true },
  internalError: { code: 541, name: "INTERNAL_ERROR", hard: true },
} as const;

/** The broker's refusals on the AMQP wire. A new code in the core does not compile until it has its line here. */
export const replyCodeOf: Readonly<Record<BrokerErrorCode, ReplyCode>> = {
  "access-refused": replyCodes.accessRefused,
  "not-found": replyCodes.notFound,
  "resource-locked": replyCodes.resourceLocked,
  "precondition-failed": replyCodes.preconditionFailed,
  "quota-exceeded": replyCodes.preconditionFailed,
  "not-allowed": replyCodes.notAllowed,
  "not-implemented": replyCodes.notImplemented,
  "command-invalid": replyCodes.commandInvalid,
  "resource-error": replyCodes.resourceError,
  "internal-error": replyCodes.internalError,
};

/** What the peer did wrong in the protocol itself. `message` is the explanation behind the reply code's name. */
export class AmqpError extends Error {
  readonly reply: ReplyCode;
  /** True where the byte stream cannot be followed any further: nothing but the peer's farewell is read after it. */
  readonly streamLost: boolean;

  constructor(reply: ReplyCode, explanation: string, streamLost = false) {
    super(explanation);
    this.name = "AmqpError";
    this.reply = reply;
    this.streamLost = streamLost;
  }
}

/** A malformed method, property list or field table: 502 and the end of the connection. */
export function syntaxError(explanation: string): AmqpError {
  return new AmqpError(replyCodes.syntaxError, explanation);
}

/** `NAME - explanation`, cut to what a short string carries without breaking a character. */
export function replyText(reply: ReplyCode, explanation: string): string {
  const text = `${reply.name} - ${explanation}`;
  const bytes = Buffer.from(text);
  if (bytes.length <= shortStringBytesMax) return text;
  let end = shortStringBytesMax;
  // 10xxxxxx continues a character of UTF-8.
  while (((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}

const shortStringBytesMax = 255;
