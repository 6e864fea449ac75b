/* oxlint-disable vitest/no-conditional-tests, vitest/valid-title, vitest/require-top-level-describe -- It makes suites for others, and is no suite itself. */
import { afterAll, beforeAll } from "vitest";
import { describeWithServer } from "./servers/describe-with-server.ts";
import { type Certificates, makeCertificates, openssl } from "./certificates.ts";

/** A `describe` for tests that need certificates, which are made before the first of them. */
export function describeWithCertificates(title: string, tests: (certificates: () => Certificates) => void): void {
  describeWithServer(title, openssl, () => {
    let made: Certificates | undefined;
    beforeAll(() => {
      made = makeCertificates();
    });
    afterAll(() => made?.[Symbol.dispose]());
    tests(() => {
      if (made === undefined) throw new Error("The certificates are made before the first test.");
      return made;
    });
  });
}
