import type { Outcome } from "../retry/index.ts";
import type { FetchSettings } from "./fetch-options.ts";
import type { SendableRequest } from "./sendable-request.ts";
import { type Failure, failureOf, markUnsent, mayHaveHappened, type ResponseHead } from "./retry-rule.ts";

/** Judges the attempts of one call, and remembers whether one of them may have been carried out. */
export class CallJudge<Res extends ResponseHead> {
  /** An attempt may have been carried out, or may yet be. */
  mayHaveHappened = false;
  readonly #request: SendableRequest<Res>;
  readonly #settings: FetchSettings;
  /** The answer by which a server of once-again vouched that nothing happened. */
  #vouched: Res | undefined;

  constructor(request: SendableRequest<Res>, settings: FetchSettings) {
    this.#request = request;
    this.#settings = settings;
  }

  /** Looks into a 503, whose headers don't tell what it proves. */
  async look(answer: Res): Promise<void> {
    if (await this.#request.saysNoEffect?.(answer)) this.#vouched = answer;
  }

  /** @param wasSent whether the attempt's request left. */
  judge(outcome: Outcome<Res>, wasSent: boolean): Failure<Res> | undefined {
    const { isLocal, origin } = this.#request;
    const { policy, trustsRetryAfter } = this.#settings;
    const isVouched = this.#vouched !== undefined && "value" in outcome && outcome.value === this.#vouched;
    const found = failureOf(outcome, policy.clock.now(), isVouched || trustsRetryAfter(origin));
    const judged = found === undefined || (wasSent && !isLocal) ? found : markUnsent(found, isLocal);
    this.mayHaveHappened ||= judged !== undefined && mayHaveHappened(judged);
    return judged;
  }
}
