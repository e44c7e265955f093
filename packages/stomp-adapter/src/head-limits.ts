/** Bounds of a frame's head. Always made by `headLimits`: the path of a message sees one shape of it. */
export interface HeadLimits {
  readonly commandBytesMax: number;
  readonly headersMax: number;
  readonly headerBytesMax: number;
  readonly headBytesMax: number;
}

/** The bounds in `limits`, with `headBytesMax` for the whole head where that is less. */
export function headLimits(limits: HeadLimits, headBytesMax: number): HeadLimits {
  const { commandBytesMax, headersMax, headerBytesMax } = limits;
  return { commandBytesMax, headersMax, headerBytesMax, headBytesMax: Math.min(headBytesMax, limits.headBytesMax) };
}
