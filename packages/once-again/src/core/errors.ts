import type { ErrorCode } from "./error-codes.ts";

/** Marks our errors across two installed copies of the library, where `instanceof` fails. */
const brand = Symbol.for("once-again.error");

/** Facts about an error beside its code and message. Never a payload, never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** Everything that this library throws. `code` says which case it is, `message` what to do next. */
export class OnceAgainError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly details?: ErrorDetails | undefined } = {},
  ) {
    super(message, options);
    this.name = "OnceAgainError";
    this.code = code;
    this.details = options.details ?? {};
    Object.defineProperty(this, brand, { value: true });
  }

  /** Whether `value` is an error of this library, of any installed copy; with `code`, of that code only. It never throws. */
  static isInstance(value: unknown, code?: ErrorCode): value is OnceAgainError {
    try {
      if (typeof value !== "object" || value === null || !(brand in value)) return false;
      return code === undefined || ("code" in value && value.code === code);
    } catch {
      // A revoked proxy throws whatever it is asked.
      return false;
    }
  }
}
