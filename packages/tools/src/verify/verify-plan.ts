import type { ProbeResponse } from "./probe-response.ts";
import { type ConformanceCase, groupName } from "./conformance-case.ts";
import { keyFormatsOf } from "./detect.ts";
import { makeProbe } from "./probe.ts";
import type { Sending } from "./send-modes.ts";
import { NotApplicable } from "./verdict.ts";
import { selectCases, signedFor } from "./verify.ts";
import { checkTarget, type VerifyOptions } from "./verify-options.ts";

/** The requests that a case would send. */
export interface PlannedCase extends Omit<ConformanceCase, "run"> {
  readonly group: string;
  readonly sendings: readonly Sending[];
  /** Why nothing more would be sent, where the options leave something out. */
  readonly missing?: string;
}

/**
 * The requests that `verify` would send with these options; sends nothing. Cases that go by the server's answers are shown
 * as
 * they go with one that answers everything with 201; the requests that look around first are left out.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export async function planVerify(options: VerifyOptions): Promise<readonly PlannedCase[]> {
  const target = {
    ...checkTarget(options),
    pauseMs: 0,
    ...(options.restart !== undefined && { restart: () => Promise.resolve() }),
  };
  const planned: PlannedCase[] = [];
  for (const { run, ...named } of selectCases(target)) {
    const sendings: Sending[] = [];
    const sender = signedFor(target, async (sending) => {
      sendings.push(sending);
      return sending.requests.map(() => created);
    });
    const traits = {
      keyFormat: keyFormatsOf(target)[0],
      hasDistinctResponses: true,
      operationMs: 0,
      quickestMs: 0,
    } as const;
    const counter = target.effects && (() => Promise.resolve(0));
    const missing = await run(makeProbe(target, sender, traits, counter)).then(() => undefined, readMissing);
    planned.push({ ...named, group: groupName(named.id), sendings, ...(missing !== undefined && { missing }) });
  }
  return planned;
}

const created: ProbeResponse = { status: 201, headers: [], body: Buffer.alloc(0) };

function readMissing(error: unknown): string {
  if (error instanceof NotApplicable) return error.message;
  throw error;
}
