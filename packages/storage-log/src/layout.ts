/**
 * The bytes of the log. All numbers are little-endian; f64 carries integers up to 2^53.
 *
 *     data directory      lock.…   segments/0000000001.log   segments/0000000002.log   …
 *                         segments/0000000003-0000000007.gone   empty: these were deleted, an older one still exists
 *     segment             | header | batch | batch | …
 *     batch               | header | record | record | …        written by one commit, valid as a whole or not at all
 *     record              | u32 crc | u32 length | u8 kind | …   crc of everything behind it, length of everything
 *
 * Segment header:  0 "JACKALOG"  8 u32 crc  12 u32 version  16 u32 id  20 u32 id of the segment before, 0 none
 *                  24 u32 where that one ends  28 u32 zero  32 f64 last Lsn before
 * Batch header:    0 "JKBT"  4 u32 crc  8 u32 bytes with this header  12 u32 flags  16 u32 segment id
 *                  20 u32 own offset  24 u32 offset up to which the segment was durable when this was written
 *                  28 u32 zero  32 f64 last Lsn
 * Message:         9 u8 flags  10 u8 priority  11 u8 zero  12 f64 Lsn  20 f64 publishedAtMs  28 u32 native bytes
 *                  32 u32 queues  36 u32 route bytes  40 u32 queue id …  [f64 expirationMs]  route  [extra keys]
 *                  native  body
 * Route:           u16 length, exchange  u16 length, routing key  u8 length, format id
 * Extra keys:      u16 count, then u16 length, key …
 * Settle:          9 zeros  12 u32 queue id  16 u32 runs  20 varints: zigzag distance from the end of the run before,
 *                  messages in the run …
 * Put:             9 zeros  12 u32 key bytes  16 key  value
 * Delete:          9 zeros  12 u32 key bytes  16 key
 * Filler:          9 anything; left where a repair gave bytes up
 *
 * A batch header names its own place, so that bytes of a log inside a message body are never taken for one.
 */
export const segmentMagic = "JACKALOG";
export const segmentVersion = 1;
export const segmentHeaderBytes = 40;

/** "JKBT" read as a little-endian number. */
export const batchMagic = 0x54424b4a;
export const batchMagicBytes: Uint8Array = Uint8Array.of(0x4a, 0x4b, 0x42, 0x54);
export const batchHeaderBytes = 40;
/** Batch flag: the log was closed behind this batch, so damage before it is never a torn tail. */
export const closingFlag = 1;

/** The least that a record takes. */
export const recordBytesMin = 12;
/** Of put and delete: crc, length, kind and key length. */
export const definitionHeaderBytes = 16;
/** In memory only: the message was settled before its batch was sealed. */
export const deadKind = 0;
export const messageKind = 1;
export const settleKind = 2;
export const putKind = 3;
export const deleteKind = 4;
export const fillerKind = 5;

export const messageHeaderBytes = 40;
export const persistentFlag = 1;
export const expirationFlag = 2;
export const extraKeysFlag = 4;

/** Offsets in a segment are u32 and a batch may stand behind the bound, so segments stay well below 4 GiB. */
export const segmentBytesMax: number = 1 << 30;

/** `0000000001.log` */
export function segmentFileName(id: number): string {
  return `${String(id).padStart(10, "0")}.log`;
}

/** The id in a segment's file name, 0 where the name is something else's. */
export function segmentFileId(name: string): number {
  return /^\d{10}\.log$/.test(name) ? Number(name.slice(0, 10)) : 0;
}

/** Ids of segments that do not exist any more although an older one does. */
export interface GoneRange {
  readonly first: number;
  readonly last: number;
}

/** `0000000003-0000000007.gone` */
export function goneFileName({ first, last }: GoneRange): string {
  return `${String(first).padStart(10, "0")}-${String(last).padStart(10, "0")}.gone`;
}

/** The range in the name of a gone mark, null where the name is something else's. */
export function goneFileRange(name: string): GoneRange | null {
  const match = /^(\d{10})-(\d{10})\.gone$/.exec(name);
  return match === null ? null : { first: Number(match[1]), last: Number(match[2]) };
}
