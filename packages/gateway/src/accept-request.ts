import type { IncomingMessage } from "node:http";
import { hidesDotSegments } from "./path-pattern.ts";

/** Where a request wants to go, or why it is refused: what two servers could read in two ways is not forwarded. */
export type AcceptedRequest =
  | {
      /** Path and query as they were sent, or `*`. */
      readonly target: string;
      /** Its authority: that of the target where it has one, else the `Host` header (RFC 9112, section 3.2.2). */
      readonly host: string;
    }
  | { readonly refused: 400 | 417 | 501 | 505; readonly detail: string };

/** A host and a port as URIs have them (RFC 3986, section 3.2), without a user. */
const authorityForm = /^(?:\[[\w.:~!$&'()*+,;=%-]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/;

/** Reads where a request wants to go. Node's parser has refused what is malformed. */
export function acceptRequest(request: IncomingMessage): AcceptedRequest {
  const { method, url = "", headers, rawHeaders, httpVersion } = request;
  if (httpVersion !== "1.1" && httpVersion !== "1.0") {
    return { refused: 505, detail: "This gateway speaks HTTP/1.1 and HTTP/1.0." };
  }
  const hosts = countHosts(rawHeaders);
  if (hosts > 1 || (hosts === 0 && httpVersion === "1.1")) {
    return { refused: 400, detail: "A request has one Host header." };
  }
  const { host = "", expect, "transfer-encoding": coding } = headers;
  if (!authorityForm.test(host)) return { refused: 400, detail: "The Host header is no host." };
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    return { refused: 501, detail: "This gateway knows no transfer coding but chunked." };
  }
  if (hidesDotSegments(url)) return { refused: 400, detail: "The request's path has hidden dot segments." };
  if (expect !== undefined && expect.toLowerCase() !== "100-continue" && httpVersion === "1.1") {
    return { refused: 417, detail: "This gateway knows no expectation but 100-continue." };
  }
  // RFC 9112, section 3.2.4.
  if (url === "*" && method !== "OPTIONS") return { refused: 400, detail: 'Only OPTIONS has the target "*".' };
  if (url.startsWith("/") || url === "*") return { target: url, host };
  const absolute = /^https?:\/\/(?<authority>[^/?#]*)(?<target>.*)$/is.exec(url)?.groups;
  if (absolute === undefined) return { refused: 400, detail: "The request's target is no path." };
  const { authority = "", target = "" } = absolute;
  if (authority === "" || !authorityForm.test(authority)) {
    return { refused: 400, detail: "The request's target has no host." };
  }
  return { target: target.startsWith("/") ? target : `/${target}`, host: authority };
}

function countHosts(raw: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!;
    if (name.length === "host".length && name.toLowerCase() === "host") count += 1;
  }
  return count;
}
