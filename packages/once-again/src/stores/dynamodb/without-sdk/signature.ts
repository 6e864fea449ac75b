import { createHmac, hash } from "node:crypto";
import type { Credentials } from "./credentials.ts";

/** A request that is signed: a POST of the path `/`. */
export interface SignedRequest {
  /** All headers that are signed, by their names in small letters, in the order of those. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** As `x-amz-date` has it: `20261201T120000Z`. */
  readonly date: string;
}

/** The service that a signature is for. */
export interface SignatureScope {
  readonly region: string;
  readonly service: string;
}

/** A time as `x-amz-date` has it. */
export function signatureDate(ms: number): string {
  return `${new Date(ms).toISOString().replaceAll(/[-:]/g, "").slice(0, 15)}Z`;
}

const hmac = (key: string | Uint8Array, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** The header `authorization` of requests, by Signature Version 4. The key of a day is made once for each secret. */
export function signer({ region, service }: SignatureScope) {
  let known: { readonly secret: string; readonly day: string; readonly key: Uint8Array } | undefined;
  const keyOf = (secret: string, day: string): Uint8Array => {
    if (known?.secret !== secret || known.day !== day) {
      const parts = [day, region, service, "aws4_request"];
      known = { secret, day, key: parts.reduce<string | Buffer>(hmac, `AWS4${secret}`) as Buffer };
    }
    return known.key;
  };
  return ({ headers, body, date }: SignedRequest, { accessKeyId, secretAccessKey }: Credentials): string => {
    const day = date.slice(0, 8);
    const names = Object.keys(headers).join(";");
    const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
    const request = `POST\n/\n\n${lines.join("")}\n${names}\n${hash("sha256", body)}`;
    const scope = `${day}/${region}/${service}/aws4_request`;
    const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash("sha256", request)}`;
    const signature = hmac(keyOf(secretAccessKey, day), text).toString("hex");
    return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  };
}
