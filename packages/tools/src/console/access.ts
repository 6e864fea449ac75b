import { createHash, timingSafeEqual } from "node:crypto";

/** The facts that decide whether a request may pass. */
export interface AccessRequest {
  readonly method: string;
  readonly host: string | undefined;
  readonly authorization: string | undefined;
}

/** How the console is reached. */
export interface Access {
  /** Whether it listens on a loopback address only. */
  readonly isLoopback: boolean;
  /** Whether to look takes the token on loopback, too. */
  readonly requireToken: boolean;
  readonly token: string;
}

/**
 * Why a request is refused: `host`, it was sent to a name that is not this machine's, as a page does that has its own name
 * point here (DNS rebinding); `token`, it has to bring the token. Undefined: it may pass.
 *
 * On loopback anyone on the machine may look, unless `requireToken` says otherwise. To change something takes the token, on loopback too: a page of another
 * origin can send requests here, and does not know it.
 */
export function findRefusal(request: AccessRequest, access: Access): "host" | "token" | undefined {
  if (access.isLoopback && !isLoopbackHost(request.host)) return "host";
  if (request.method === "GET" && access.isLoopback && !access.requireToken) return undefined;
  const given = /^Bearer (.+)$/i.exec(request.authorization ?? "")?.[1] ?? "";
  return isEqual(given, access.token) ? undefined : "token";
}

/** Whether a name or address is one of this machine's own, which no other machine reaches. */
export function isLoopbackName(name: string): boolean {
  return name === "localhost" || name === "::1" || /^127\.\d+\.\d+\.\d+$/.test(name);
}

function isLoopbackHost(host = ""): boolean {
  return isLoopbackName(host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1"));
}

/** Compares in a time that does not depend on the token. */
function isEqual(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
