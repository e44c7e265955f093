import type { Socket } from "node:net";

/**
 * For each chunk of a stream that is read only to be forgotten: the next ones come a turn later. Unless it is stopped from
 * inside, one poll reads a full socket up to 32 times, and a hundred clients that were refused in the middle of a large
 * message had everybody else wait for a second.
 */
export function readOnLater(socket: Socket): void {
  if (socket.isPaused()) return;
  socket.pause();
  setImmediate(() => {
    if (!socket.destroyed) socket.resume();
  });
}
