/** Ctrl-C: the first one asks for an orderly end, the second one ends at once. */

/** Thrown by a command that was interrupted and has saved what it had. Exit code 130. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Gives `work` a signal that aborts on the first SIGINT or SIGTERM.
 * @throws Interrupted where the work ends because of that.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const onSignal = (): void => {
    if (signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await work(signal);
  } catch (error) {
    if (signal.aborted && error === signal.reason) throw new Interrupted('interrupted');
    throw error;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
