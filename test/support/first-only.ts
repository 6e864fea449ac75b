/**
 * A middleware that stands before the first request alone. On a slow machine a short time-out would answer the repeats of that, too, before
 * the handler could.
 */
export function firstOnly<Given extends unknown[], Answer>(
  middleware: (...given: Given) => Answer,
): (...given: Given) => Answer {
  let isFirst = true;
  return (...given) => {
    const next = given.at(-1) as () => Answer;
    const stands = isFirst;
    isFirst = false;
    return stands ? middleware(...given) : next();
  };
}
