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
  | { readonly refused: 400 | 501; readonly detail: string };

/** Reads where a request wants to go. Node's parser has refused what is malformed. */
export function acceptRequest({ url = "", headers, rawHeaders }: IncomingMessage): AcceptedRequest {
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === "host");
  if (hosts.length > 1) return { refused: 400, detail: "A request has one Host header." };
  const coding = headers["transfer-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    return { refused: 501, detail: "This gateway knows no transfer coding but chunked." };
  }
  const { host = "" } = headers;
  if (hidesDotSegments(url)) return { refused: 400, detail: "The request's path has hidden dot segments." };
  if (url.startsWith("/") || url === "*") return { target: url, host };
  const absolute = /^https?:\/\/(?<authority>[^/?#@]+)(?<target>.*)$/i.exec(url)?.groups;
  if (absolute === undefined) return { refused: 400, detail: "The request's target is no path." };
  const { authority = "", target = "" } = absolute;
  return { target: target.startsWith("/") ? target : `/${target}`, host: authority };
}
