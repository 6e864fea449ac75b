/** What may be thrown, and can't be handled as errors mostly are. */
export const strangeErrors: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  "a symbol": () => Symbol("x"),
  "an object without a prototype": () => Object.create(null) as unknown,
  "an object that can't be written out": () => ({
    toString() {
      throw new Error("no");
    },
  }),
  "an error whose message is an object": () => Object.assign(new Error(), { message: { code: 7 } }),
  "an error without a message": () => Object.assign(new Error(), { message: undefined }),
  "an error whose message can't be read": () =>
    Object.defineProperty(new Error(), "message", {
      get() {
        throw new Error("no");
      },
    }),
};
