/**
 * Runs tasks with at most `max()` of them under way; the others wait in the order they came. `max` is asked whenever a
 * task comes or ends.
 *
 * @returns a function that starts a task when its turn comes and settles as the task does
 */
export function limitConcurrency(max: () => number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  const startMore = () => {
    // A place is taken for the next in line before it runs, so that no newcomer can slip in between.
    while (waiting.length > 0 && running < max()) {
      running++;
      waiting.shift()!();
    }
  };
  return async (task) => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      startMore();
    });
    try {
      return await task();
    } finally {
      running--;
      startMore();
    }
  };
}
