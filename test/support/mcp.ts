import { spawn } from "node:child_process";
import { once } from "node:events";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { onTestFinished } from "vitest";

/** A program of Node's that is an MCP server, and its environment. */
export interface McpProgram {
  readonly program: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const argsOf = ({ program, args = [] }: McpProgram): string[] => ["--conditions=@once-again/source", program, ...args];

/** Starts a server on stdio, until the running test ends, and connects to it. */
export async function connectStdio(program: McpProgram): Promise<{ client: Client; pid: number }> {
  const env = { ...process.env, ...program.env } as Record<string, string>;
  const transport = new StdioClientTransport({ command: process.execPath, args: argsOf(program), env });
  const client = await connect(transport);
  return { client, pid: transport.pid! };
}

/** Starts a server over HTTP, until the running test ends, and returns where it is. */
export async function startMcpHttp(program: McpProgram): Promise<string> {
  const env = { ...process.env, PORT: "0", ...program.env };
  const child = spawn(process.execPath, argsOf(program), { env, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return `http://127.0.0.1:${/port: (\d+)/.exec(line.toString())![1]}/mcp`;
}

/** Connects to a server over HTTP, as a user. */
export function connectHttp(url: string, user: string): Promise<Client> {
  const requestInit = { headers: { authorization: `Bearer ${user}` } };
  return connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
}

async function connect(transport: Parameters<Client["connect"]>[0]): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  onTestFinished(() => client.close());
  await client.connect(transport);
  return client;
}
