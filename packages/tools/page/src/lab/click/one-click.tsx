import { signal } from "@preact/signals";
import { type CallerName, callerNames } from "../../../../src/lab/caller-name.ts";
import type { ClickPayment, ClickResult, OpenedClick } from "../../../../src/lab/click/click-protocol.ts";
import { read, tell } from "../../session.ts";
import { Problem } from "../../ui/problem.tsx";
import "../lane.css";
import "./one-click.css";
import { clickVerdict } from "./click-words.ts";

interface EndedClick {
  readonly result: ClickResult;
  /** Whether each of the two requests was answered. */
  readonly hasResponse: Readonly<Record<CallerName, boolean>>;
}

const ended = signal<EndedClick | undefined>(undefined);
const isPaying = signal(false);
const problem = signal<string | undefined>(undefined);

const titles: Readonly<Record<CallerName, string>> = { careless: "Without a key", safe: "With a key" };

/** One payment that the shop's server cuts off from its response: the person's own browser sends it again, or not. */
export function OneClick() {
  return (
    <section class="card one-click" aria-labelledby="one-click-title">
      <h2 id="one-click-title">One click, no retry code</h2>
      <p>
        Press the button, and this page pays once without a key, and once with it: one <code>fetch</code> each, over a
        connection that is open already. The shop charges, and its server closes the connection before the response, as
        happens at a deploy. The rest is up to your browser. The charges are counted in the shop’s ledger.
      </p>
      <button type="button" class="primary" disabled={isPaying.value} onClick={() => void click()}>
        Pay one order
      </button>
      {problem.value !== undefined && <Problem text={problem.value} />}
      <div aria-live="polite">{ended.value !== undefined && <Sides {...ended.value} />}</div>
    </section>
  );
}

function Sides({ result, hasResponse }: EndedClick) {
  return (
    <div class="play-lanes are-two">
      {callerNames.map((side) => {
        const { text, why, tone } = clickVerdict(side, result[side], hasResponse[side]);
        return (
          <div key={side} class="play-lane" data-click={side}>
            <h3>{titles[side]}</h3>
            <p class={`play-verdict tone-${tone}`}>{text}</p>
            <p class="why">{why}</p>
          </div>
        );
      })}
    </div>
  );
}

/** Pays once without a key and once with it, and then reads the shop's ledger. */
async function click(): Promise<void> {
  isPaying.value = true;
  problem.value = undefined;
  ended.value = undefined;
  try {
    // Its response also leaves a connection open and free, as a page that a person looks at has.
    const { click } = await tell<OpenedClick>("lab/click/open");
    const hasResponse = {
      careless: await isAnswered({ click }),
      safe: await isAnswered({ click, key: `click-${click}` }),
    };
    ended.value = { result: await read<ClickResult>(`lab/click/counts?click=${click}`), hasResponse };
  } catch (error) {
    problem.value = (error as Error).message;
  } finally {
    isPaying.value = false;
  }
}

const isAnswered = (payment: ClickPayment): Promise<boolean> =>
  tell("lab/click/pay", payment).then(
    () => true,
    () => false,
  );
