import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AuthInfo } from "@modelcontextprotocol/sdk/server/auth/types.js";
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

/** Serves on stdio, or, where `PORT` is set, over HTTP. */
export async function serve(makeServer: () => McpServer): Promise<void> {
  const port = process.env["PORT"];
  if (port === undefined) return makeServer().connect(new StdioServerTransport());
  const http = createServer((request, response) => void answer(makeServer, request, response));
  http.listen(Number(port), "127.0.0.1", () => console.log("listening", http.address()));
}

async function answer(makeServer: () => McpServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const auth = verifiedToken(request);
  if (auth === undefined) return void response.writeHead(401).end();
  if (request.method !== "POST") return void response.writeHead(405, { allow: "POST" }).end();
  // A server for each request: there is no session that could die.
  const transport = new StreamableHTTPServerTransport();
  const server = makeServer();
  response.once("close", () => void server.close());
  await server.connect(transport);
  await transport.handleRequest(Object.assign(request, { auth }), response);
}

/** Stands for your OAuth: here a token is the user's name. */
function verifiedToken({ headers: { authorization } }: IncomingMessage): AuthInfo | undefined {
  const token = /^Bearer (\w+)$/.exec(authorization ?? "")?.[1];
  return token === undefined ? undefined : { token, clientId: "example", scopes: [], extra: { user: token } };
}
