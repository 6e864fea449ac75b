/** Makes a step of one request of a listener: what it throws fails that request, and not the process. */
export function containErrors<Args extends unknown[]>(
  fail: (error: unknown) => void,
  step: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      step(...args);
    } catch (error) {
      fail(error);
    }
  };
}
