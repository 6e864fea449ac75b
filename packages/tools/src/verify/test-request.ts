/** Header lines in their order; a name may come again. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** A request as data. `Host` and the headers of the body's framing are added when it is written. */
export interface TestRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Written as they stand, in latin1, repeated ones too. */
  readonly headers: HeaderList;
  readonly body: Buffer;
  readonly framing: "length" | "chunked";
}

const isNamed =
  (name: string) =>
  ([other]: readonly [string, string]): boolean =>
    other.toLowerCase() === name.toLowerCase();

/** The value of a request's or an answer's first header of that name. */
export function findHeader({ headers }: { headers: HeaderList }, name: string): string | undefined {
  return headers.find(isNamed(name))?.[1];
}

/** The request with these headers in place of all of their names. */
export function withHeaders(request: TestRequest, headers: HeaderList): TestRequest {
  return { ...request, headers: [...withoutHeaders(request.headers, headers), ...headers] };
}

/** The list without all headers that have one of these names. */
export function withoutHeaders(list: HeaderList, names: HeaderList): HeaderList {
  return list.filter(([name]) => !names.some(isNamed(name)));
}

/** The request with one more part in its query. */
export function withQuery(request: TestRequest, query: string): TestRequest {
  return { ...request, target: `${request.target}${request.target.includes("?") ? "&" : "?"}${query}` };
}

/** A request as bytes: its head, and its body in the framing it asks for. */
export function writeRequest(request: TestRequest, host: string): { head: Buffer; body: Buffer } {
  const { method, target, framing, body } = request;
  const isChunked = framing === "chunked";
  const framed = isChunked
    ? ["Transfer-Encoding: chunked"]
    : hasBody(request)
      ? [`Content-Length: ${body.length}`]
      : [];
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${host}`,
    ...request.headers.map(([name, value]) => `${name}: ${value}`),
    ...framed,
  ];
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  return { head, body: isChunked ? encodeChunks(body) : body };
}

const hasBody = ({ method, body }: TestRequest): boolean => body.length > 0 || !["GET", "HEAD"].includes(method);

/** Two chunks, so that a reader who takes the first for all is found out. */
function encodeChunks(body: Buffer): Buffer {
  const middle = Math.ceil(body.length / 2);
  const chunk = (part: Buffer): Buffer =>
    part.length === 0
      ? part
      : Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]);
  return Buffer.concat([chunk(body.subarray(0, middle)), chunk(body.subarray(middle)), Buffer.from("0\r\n\r\n")]);
}
