export { readExercises, type Exercise } from "./exercises.ts";
export { gradeSubmission } from "./grade-submission.ts";
