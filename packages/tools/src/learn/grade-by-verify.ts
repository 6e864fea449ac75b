import { type HeaderList, verify } from "../verify/index.ts";
import { type Handler, serveHandler } from "./serve-handler.ts";
import type { Story } from "./story.ts";

/** How a shop is verified. */
export interface VerifiedStory {
  /** The cases of `verify` that each step of the story stands for, in the order of the steps. */
  readonly steps: readonly (readonly [step: number, cases: readonly string[]])[];
  /** How many effects there have been. */
  readonly effects: () => number;
  readonly headers?: HeaderList;
  readonly otherHeaders?: HeaderList;
}

/** Runs the cases of `verify` against a shop. The first case that does not pass is the step that went wrong. */
export async function gradeByVerify(shop: Handler, story: Story, options: VerifiedStory): Promise<void> {
  const { steps, effects, headers, otherHeaders } = options;
  await using served = await serveHandler(shop);
  const report = await verify({
    url: `${served.url}/orders`,
    body: '{"item":"coffee","reference":"{{unique}}"}',
    otherBody: '{"item":"tea","reference":"{{unique}}"}',
    effects: async () => effects(),
    only: steps.flatMap(([, cases]) => cases),
    ...(headers !== undefined && { headers }),
    ...(otherHeaders !== undefined && { otherHeaders }),
  });
  for (const [step, cases] of steps) {
    story.at(step);
    for (const { id, kind, title, observed } of report.cases.filter(({ id }) => cases.includes(id))) {
      const isFine = kind === "pass" || kind === "warn";
      story.expect(isFine, `"${title}" (${id} of verify) did not hold: ${observed}`);
    }
  }
}
