import { sleep } from "../../../packages/once-again/src/core/clock.ts";
import { uniform } from "../../../packages/once-again/src/core/random.ts";
import type { HttpResponse } from "../../../packages/once-again/src/http/index.ts";
import type { Scene } from "./scene.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** As they are answered by frameworks, and by proxies; none of them is once-again's own. */
const statuses = [408, 503, 504];

/**
 * An answer that a time-out of another party may give up: it answers by itself then, and the handler goes on.
 * In front of once-again the time-out answers for the whole operation; behind it, for the handler, and its answer counts.
 */
export function watched(
  { diary, plan, random, unlucky }: Scene,
  { clock }: SimulatedProcess,
  place: "in front" | "behind",
  answer: Promise<HttpResponse>,
): Promise<HttpResponse> {
  if (!unlucky(plan.timeOuts)) return answer;
  let isAnswered = false;
  const noted = answer.finally(() => (isAnswered = true));
  const given = async (): Promise<HttpResponse> => {
    await sleep(clock, uniform(random, 0, plan.workMsMax));
    if (!isAnswered) {
      diary.fault("time-out of another party");
      diary.window(`time-out ${place} answered, handler at work`);
    }
    const status = statuses[Math.floor(random() * statuses.length)]!;
    return { status, headers: [["retry-after", "1"]], body: new TextEncoder().encode("out of time") };
  };
  return Promise.race([noted, given()]);
}
