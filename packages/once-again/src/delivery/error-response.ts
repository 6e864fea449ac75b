/** The parts of a response that an error carries and that are looked at. */
export interface ErrorResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/**
 * The response that an error carries: many clients throw what a server answered. Undici's `ResponseError` and most
 * others have it as `statusCode` or `status` beside `headers`; ky's, Octokit's and axios' as `response`.
 *
 * @returns `undefined` when the error has no status from 400 to 599: then it is about something else.
 */
export function errorResponse(error: unknown): ErrorResponse | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { response } = error as { response?: unknown };
  return readResponse(response) ?? readResponse(error);
}

function readResponse(holder: unknown): ErrorResponse | undefined {
  if (typeof holder !== "object" || holder === null) return undefined;
  const { status, statusCode = status, headers } = holder as { status: number; statusCode?: number; headers: unknown };
  if (!Number.isInteger(statusCode) || statusCode < 400 || statusCode > 599) return undefined;
  return { status: statusCode, headers: { get: (name) => readHeader(headers, name) } };
}

function readHeader(headers: unknown, name: string): string | null {
  if (typeof headers !== "object" || headers === null) return null;
  if ("get" in headers && typeof headers.get === "function") {
    const value: unknown = headers.get(name);
    return typeof value === "string" ? value : null;
  }
  const lowerName = name.toLowerCase();
  const [, value] = Object.entries(headers).find(([header]) => header.toLowerCase() === lowerName) ?? [];
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}
