import { expect, test } from "vitest";
import { httpRequestOf } from "./web-messages.ts";

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
