import type { Outcome } from "../retry/index.ts";
import type { FetchSettings } from "./fetch-options.ts";
import type { PreparedRequest } from "./prepared-request.ts";
import { type Answer, type Failure, failureOf, leavesFateUnknown, unsent } from "./retry-rule.ts";

/** Judges the attempts of one call, and remembers whether one of them may have been carried out. */
export class CallJudge<Answered extends Answer> {
  /** An attempt may have been carried out, or may yet be. */
  fateUnknown = false;
  readonly #request: PreparedRequest<Answered>;
  readonly #settings: FetchSettings;
  /** The answer by which a server of once-again vouched that nothing happened. */
  #vouched: Answered | undefined;

  constructor(request: PreparedRequest<Answered>, settings: FetchSettings) {
    this.#request = request;
    this.#settings = settings;
  }

  /** Looks into a 503, whose headers don't tell what it proves. */
  async look(answer: Answered): Promise<void> {
    if (await this.#request.saysNoEffect?.(answer)) this.#vouched = answer;
  }

  /** @param wasSent whether the attempt's request left. */
  judge(outcome: Outcome<Answered>, wasSent: boolean): Failure<Answered> | undefined {
    const { isLocal, origin } = this.#request;
    const { policy, trustsRetryAfter } = this.#settings;
    const isVouched = this.#vouched !== undefined && "value" in outcome && outcome.value === this.#vouched;
    const found = failureOf(outcome, policy.clock.now(), isVouched || trustsRetryAfter(origin));
    const judged = found === undefined || (wasSent && !isLocal) ? found : unsent(found, isLocal);
    this.fateUnknown ||= judged !== undefined && leavesFateUnknown(judged);
    return judged;
  }
}
