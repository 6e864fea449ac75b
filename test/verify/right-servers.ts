import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { ModelServer, problem } from "../../conformance/faults/right-server.ts";
import { findBinary, type ServerBinary } from "../support/servers/binary.ts";
import { erlangBinary, perlBinary, phpBinary, tclBinary } from "../support/servers/languages.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { python3 } from "./run-python.ts";

/** A right server in another language, with what its language brings for HTTP. */
export interface RightProgram {
  readonly name: string;
  readonly binary: ServerBinary;
  /** Below `conformance/servers`, with arguments. */
  readonly program: readonly [file: string, ...args: string[]];
  /** Cases with another verdict than a pass, beside those of `unaskable`. */
  readonly others: readonly string[];
}

/** Not to be asked of a server that ends its connections. */
const endsConnections = ["R11 not-applicable", "C04 not-applicable"];
const noChunks = ["F08 not-applicable"];
/** The server that has one connection at a time has no other beside one that stands still. */
const oneConnection = ["D08 not-applicable"];
/** It has no parser for JSON. */
const layoutCounts = ["F04 warn", "F05 warn"];

export const rightPrograms: readonly RightProgram[] = [
  { name: "Python, HTTP/1.0", binary: python3, program: ["orders.py"], others: [...endsConnections, ...noChunks] },
  { name: "Python, HTTP/1.1", binary: python3, program: ["orders.py", "1.1"], others: noChunks },
  {
    name: "Python, one connection at a time",
    binary: python3,
    program: ["orders.py", "one-at-a-time"],
    others: [...endsConnections, ...noChunks, ...oneConnection],
  },
  {
    name: "Python, structured keys alone",
    binary: python3,
    program: ["orders.py", "1.1", "structured"],
    others: ["K02 warn", "K03 not-applicable", ...noChunks],
  },
  { name: "Python, by the page of the response side alone", binary: python3, program: ["page.py"], others: [] },
  {
    name: "Perl, HTTP/1.0, one connection at a time",
    binary: perlBinary,
    program: ["orders.pl"],
    others: [...endsConnections, ...noChunks, ...oneConnection],
  },
  {
    name: "Tcl, connections that end without a word",
    binary: tclBinary,
    program: ["orders.tcl"],
    others: [...endsConnections, ...noChunks, ...layoutCounts],
  },
  {
    name: "Erlang, waiting duplicates",
    binary: erlangBinary,
    program: ["orders.escript"],
    others: [...noChunks, ...layoutCounts],
  },
  { name: "PHP's own server", binary: phpBinary, program: ["orders.php"], others: endsConnections },
];

/** Right servers in Node. */
export const rightModels: Readonly<
  Record<string, { readonly open: () => ModelServer; readonly others: readonly string[] }>
> = {
  "Node, Connection: close": {
    others: endsConnections,
    open: () => {
      const model = new ModelServer();
      const listen = model.listen.bind(model);
      return Object.assign(model, {
        listen: (...[request, response]: Parameters<typeof listen>) => {
          response.shouldKeepAlive = false;
          return listen(request, response);
        },
      });
    },
  },
  "Node, waiting duplicates": {
    others: [],
    open: () =>
      Object.assign(new ModelServer(), { inProgress: (record) => record.answer } satisfies Partial<ModelServer>),
  },
  "Node, optional keys, 409 for another body": {
    others: ["E01 not-applicable"],
    open: () => {
      const model = new ModelServer();
      const key = model.key.bind(model);
      return Object.assign(model, {
        key: (values) => (values.length === 0 ? undefined : key(values)),
        reused: () => problem(409, "another request"),
        policy: "optional, retention=604800, key-length=255",
      } satisfies Partial<ModelServer>);
    },
  },
};

/** Starts a program until the running test ends. @returns its origin. */
export async function startRightProgram({ binary, program: [file, ...args] }: RightProgram): Promise<string> {
  const path = join("conformance/servers", file);
  const command = findBinary(binary)!;
  if (binary !== phpBinary) {
    const child = spawn(command, [path, ...args], { stdio: ["ignore", "pipe", "ignore"] });
    endWithTest(child);
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    return line;
  }
  // Its own server says on stderr that it has started, and writes a line there for each request.
  const port = await serverPort();
  const env = { ...process.env, STATE: join(temporaryFolder(), "orders.json") };
  const child = spawn(command, ["-S", `127.0.0.1:${port}`, path], { stdio: ["ignore", "ignore", "pipe"], env });
  endWithTest(child);
  const lines = createInterface(child.stderr);
  for await (const line of lines) if (line.includes("started")) break;
  child.stderr.resume();
  return `http://127.0.0.1:${port}`;
}

function endWithTest(child: ChildProcess): void {
  onTestFinished(() => void child.kill("SIGKILL"));
}
