import { platformProblem } from "./platform.ts";

// The first import of every entry: a platform that is too old says so here, and not in the middle of an operation. It stays a
// separate chunk in the bundles, so that a command can say it without a stack (run-program.ts).

const problem = platformProblem();
if (problem !== undefined) throw new Error(problem);
