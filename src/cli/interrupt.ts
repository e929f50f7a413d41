/** Ctrl-C: the first one asks for an orderly end, the second one ends at once. */

/** Thrown by a command that was interrupted and has saved what it had. Exit code 130. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** A signal that aborts on the first SIGINT or SIGTERM, while `work` runs. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
