import type { Socket } from "node:net";

/** One listener a connection, however many of its requests wait for their turn: node:events warns of more than ten. */
const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back when a connection has ended.
 *
 * @returns what takes the call back
 */
export function onceEnded(socket: Socket, callback: () => void): () => void {
  const known = waiting.get(socket);
  const callbacks = known ?? new Set();
  callbacks.add(callback);
  if (!known) {
    waiting.set(socket, callbacks);
    socket.once("close", () => {
      for (const each of [...callbacks]) each();
    });
  }
  return () => callbacks.delete(callback);
}
