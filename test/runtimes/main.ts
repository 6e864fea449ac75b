/** The program for runtimes with a command line: the task is its argument, the report its output. */
import { perform, type Task } from "./program.ts";

const task = JSON.parse(process.argv[2] ?? "") as Task;
process.stdout.write(JSON.stringify(await perform(task)));
