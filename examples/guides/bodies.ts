import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { retryingFetch } from "once-again/client";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
const fetch = retryingFetch({ keys: [new URL(url).origin] });

// A stream can be sent only once. A function makes it anew for each attempt; it must make the same bytes each time.
const file = new URL(import.meta.url);
const response = await fetch(url, {
  method: "POST",
  headers: { "content-type": "text/plain", "x-account": "acme" },
  body: () => Readable.toWeb(createReadStream(file)) as ReadableStream,
});
console.log(response.status);
