import { type MessageFormat, registerMessageFormat } from "@jackalope/core/adapter";
import { decodeHeaders, encodeHeaders } from "./header-properties.ts";

/** Messages as STOMP sends them: the header lines of SEND that are not about the frame. */
export const stompFormat: MessageFormat = {
  id: "stomp",
  toProperties: decodeHeaders,
  fromProperties: encodeHeaders,
};

registerMessageFormat(stompFormat);
