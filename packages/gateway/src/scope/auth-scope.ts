import { Pool } from "undici";
import type { HttpResponse } from "once-again/http";
import type { RequestFacts } from "../gateway-options.ts";
import { accountAt, type AccountType } from "./account-at.ts";
import { refuse } from "./refusal.ts";
import type { AuthScopeRule, OpenScope } from "./scope-rule.ts";

/** So many connections to the service, and so much of an answer is read, bytes. */
const connectionsMax = 64;
const bytesMax = 65_536;

/** An answer of the service, of which the end may be cut off. */
interface Answer extends HttpResponse {
  readonly isWhole: boolean;
}

/**
 * A service names the caller of a request, or refuses it, for each request anew: nothing is cached. It is asked by GET,
 * with the caller's credentials and, in `X-Forwarded-*` headers, the target and host that the upstream will get.
 * While it does not answer, or names no account, `scopeOf` throws. A header that it gets is refused where it came twice: the
 * service behind may read the other one.
 */
export function authScope({ url, pass, account, type, timeoutMs }: AuthScopeRule): OpenScope {
  const pool = new Pool(url.origin, { connections: connectionsMax, connect: { timeout: timeoutMs } });
  const ask = async (request: RequestFacts): Promise<Answer> => {
    const { statusCode, headers, body } = await pool.request({
      method: "GET",
      path: `${url.pathname}${url.search}`,
      headers: { ...passedHeaders(request, pass), accept: "application/json, */*;q=0.1" },
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: statusCode, headers: headerPairs(headers), ...(await readBody(body)) };
  };
  return {
    async scopeOf(request) {
      const repeated = pass.find((name) => (request.headers[name.toLowerCase()]?.length ?? 0) > 1);
      if (repeated !== undefined) return refuse(400, `The header ${repeated} came more than once.`);
      const answer = await ask(request);
      if (answer.status >= 500) throw new Error(`${url.href} failed with ${answer.status}.`);
      if (answer.status >= 300) return { refusal: answer };
      const scope = answer.isWhole ? accountIn(answer, account, type) : undefined;
      if (scope === undefined) throw new Error(`${url.href} let a caller pass, but named no account as a ${type}.`);
      return { scope };
    },
    close: () => pool.close(),
  };
}

function passedHeaders(request: RequestFacts, pass: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    "x-forwarded-method": request.method,
    "x-forwarded-uri": request.url,
    "x-forwarded-host": request.host,
    "x-forwarded-proto": request.protocol,
    "x-forwarded-for": request.forwardedFor,
  };
  for (const name of pass) {
    const values = request.headers[name.toLowerCase()];
    if (values !== undefined) headers[name.toLowerCase()] = [...values];
  }
  return headers;
}

/** Headers of the service's connection, not of its answer. */
const connectionHeaders = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

function headerPairs(headers: NodeJS.Dict<string | string[]>): [string, string][] {
  return Object.entries(headers)
    .filter(([name]) => !connectionHeaders.has(name))
    .flatMap(([name, values]) => [values ?? []].flat().map((value): [string, string] => [name, value]));
}

async function readBody(chunks: AsyncIterable<Buffer>): Promise<Pick<Answer, "body" | "isWhole">> {
  const read: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > bytesMax) return { body: new Uint8Array(), isWhole: false };
    read.push(chunk);
  }
  return { body: Buffer.concat(read), isWhole: true };
}

function accountIn(
  { headers, body }: Answer,
  account: AuthScopeRule["account"],
  type: AccountType,
): string | undefined {
  if ("header" in account) {
    const values = headers.filter(([name]) => name === account.header.toLowerCase());
    return values.length === 1 ? values[0]![1] || undefined : undefined;
  }
  try {
    return accountAt(JSON.parse(new TextDecoder().decode(body)), account.body, type);
  } catch {
    return undefined;
  }
}
