import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBinary, type ServerBinary } from "./servers/binary.ts";

/** Version 3.4 or newer. */
export const openssl: ServerBinary = { name: "openssl", install: "apt-get install -y openssl" };

/** A server's certificate and its key, PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A throw-away certificate authority, and certificates with one fault each. */
export interface Certificates extends Disposable {
  /** The file of the authority's own certificate, for runtimes that trust by file. */
  readonly caFile: string;
  readonly ca: string;
  /** For 127.0.0.1 and localhost, from the authority. */
  readonly good: Certificate;
  /** From the authority, for another host. */
  readonly otherHost: Certificate;
  /** From the authority, over since 2020. */
  readonly expired: Certificate;
  readonly selfSigned: Certificate;
}

const thisHost = "subjectAltName=IP:127.0.0.1,DNS:localhost";

/** Makes them in a folder that goes when they are disposed of. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "once-again-certificates-"));
  const program = findBinary(openssl) ?? openssl.name;
  const make = (name: string, extension: string, options: readonly string[]): Certificate => {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`];
    const subject = ["-subj", `/CN=${name}`, "-addext", extension, "-out", `${name}.pem`];
    execFileSync(program, ["req", "-x509", ...key, ...subject, ...options], { cwd: folder, stdio: "pipe" });
    const read = (file: string): string => readFileSync(join(folder, file), "utf8");
    return { cert: read(`${name}.pem`), key: read(`${name}.key`) };
  };
  const { cert: ca } = make("ca", "keyUsage=critical,keyCertSign", []);
  const byAuthority = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:false"];
  return {
    caFile: join(folder, "ca.pem"),
    ca,
    good: make("good", thisHost, byAuthority),
    otherHost: make("other-host", "subjectAltName=DNS:elsewhere.example", byAuthority),
    expired: make("expired", thisHost, [
      ...byAuthority,
      "-not_before",
      "20190101000000Z",
      "-not_after",
      "20200101000000Z",
    ]),
    selfSigned: make("self-signed", thisHost, ["-addext", "basicConstraints=critical,CA:false"]),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
