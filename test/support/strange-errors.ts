/** Values that may be thrown, and can't be handled like most errors. */
export const strangeErrors: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  "a symbol": () => Symbol("x"),
  "an object without a prototype": () => Object.create(null) as unknown,
  "an object that can't be written out": () => ({
    toString() {
      throw new Error("no");
    },
  }),
  "an error with an object as its message": () => Object.assign(new Error(), { message: { code: 7 } }),
  "an error without a message": () => Object.assign(new Error(), { message: undefined }),
  "an error with a message that can't be read": () =>
    Object.defineProperty(new Error(), "message", {
      get() {
        throw new Error("no");
      },
    }),
};
