/** A failure, and the step of the exercise's story at which it occurred. */
export class StoryFailure extends Error {
  readonly step: number;

  constructor(step: number, message: string) {
    super(message);
    this.step = step;
  }
}

/** The course of an exercise's story while a submission is graded. */
export interface Story {
  /** The step that runs, 1-based. */
  readonly step: number;
  /** Goes to a step. What is thrown from here on went wrong at that step. */
  at(step: number): void;
  /** @throws StoryFailure unless `isTrue`. `problem` is a sentence in the past tense, without a full stop. */
  expect(isTrue: boolean, problem: string): void;
}

/** @param onStep called with each step that begins. */
export function openStory(onStep: (step: number) => void): Story {
  let current = 1;
  return {
    get step() {
      return current;
    },
    at(step) {
      current = step;
      onStep(step);
    },
    expect(isTrue, problem) {
      if (!isTrue) throw new StoryFailure(current, problem);
    },
  };
}

/** `1 order`, `2 orders`. */
export const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
