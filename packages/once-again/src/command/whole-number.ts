/** By this code commander takes an error for a wrong argument, and prints its message: the library does not depend on it. */
const invalidArgument = { code: "commander.invalidArgument", exitCode: 1 };

/** Reads an option that is a whole number within bounds. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    throw Object.assign(new Error(`It must be a whole number from ${min} to ${max}.`), invalidArgument);
  };
