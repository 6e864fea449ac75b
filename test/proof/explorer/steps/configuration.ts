import { settlementOf } from "../../../../packages/once-again/src/engine/leased-decisions.ts";
import { stepAction } from "../../../../packages/once-again/src/engine/steps.ts";
import { transition } from "../../../../packages/once-again/src/stores/transition.ts";
import type { InvariantName } from "../../invariants.ts";

/** The production rules that an exploration of steps is driven by. */
export interface StepRules {
  readonly transition: typeof transition;
  readonly settlementOf: typeof settlementOf;
  readonly stepAction: typeof stepAction;
}

/** A handler with steps for its effects, and a policy. An unsafe configuration does one thing otherwise. */
export interface StepsConfiguration {
  readonly name: string;
  /** A description in plain words. */
  readonly about: string;
  readonly expected: "clean" | InvariantName;
  /** The steps of the handler: to a service that knows its derived key again, or to one that can be asked. */
  readonly steps: readonly ("keyed" | "once")[];
  readonly finishes: boolean;
  readonly rules: StepRules;
}

const rules: StepRules = { transition, settlementOf, stepAction };

const finish: Omit<StepsConfiguration, "name" | "about" | "expected"> = {
  steps: ["keyed", "once"],
  finishes: true,
  rules,
};

export const stepsConfigurations: readonly StepsConfiguration[] = [
  {
    ...finish,
    name: "finish",
    about: "a repeat of an operation that failed half-way finishes it",
    expected: "clean",
  },
  {
    ...finish,
    name: "finish, the lookup first",
    about: "the same, with the steps in the other order",
    steps: ["once", "keyed"],
    expected: "clean",
  },
  {
    ...finish,
    name: "finish, but a refusal is the last word",
    about: "a refusal half-way is stored, as rerun does",
    finishes: false,
    expected: "half-way-is-finished",
  },
  {
    ...finish,
    name: "finish, without a look",
    about: "a step that was begun runs again",
    rules: { ...rules, stepAction: (step) => (stepAction(step) === "look" ? "run" : stepAction(step)) },
    expected: "one-effect",
  },
  {
    ...finish,
    name: "finish, steps forgotten",
    about: "a take-over knows nothing of the steps before it",
    rules: { ...rules, stepAction: () => "run" },
    expected: "one-effect",
  },
  {
    ...finish,
    name: "finish, refusals released",
    about: "what a handler refuses half-way gives its key back, and its steps with it",
    steps: ["once", "keyed"],
    rules: {
      ...rules,
      settlementOf: (effect, policy) => (effect === "refused" ? "release" : settlementOf(effect, policy)),
    },
    expected: "one-effect",
  },
];
