import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { insteadOfPort3000 } from "../support/literal-port.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A step of a reader through a page, in the page's order. */
export type PageStep =
  | { readonly kind: "save"; readonly file: string; readonly text: string }
  | { readonly kind: "run"; readonly command: string }
  | { readonly kind: "see"; readonly command: string; readonly printed: string };

/**
 * Reads the steps of a page: its programs are saved under their names, its `sh` blocks are run, and the commands of its
 * `console` blocks are run where they are programs of the page or requests to them, and have to print what the block says.
 */
export function pageSteps(markdown: string): PageStep[] {
  const blocks = markdown.matchAll(/^```(ts|sh|console)\n(.*?)^```/gms);
  return Array.from(blocks).flatMap(({ index, 1: language, 2: text = "" }): PageStep[] => {
    if (language === "ts") {
      const file = fileName(markdown.slice(0, index));
      return file === undefined ? [] : [{ kind: "save", file, text }];
    }
    if (language === "sh") return commandsOf(text).map((command) => ({ kind: "run", command }));
    const [, ...parts] = `\n${text}`.split("\n$ ");
    return parts
      .map((part) => part.split(/\n(.*)/s))
      .filter(([command = ""]) => /^(?:node|curl) /.test(command))
      .map(([command = "", printed = ""]) => ({ kind: "see", command, printed: printed.trimEnd() }));
  });
}

/** The name that the paragraph in front of a program gives to it. */
function fileName(before: string): string | undefined {
  const [paragraph = ""] = before
    .split(/<!-- example: \S+ -->\n\n$/)[0]!
    .trimEnd()
    .split("\n\n")
    .slice(-1);
  return /[Ss]ave this as\s+`([\w.-]+)`/.exec(paragraph)?.[1];
}

/** One command a line; a backslash goes on. */
function commandsOf(text: string): string[] {
  return text
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "");
}

/** An empty folder with a terminal in it. */
export class Reader {
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;
  #place: string;
  readonly #port: number;
  #server: ChildProcess | undefined;

  private constructor(folder: string, environment: NodeJS.ProcessEnv, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.#place = join(folder, "empty");
    this.#environment = environment;
  }

  /**
   * @param ours the folders of our own packages, by their names, as users install them: `npm install` takes packages from this
   *   machine alone. `undefined`: npm is npm.
   * @param port is used where pages say 3000.
   */
  static async in(
    folder: string,
    ours: Readonly<Record<string, string>> | undefined,
    port: number,
    environment: NodeJS.ProcessEnv,
  ): Promise<Reader> {
    const commands = join(folder, "commands");
    await mkdir(commands);
    await mkdir(join(folder, "empty"));
    const install = fileURLToPath(new URL("reader-npm.ts", import.meta.url));
    for (const name of ["npm", "npx", "node"]) {
      const standIn = `exec "${process.execPath}" "${install}" ${name} "$@"`;
      // Without the folder of these commands.
      const own = ours === undefined ? `PATH="\${PATH#*:}" exec ${name} "$@"` : standIn;
      const line = name === "node" ? `exec "${process.execPath}" "$@"` : `NODE_OPTIONS= ${own}`;
      await writeFile(join(commands, name), `#!/bin/sh\n${line}\n`);
      await chmod(join(commands, name), 0o755);
    }
    const programs = {
      ...process.env,
      ...environment,
      NODE_OPTIONS: insteadOfPort3000(port).join(" "),
      // An npm above this one would hand on the conditions by which this repository takes its sources.
      npm_config_node_options: "",
      PATH: `${commands}:${process.env["PATH"]}`,
      READER_PACKAGES: JSON.stringify(ours),
      READER_MODULES: join(root, "node_modules"),
    };
    return new Reader(folder, programs, port);
  }

  /** Does one step. @returns what was printed. */
  async do(step: PageStep): Promise<string> {
    if (step.kind === "save") {
      await writeFile(join(this.#place, step.file), step.text);
      return "";
    }
    if (await this.#isServer(step.command)) return this.#serve(step.command);
    if (step.command.includes("kill.ts")) await this.stop();
    return this.#run(step.command);
  }

  /** Ends the server that runs. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    server.kill();
    await once(server, "exit");
  }

  async #isServer(command: string): Promise<boolean> {
    const [, file] = /^node (\S+\.m?ts)$/.exec(command) ?? [];
    return file !== undefined && (await readFile(join(this.#place, file), "utf8")).includes(".listen(");
  }

  async #serve(command: string): Promise<string> {
    await this.stop();
    const [program = "", ...args] = command.split(" ");
    const server = spawn(program, args, this.#options());
    this.#server = server;
    await once(server.stdout!, "data");
    server.stdout!.resume();
    return "";
  }

  async #run(command: string): Promise<string> {
    const done = `${command.replaceAll("127.0.0.1:3000", `127.0.0.1:${this.#port}`)}\ncode=$?; pwd > "${this.#folder}/place"; exit $code`;
    const child = spawn("sh", ["-c", done], this.#options());
    const [printed, [code]] = await Promise.all([Array.fromAsync(child.stdout!), once(child, "exit")]);
    const text = Buffer.concat(printed as Buffer[]).toString();
    if (code !== 0) throw new Error(`${command}: exit code ${code}\n${text}`);
    this.#place = (await readFile(join(this.#folder, "place"), "utf8")).trim();
    return text;
  }

  #options(): SpawnOptions {
    return { cwd: this.#place, env: this.#environment, stdio: ["ignore", "pipe", "inherit"] };
  }
}
