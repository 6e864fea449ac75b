import { expect, test } from "vitest";
import { storedMessage } from "./outbox-message.ts";

const stored = (part: object) => storedMessage({ topic: "orders", body: "", ...part }, 1000);
const textOf = (body: unknown): string => new TextDecoder().decode(stored({ body }).body);

test.for([
  [{ order: Promise.resolve(1) }, "The body's order must be"],
  [{ order: { items: [1, new Map([[1, 2]])] } }, "The body's order.items.1 must be"],
  [[new Set([1])], "The body's 0 must be"],
  [new Blob(["x"]), "The body must be"],
])("a body with something of which JSON has nothing is refused, where it is: %o", ([body, problem]) => {
  expect(() => stored({ body })).toThrow(problem);
});

test("a body that is empty, or has a date, is what JSON makes of it", () => {
  expect(textOf({ at: new Date(0), of: {}, none: undefined, list: [] })).toBe(
    '{"at":"1970-01-01T00:00:00.000Z","of":{},"list":[]}',
  );
  expect(textOf(Object.create(null))).toBe("{}");
});

test("a view of bytes is sent as those bytes", () => {
  const bytes = Uint8Array.of(0, 1, 2, 3);
  expect(stored({ body: new DataView(bytes.buffer, 1, 2) }).body).toEqual(Uint8Array.of(1, 2));
  expect(stored({ body: new Uint16Array(bytes.buffer) }).body).toEqual(bytes);
});

test.for([new Map([["a", "b"]]), new Headers({ a: "b" }), [["a", "b"]]])(
  "headers that are no plain object are refused: %o",
  (headers) => {
    expect(() => stored({ headers })).toThrow("headers must be a plain object of texts");
  },
);

test("a misspelt part is refused, and what belongs to a message that is passed on is not", () => {
  expect(() => stored({ orderingkey: "k" })).toThrow("did you mean orderingKey?");
  expect(() => stored({ header: {} })).toThrow("did you mean headers?");
  expect(stored({ id: "1", addedAt: 0, deliveries: 1, position: undefined })).toMatchObject({ id: "1" });
});
