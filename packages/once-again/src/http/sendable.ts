import type { HttpResponse } from "./response.ts";

/** The characters of a header's name (RFC 9110, section 5.6.2). */
const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i;

export function isHeaderName(name: string): boolean {
  return token.test(name);
}

/** The characters that no value may hold, by Node's rules, which are the strictest: control characters but for the tab, and all beyond Latin-1. */
const notInValue = /[^\t\u0020-\u007e\u0080-\u00ff]/;

/**
 * Why an answer can't be sent, by Node or as a web `Response`; `undefined` when it can. What can't be sent is never
 * stored: every repeat would fail at it anew. A value is not shown, since it may be a secret.
 */
export function sendProblem({ status, headers, body }: HttpResponse): string | undefined {
  // Neither informational nor out of HTTP's range (RFC 9110, section 15).
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    return `its status is ${String(status)}, and 200 to 599 are allowed`;
  }
  for (const [name, value] of headers) {
    if (typeof name !== "string" || !isHeaderName(name)) return `${JSON.stringify(name)} is no name of a header`;
    if (typeof value !== "string") return `the value of its header ${name} is no text`;
    if (notInValue.test(value)) {
      return `the value of its header ${name} has a control character, or one beyond Latin-1; encode it`;
    }
  }
  return body instanceof Uint8Array ? undefined : "its body is neither text nor bytes";
}

/** The answer without a promise of trailers, which one that is sent whole, with its length, can't keep. */
export function withoutTrailer(answer: HttpResponse): HttpResponse {
  if (!answer.headers.some(isTrailer)) return answer;
  return { ...answer, headers: answer.headers.filter((header) => !isTrailer(header)) };
}

const isTrailer = ([name]: readonly [string, string]): boolean =>
  name.length === "trailer".length && name.toLowerCase() === "trailer";
