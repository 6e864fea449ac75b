/** Headers that no caller may have removed by naming them in `Connection`: the message, or its caller, needs them. */
const endToEnd: readonly string[] = [
  "authorization",
  "content-encoding",
  "content-length",
  "content-type",
  "cookie",
  "forwarded",
  "host",
  "idempotency-key",
  "x-real-ip",
];

/** How names begin that only the gateway, or a trusted proxy, may set. */
const prefixes: readonly string[] = ["idempotency-", "idempotent-", "x-forwarded-"];

/** Names of headers that a caller can neither remove nor bring in another spelling. */
export interface ProtectedHeaders {
  /** Whether `Connection` may not name it. @param name in lower case. */
  has(name: string): boolean;
  /**
   * Whether a name is another spelling of a protected one. CGI, WSGI, Rack and PHP have `X_Account` and `X-Account` as one
   * variable; some servers do so with every sign that is neither a letter nor a digit. @param name in lower case.
   */
  isOtherSpelling(name: string): boolean;
}

/** @param more names in any case, beside those that are always protected. */
export function protectedHeaders(more: readonly string[] = []): ProtectedHeaders {
  const names = new Set([...endToEnd, ...more.map((name) => name.toLowerCase())]);
  const spellings = new Set([...names].map(plainSpelling));
  const hasPrefix = (name: string): boolean => prefixes.some((prefix) => name.startsWith(prefix));
  return {
    has: (name) => names.has(name) || hasPrefix(name),
    isOtherSpelling(name) {
      if (names.has(name)) return false;
      const plain = plainSpelling(name);
      return spellings.has(plain) || (plain !== name && hasPrefix(plain));
    },
  };
}

const oddSign = /[^a-z0-9-]/;
const oddSigns = /[^a-z0-9-]/g;

const plainSpelling = (name: string): string => (oddSign.test(name) ? name.replaceAll(oddSigns, "-") : name);
