import { expect } from "vitest";

/** Each `Retry-After` that we may send while the store answers. */
export const retryAfters: readonly unknown[] = ["1", "2", "3"];

/** One of them, in an expectation. */
export const oneRetryAfter: unknown = expect.toBeOneOf([...retryAfters]);
