const { process } = globalThis;

/** Set by `crashAtEachPoint`: the name of the point to die at, or empty to die at none. */
export const crashPointVariable = "ONCE_AGAIN_CRASH_POINT";

/** The report of a process on each crash point that it reaches. */
export interface PointReached {
  readonly crashPoint: string;
}

/**
 * A place at which a test can make this process die, as by a power cut (SIGKILL): `await crashPoint("charged")`. Does
 * nothing unless `crashAtEachPoint` started the process. Hand it to your handler as a function, so that what runs in
 * production need not know of it.
 *
 * @param name names the place: after what it stands. One of the same name is the same point.
 */
export async function crashPoint(name: string): Promise<void> {
  const dieAt = process.env[crashPointVariable];
  if (dieAt === undefined) return;
  if (dieAt === name) {
    process.kill(process.pid, "SIGKILL");
    // Nothing after this point happens, not even until the signal has arrived.
    await new Promise(() => undefined);
  }
  const reached: PointReached = { crashPoint: name };
  await new Promise<unknown>((resolve) => {
    if (process.send === undefined) resolve(undefined);
    else process.send(reached, undefined, undefined, resolve);
  });
}
