import { type ReadBounds, readStream } from "./read-stream.ts";
import { type Body, type BodyCopy, type CallLimits, copyBody, type RetryingRequestInit } from "./request-body.ts";

/** What the arguments of a `fetch` say. */
export interface ReadRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: BodyCopy["body"];
  /** What `fetch` is to be given first. A Request brings settings (credentials, mode, ...) that only it can hand on. */
  readonly target: string | Request;
}

/** The arguments of a `fetch` but for its body and signal, which are looked after apart. */
type Settings = Omit<RetryingRequestInit, "body" | "signal" | "within" | keyof CallLimits>;

/**
 * Reads and checks the arguments of a `fetch`, and takes hold of the body.
 *
 * @throws TypeError, as `fetch` does, for arguments that are no request; what `readStream` throws.
 */
export async function readRequest(
  input: string | URL | Request,
  settings: Settings,
  body: Body | null | undefined,
  bounds: ReadBounds,
): Promise<ReadRequest> {
  if (input instanceof Request) return readGivenRequest(input, settings, body, bounds);
  const { method, url, headers } = readPlainHead(input, settings) ?? readCheckedHead(input, settings);
  const copy = await copyBody(body, method);
  setContentType(headers, copy);
  return { method, url, headers, body: copy.body, target: url.href };
}

async function readGivenRequest(
  input: Request,
  settings: Settings,
  body: Body | null | undefined,
  bounds: ReadBounds,
): Promise<ReadRequest> {
  const { referrer, referrerPolicy } = input;
  // With `null` the Request's own body stays, as in `fetch`.
  const replaced = (body ?? null) === null ? undefined : await copyBody(body, settings.method ?? input.method);
  const target = new Request(input, {
    // Any setting, even the signal, would reset these two.
    referrer,
    referrerPolicy,
    ...settings,
    // The caller's signal is left out: the platform would leave a listener behind on it.
    signal: null,
    ...(replaced === undefined ? undefined : { body: "" }),
  });
  const { method, url } = target;
  const headers = new Headers(target.headers);
  if (replaced !== undefined) {
    // The empty text that stood in for it has a type of its own.
    if (!new Headers(settings.headers ?? input.headers).has("content-type")) headers.delete("content-type");
    setContentType(headers, replaced);
    return { method, url: new URL(url), headers, body: replaced.body, target };
  }
  const read = target.body === null ? null : await readStream(target.body, bounds);
  return { method, url: new URL(url), headers, body: read, target };
}

function setContentType(headers: Headers, { contentType }: BodyCopy): void {
  if (contentType !== undefined && !headers.has("content-type")) headers.set("content-type", contentType);
}

type Head = Pick<ReadRequest, "method" | "url" | "headers">;

/** Methods that a Request takes, and leaves as they are written. */
const plainMethods: ReadonlySet<unknown> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** What most requests say; `undefined` for one that only the platform can check, by a Request, which costs more than twice as much. */
function readPlainHead(input: string | URL, settings: Settings): Head | undefined {
  const { method = "GET", headers, ...others } = settings;
  if (!plainMethods.has(method) || Object.keys(others).length > 0) return undefined;
  const text = input.toString();
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return undefined;
  return { method, url, headers: new Headers(headers) };
}

function readCheckedHead(input: string | URL, settings: Settings): Head {
  // Without the body: the platform would make a web stream of it, which costs a third of a whole `fetch`.
  const { method, url, headers } = new Request(input, { ...settings, signal: null });
  return { method, url: new URL(url), headers: new Headers(headers) };
}
