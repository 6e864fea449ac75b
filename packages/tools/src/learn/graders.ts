import { gradeEverybodyAtOnce, gradeFourthRetry, gradeKeyForEachAttempt, gradeRetryAfter } from "./grade-callers.ts";
import { gradeAcknowledgement, gradeLease, gradeTransaction } from "./grade-deaths.ts";
import {
  gradeAccounts,
  gradeAnotherBody,
  gradeAnswerToRepeat,
  gradePostAndPut,
  gradeRace,
  gradeStoredFailure,
} from "./grade-shops.ts";
import type { Story } from "./story.ts";

/** How the submission of an exercise is graded. */
export interface Grader {
  /** The function that a submission exports. */
  readonly exportName: string;
  /** @throws StoryFailure for what goes wrong; what the submission throws. */
  readonly grade: (submitted: never, story: Story) => Promise<void>;
}

const shop = (grade: Grader["grade"]): Grader => ({ exportName: "createShop", grade });

/** By the number of the exercise. */
export const graders: Readonly<Record<number, Grader>> = {
  1: shop(gradePostAndPut),
  2: shop(gradeAnswerToRepeat),
  3: { exportName: "callWithRetries", grade: gradeFourthRetry },
  4: { exportName: "placeOrder", grade: gradeKeyForEachAttempt },
  5: shop(gradeAccounts),
  6: shop(gradeRace),
  7: shop(gradeAnotherBody),
  8: shop(gradeStoredFailure),
  9: { exportName: "chargeOnce", grade: gradeLease },
  10: { exportName: "waitBeforeRetry", grade: gradeEverybodyAtOnce },
  11: { exportName: "callWithRetries", grade: gradeRetryAfter },
  12: { exportName: "placeOrder", grade: gradeTransaction },
  13: { exportName: "consume", grade: gradeAcknowledgement },
};
