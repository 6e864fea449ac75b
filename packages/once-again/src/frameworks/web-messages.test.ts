import { expect, test, vi } from "vitest";
import { httpRequestOf, webResponse } from "./web-messages.ts";

test.for([
  "http://a/",
  "https://api.example:8443/v1/orders",
  "http://127.0.0.1:3000/orders?a=1&b=2",
  "http://a/orders?",
  "http://a/orders#part",
  "http://a/orders?a=1#part",
  "http://a/orders?a=1?b=2",
  "http://a//orders//7",
  "http://a/v1/../v2/./orders",
  "http://A/Orders%2F7?q=%20+",
  "http://[::1]:3000/orders",
  "http://user:secret@a/orders",
  "http://a/orders/tea~1.json;v=2?x[]=\u00e9",
  "http://a?a=1",
])("the path and the query of an address are those that a parser finds: %s", (url) => {
  const request = new Request(url.replace("user:secret@", ""));
  // Not every platform writes an address as the parser would.
  for (const address of [request.url, url]) {
    const { pathname, search } = new URL(address);
    const given = { method: "POST", url: address, headers: request.headers } as Request;
    expect(httpRequestOf(given, given, () => new Uint8Array())).toMatchObject({ path: pathname, query: search });
  }
});

const twice: [string, string][] = [
  ["x-shop", "a"],
  ["x-shop", "b"],
];

test.for([
  ["a type", "made", [["content-type", "text/plain"]]],
  ["no type", "made", [["x-shop", "a"]]],
  ["a repeated header", "made", twice],
  ["a repeated header and no body", "", twice],
  ["a name that all objects have", "made", [["constructor", "a"]]],
  ["no header", "made", []],
] satisfies [string, string, [string, string][]][])(
  "a response is made with all its headers at once: %s",
  ([, text, headers]) => {
    // The responses of `@hono/node-server` 1 forget what was set later, once they have become the platform's.
    class Forgetful extends Response {
      readonly made: Headers;

      constructor(body: Uint8Array<ArrayBuffer> | null, init: ResponseInit) {
        super(body, init);
        this.made = new Headers(init.headers);
      }
    }
    vi.stubGlobal("Response", Forgetful);
    try {
      const answer = { status: 201, headers, body: new TextEncoder().encode(text) };
      const response = webResponse("POST", answer, undefined, () => undefined) as Forgetful;
      const expected = [...headers, ...(text === "" ? [["content-length", "0"] as [string, string]] : [])];
      expect([...response.made]).toEqual([...new Headers(expected)]);
      expect([...response.headers]).toEqual([...response.made]);
    } finally {
      vi.unstubAllGlobals();
    }
  },
);

test.for([
  ["POST", 201, "0"],
  ["POST", 205, "0"],
  ["POST", 204, null],
  ["POST", 304, null],
  ["HEAD", 200, null],
] as const)("a response without a body to %s, of status %i, says the length %s", ([method, status, length]) => {
  for (const headers of [[], twice]) {
    const answer = { status, headers, body: new Uint8Array() };
    const response = webResponse(method, answer, undefined, () => undefined);
    expect([response.status, response.body, response.headers.get("content-length")]).toEqual([status, null, length]);
  }
});
