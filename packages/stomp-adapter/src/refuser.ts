import { type RefuserOptions, RefusingListeners, type WebSocketRefuser, webSocketRefuser } from "@jackalope/transport";
import { FrameDecoder } from "./codec.ts";
import { headLimits } from "./head-limits.ts";
import { frameText } from "./frame-writer.ts";
import { defaultStompLimits } from "./options.ts";
import { versionList } from "./version.ts";
import { webSocketTerms } from "./web-socket-terms.ts";

/** Makes a refuser: a client's first frame, whatever it is, is answered by an ERROR with the reason in `message`. */
export function createStompRefuser(options: RefuserOptions): WebSocketRefuser {
  const limits = defaultStompLimits;
  const listeners = new RefusingListeners({
    ...options,
    protocol: "STOMP",
    refusal: (client) => {
      const refuse = (): void => {
        decoder.stopped = true;
        client.say(errorFrame(options.reason()));
        client.finish();
      };
      const decoder = new FrameDecoder(limits.loginBodyBytesMax, headLimits(limits, limits.loginHeadBytesMax), {
        onFrame: refuse,
        onRepeatedSend: refuse,
      });
      return (chunk) => {
        decoder.push(chunk);
        try {
          decoder.run();
        } catch {
          refuse();
        }
      };
    },
  });
  return webSocketRefuser(listeners, webSocketTerms);
}

/** 1.0 has no escapes: what any client can read. */
function errorFrame(reason: string): Buffer {
  const headers = [
    ["message", reason],
    ["content-type", "text/plain"],
    ["version", versionList],
  ] as const;
  return Buffer.from(frameText("1.0", "ERROR", headers, `CONNECTION_FORCED - ${reason}\n`));
}
