import { checkNumber, invalidOptionError, type KeyFormat } from "once-again/internal";
import { formatKey, keyHeaderName, makeKey } from "once-again/key";

/** The operation that a handler is tested with, and how its effects are counted. */
export interface OperationOptions {
  /**
   * How many effects there have been by now: rows, charges, mails. It must be up to date when an operation's answer comes,
   * and nothing else may cause effects meanwhile.
   */
  readonly effects: () => number | Promise<number>;
  /** Where it is sent, from the root: `/orders`. Default: the path of the target's URL, or `/`. */
  readonly path?: string | undefined;
  /** Default POST. */
  readonly method?: string | undefined;
  /** Credentials, `Content-Type` and the like. A body that looks like JSON is sent as JSON by default. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The body of an operation that succeeds; default none. `{{unique}}` in it, or in `path`, is a new text for each. */
  readonly body?: string | undefined;
  /** The header that carries the key; default `Idempotency-Key`. */
  readonly keyHeader?: string | undefined;
  /** How the key is written: `"bare"` (default), or `"structured"`, in quotes as the IETF draft has it. */
  readonly keyFormat?: KeyFormat | undefined;
  /** How long the caller tries to get one answer, milliseconds, 100 to 600,000; default 30,000. */
  readonly timeoutMs?: number | undefined;
}

/** One operation: a request with its key, the same at every sending. */
export interface Operation {
  readonly path: string;
  readonly init: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string | undefined;
  };
}

/** Makes operations, by the options. */
export interface Operations {
  /** A new one, with its own key. */
  next(): Operation;
  /** Another request with the same key. */
  otherThan(operation: Operation): Operation;
}

const unique = "{{unique}}";

export function keyHeaderOf({ keyHeader = keyHeaderName }: OperationOptions): string {
  return keyHeader;
}

/** How long to ask for one answer. @throws OnceAgainError `ONCE_OPTION_INVALID` when it is out of bounds. */
export function timeoutOf({ timeoutMs = 30_000 }: OperationOptions): number {
  return checkNumber("timeoutMs", timeoutMs, { min: 100, max: 600_000 });
}

/**
 * @param otherBody what the other request of the same key has for a body; not needed where `{{unique}}` makes it another.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an invalid path.
 */
export function operationsOf(options: OperationOptions, targetPath: string, otherBody?: string): Operations {
  const { path = targetPath, method = "POST", headers = {}, body, keyFormat = "bare" } = options;
  const keyHeader = keyHeaderOf(options);
  if (!path.startsWith("/")) throw invalidOptionError("path", 'a path that begins with "/"', path);
  const isTyped = Object.keys(headers).some((name) => name.toLowerCase() === "content-type");
  const type = isTyped || !/^\s*[{[]/.test(body ?? "") ? undefined : { "Content-Type": "application/json" };

  const filled = (template: string | undefined, key: string): Operation => {
    const text = crypto.randomUUID();
    return {
      path: path.replaceAll(unique, text),
      init: {
        method,
        headers: { ...type, ...headers, [keyHeader]: key },
        ...(template !== undefined && { body: template.replaceAll(unique, text) }),
      },
    };
  };
  return {
    next: () => filled(body, formatKey(makeKey(), keyFormat)),
    otherThan: ({ init }) => filled(otherBody ?? body, init.headers[keyHeader] ?? ""),
  };
}

/**
 * Checks that another request of the same key can be made.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` when it would be the same request.
 */
export function checkOther({ path = "", body = "" }: OperationOptions, otherBody: string | undefined): void {
  if ((otherBody !== undefined && otherBody !== body) || (path + body).includes(unique)) return;
  throw invalidOptionError("otherBody", `another body that would succeed, unless ${unique} stands in body`, otherBody);
}
