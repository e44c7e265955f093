/** Head of an HTTP request, from its first byte to the empty line. */
export const headerBytesMax: number = 16 * 1024;
