/* oxlint-disable vitest/no-conditional-tests, vitest/valid-title, vitest/valid-describe-callback, vitest/require-top-level-describe -- It makes suites for others, and is no suite itself. */
import { beforeAll, describe } from "vitest";
import { findBinary, type ServerBinary } from "./binary.ts";

/** The programs that may be used, of `npm run test:servers -- --kit`; `undefined`: all of them. */
const wanted = process.env["ONCE_AGAIN_SERVERS"]?.split(",");

/**
 * A `describe` for tests that need a server of the machine. Without its program they are skipped, and the title says
 * what installs it; where CI=true they fail instead, since a skip would not be seen there.
 */
export function describeWithServer(title: string, binary: ServerBinary, tests: () => void): void {
  const isWanted = wanted?.includes(binary.name) !== false;
  if (isWanted && findBinary(binary) !== undefined) {
    describe(title, tests);
    return;
  }
  const missing = `${binary.name} is missing, or what it needs: ${binary.install}`;
  const suite = isWanted && process.env["CI"] === "true" ? describe : describe.skip;
  suite(`${title} (${isWanted ? missing : "another kit"})`, () => {
    beforeAll(() => {
      throw new Error(missing);
    });
    tests();
  });
}
