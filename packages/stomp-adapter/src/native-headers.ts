import { checkEscapes, escapeText } from "./escaping.ts";
import type { FrameHead } from "./frame-head.ts";
import { headerNames } from "./header-names.ts";

/**
 * Finds the headers of a SEND that belong to the message. Mostly they stand next to one another in the very form in
 * which they are kept, and `start` and `end` are places in the frame. Otherwise `rewritten` holds them.
 */
export class NativeHeaders {
  start = 0;
  end = 0;
  rewritten: Buffer | null = null;

  /** `replyTo` replaces the value of `reply-to` where it is not null. */
  find(head: FrameHead, replyTo: string | null): void {
    this.rewritten = null;
    this.start = this.end = head.bodyStart;
    const destination = head.find(headerNames.destination);
    const receipt = head.find(headerNames.receipt);
    const transaction = head.find(headerNames.transaction);
    const length = head.find(headerNames.contentLength);
    let first = -1;
    let last = -1;
    let inPlace = !head.hasCarriageReturns && head.version !== "1.0" && replyTo === null;
    for (let line = 0; line < head.count; line++) {
      if (line === destination || line === receipt || line === transaction || line === length) continue;
      if (head.repeats(line) || (first >= 0 && last !== line - 1)) inPlace = false;
      if (first < 0) first = line;
      last = line;
    }
    if (first < 0) return;
    if (!inPlace) {
      this.rewritten = rewrite(head, [destination, receipt, transaction, length], replyTo);
      return;
    }
    this.start = head.nameStart(first);
    this.end = head.valueEnd(last) + 1;
    checkEscapes(head.bytes, this.start, this.end, head.version);
  }
}

function rewrite(head: FrameHead, left: readonly number[], replyTo: string | null): Buffer {
  const replyLine = replyTo === null ? -1 : head.find(headerNames.replyTo);
  let text = "";
  for (let line = 0; line < head.count; line++) {
    if (left.includes(line) || head.repeats(line)) continue;
    const value = line === replyLine && replyTo !== null ? replyTo : head.value(line);
    text += `${escapeText(head.name(line), "1.2")}:${escapeText(value, "1.2")}\n`;
  }
  return Buffer.from(text);
}
