import { decodeProperties, encodeProperties } from "./property-codec.ts";

/**
 * Native properties that fit into a content header, which is one frame and cannot be divided (AMQP 0-9-1, 4.2.6). Those
 * of other protocols, or of a client with larger frames, may not: then headers are left out, the largest first, as a
 * frame too large would cost the consumer its connection, and the next consumer too.
 */
export function fitContentHeader(native: Uint8Array, nativeBytesMax: number): Uint8Array {
  if (native.length <= nativeBytesMax) return native;
  const { headers = [], ...rest } = decodeProperties(native);
  const bareBytes = encodeProperties({ ...rest, headers: [] }).length;
  const sized = headers.map((header, place) => ({
    place,
    byteCount: encodeProperties({ headers: [header] }).length - encodeProperties({ headers: [] }).length,
  }));
  sized.sort((left, right) => left.byteCount - right.byteCount);
  const kept = new Set<number>();
  let total = bareBytes;
  for (const { place, byteCount } of sized) {
    total += byteCount;
    if (total > nativeBytesMax) break;
    kept.add(place);
  }
  return encodeProperties({ ...rest, headers: headers.filter((_, place) => kept.has(place)) });
}
