import { execFile } from "node:child_process";
import process from "node:process";

/**
 * Runs a command to its end and answers with what it printed; one that fails is an error that says all it printed. It
 * runs as users' commands do, not with the conditions by which this repository takes its sources.
 */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...options.env, NODE_OPTIONS: "", npm_config_node_options: "" };
    execFile(command, args, { ...options, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`, { cause: error }));
    });
  });
}
