import type { Answer } from "./answer.ts";
import { type ConformanceCase, groupOf } from "./conformance-case.ts";
import { probeOf } from "./probe.ts";
import type { Sending } from "./sending.ts";
import { NotApplicable } from "./verdict.ts";
import { chosenCases } from "./verify.ts";
import { checkedTarget, type VerifyOptions } from "./verify-options.ts";
import type { Wire } from "./wire.ts";

/** What a case would send. */
export interface PlannedCase extends Omit<ConformanceCase, "run"> {
  readonly group: string;
  readonly sendings: readonly Sending[];
  /** Why nothing more would be sent, where the options leave something out. */
  readonly lacks?: string;
}

/**
 * What `verify` would send with these options, and sends nothing. Cases that go by what the server answers are shown as
 * they go with one that answers everything with 201; the requests that look around first are left out.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export async function verifyPlan(options: VerifyOptions): Promise<readonly PlannedCase[]> {
  const target = { ...checkedTarget(options), pauseMs: 0 };
  const planned: PlannedCase[] = [];
  for (const { run, ...named } of chosenCases(target.only)) {
    const sendings: Sending[] = [];
    const wire: Wire = async (sending) => {
      sendings.push(sending);
      return sending.requests.map(() => created);
    };
    const found = {
      keyFormat: target.strictness === "draft" ? "quoted" : "bare",
      answersTell: true,
      operationMs: 0,
    } as const;
    const counter = target.effects && (() => Promise.resolve(0));
    const lacks = await run(probeOf(target, wire, found, counter)).then(() => undefined, lackOf);
    planned.push({ ...named, group: groupOf(named.id), sendings, ...(lacks !== undefined && { lacks }) });
  }
  return planned;
}

const created: Answer = { status: 201, headers: [], body: Buffer.alloc(0) };

function lackOf(error: unknown): string {
  if (error instanceof NotApplicable) return error.message;
  throw error;
}
