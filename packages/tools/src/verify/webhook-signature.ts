import { createHmac } from "node:crypto";
import { invalidOptionError } from "once-again/internal";
import { findHeader, type TestRequest, withHeaders } from "./test-request.ts";
import type { Sender } from "./send-modes.ts";

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

/** The bytes of a delivery's symmetric signature (`v1`) by Standard Webhooks 1.0, in base64. */
export function signatureOf(request: TestRequest, secret: Buffer, timestamp: string): string {
  const content = Buffer.concat([Buffer.from(`${findHeader(request, idHeader) ?? ""}.${timestamp}.`), request.body]);
  return createHmac("sha256", secret).update(content).digest("base64");
}

/** The delivery with its time, now, and its signature. */
function signRequest(request: TestRequest, secret: Buffer): TestRequest {
  const timestamp = secondsAt(0);
  return withHeaders(request, [
    [timestampHeader, timestamp],
    [signatureHeader, `v1,${signatureOf(request, secret, timestamp)}`],
  ]);
}

/** The names of the headers. */
export const idHeader = "webhook-id";
export const timestampHeader = "webhook-timestamp";
export const signatureHeader = "webhook-signature";

/** The time so many seconds from now, as the header says it. */
export const secondsAt = (fromNow: number): string => String(Math.floor(Date.now() / 1000) + fromNow);

/** Signs deliveries when they leave. One that has a time already is sent as it stands. */
export function signingSender(secret: Buffer, sender: Sender): Sender {
  return ({ mode, requests }) => {
    // Repeats in one sending stay the same object, as plans show them.
    const signed = new Map(
      requests.map((request) => [
        request,
        findHeader(request, timestampHeader) === undefined ? signRequest(request, secret) : request,
      ]),
    );
    return sender({ mode, requests: requests.map((request) => signed.get(request)!) });
  };
}
