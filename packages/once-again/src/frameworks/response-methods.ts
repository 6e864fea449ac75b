type Method = (this: never, ...args: never[]) => unknown;

/** The methods that a handler answers by, and the one that tells of it. */
export type ResponseMethods = Record<
  "writeHead" | "flushHeaders" | "write" | "end" | "destroy" | "emit" | "addTrailers",
  Method
>;

export function methodsOf(response: ResponseMethods): ResponseMethods {
  const { writeHead, flushHeaders, write, end, destroy, emit, addTrailers } = response;
  return { writeHead, flushHeaders, write, end, destroy, emit, addTrailers };
}

export function setMethods(response: ResponseMethods, methods: ResponseMethods): void {
  response.writeHead = methods.writeHead;
  response.flushHeaders = methods.flushHeaders;
  response.write = methods.write;
  response.end = methods.end;
  response.destroy = methods.destroy;
  response.emit = methods.emit;
  response.addTrailers = methods.addTrailers;
}

/** Those of a response that was sent: what is written late is dropped. */
export const lateMethods = {
  write: () => true,
  end(this: unknown) {
    return this;
  },
};

/** What Node throws at headers that come after the first byte. */
export function headersSentError(): Error {
  const error = new Error("Cannot write headers after they are sent to the client");
  return Object.assign(error, { code: "ERR_HTTP_HEADERS_SENT" });
}
