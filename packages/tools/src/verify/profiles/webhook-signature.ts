import { createHmac } from "node:crypto";
import { invalidOptionError } from "once-again/internal";
import { findHeader, type TestRequest, withHeaders } from "../test-request.ts";
import type { Wire } from "../wire.ts";

const prefix = "whsec_";
const [secretBytesMin, secretBytesMax] = [24, 64];

/** The bytes of a signing secret. @throws OnceAgainError `ONCE_OPTION_INVALID`, which does not show it. */
export function readSecret(secret: string): Buffer {
  const text = typeof secret === "string" ? secret.trim() : "";
  const bytes = Buffer.from(text.slice(prefix.length), "base64");
  const isOne = text.startsWith(prefix) && bytes.length >= secretBytesMin && bytes.length <= secretBytesMax;
  if (isOne) return bytes;
  const wanted = `${prefix} and the base64 of ${secretBytesMin} to ${secretBytesMax} bytes`;
  throw invalidOptionError("secret", wanted, "something else");
}

/** How a delivery is signed, where it differs from what its receiver is to take. */
export interface SignedWith {
  readonly secret: Buffer;
  /** The value of `webhook-timestamp`. Default now, whole seconds. */
  readonly timestamp?: string;
}

/** The delivery with its time and its signature (symmetric, `v1`), by Standard Webhooks 1.0. */
export function signRequest(request: TestRequest, { secret, timestamp = secondsAt(0) }: SignedWith): TestRequest {
  const content = Buffer.concat([Buffer.from(`${findHeader(request, idHeader) ?? ""}.${timestamp}.`), request.body]);
  const signature = `v1,${createHmac("sha256", secret).update(content).digest("base64")}`;
  return withHeaders(request, [
    [timestampHeader, timestamp],
    [signatureHeader, signature],
  ]);
}

/** The names of the headers. */
export const idHeader = "webhook-id";
export const timestampHeader = "webhook-timestamp";
export const signatureHeader = "webhook-signature";

/** The time so many seconds from now, as the header says it. */
export const secondsAt = (fromNow: number): string => String(Math.floor(Date.now() / 1000) + fromNow);

/** A wire that signs deliveries when they leave. One that has a time already is sent as it stands. */
export function signedWire(secret: Buffer, wire: Wire): Wire {
  return ({ mode, requests }) => {
    // Repeats in one sending stay the same object, as plans show them.
    const signed = new Map(
      requests.map((request) => [
        request,
        findHeader(request, timestampHeader) === undefined ? signRequest(request, { secret }) : request,
      ]),
    );
    return wire({ mode, requests: requests.map((request) => signed.get(request)!) });
  };
}
