import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import sirv from "sirv";
import { type Access, isLoopbackName, findRefusal } from "./access.ts";
import { sendResponse } from "./send-response.ts";
import { readJson } from "./read-json.ts";
import { refusal, type Route, type Section } from "./route.ts";

/** The options of the console. */
export interface ConsoleOptions {
  /** The pages that it has. */
  readonly sections: readonly Section[];
  /** Where it listens. Default "127.0.0.1"; beyond loopback every request has to bring the token. */
  readonly host?: string | undefined;
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** Whether every request has to bring the token, on loopback too: others on this machine may not look. Default `false`. */
  readonly requireToken?: boolean | undefined;
  /** Default: 128 random bits. */
  readonly token?: string | undefined;
  /** The folder of the built page. Default: the package's own. */
  readonly page?: string | undefined;
}

/** A console that listens. */
export interface ConsoleServer extends AsyncDisposable {
  /** Where to open it. The token is in the fragment, which browsers keep to themselves. */
  readonly url: string;
  readonly token: string;
  /** Ends every connection and what runs behind the sections. */
  close(): Promise<void>;
}

/** The same from src/ and from dist/. */
const builtPage = fileURLToPath(new URL("../../dist/console/page", import.meta.url));

/** Characters. The longest name that a store takes is shorter. */
const valueLengthMax = 4096;

/** The page loads nothing from elsewhere, and is in no other page's frame. */
const pageHeaders = {
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/**
 * Serves the console's page and what it asks for.
 *
 * @throws an Error when the page is not built; what listening throws.
 */
export async function consoleServer(options: ConsoleOptions): Promise<ConsoleServer> {
  const { sections, host = "127.0.0.1", port = 0, page = builtPage } = options;
  if (!existsSync(page)) throw new Error(`The console's page is not built (${page}). Run: npm run build`);
  const access: Access = {
    isLoopback: isLoopbackName(host),
    requireToken: options.requireToken ?? false,
    token: options.token ?? randomBytes(16).toString("base64url"),
  };
  const routes = collectRoutes(sections);
  const staticFiles = sirv(page, {
    etag: true,
    setHeaders: (response) => {
      for (const [name, value] of Object.entries(pageHeaders)) response.setHeader(name, value);
    },
  });

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const target = parseTarget(request.url);
    if (target === undefined) return sendResponse(response, refusal(400, "The request's target can't be read."));
    const { pathname, searchParams } = target;
    const odd = [...searchParams].find(([, value]) => value.length > valueLengthMax || value.includes("\0"));
    if (odd !== undefined)
      return sendResponse(response, refusal(400, `No "${odd[0]}" is so long, or has such characters.`));
    const route = routes.get(`${request.method} ${pathname}`);
    if (route !== undefined) return runRoute(route, searchParams, access, request, response);
    if (pathname.startsWith("/api/")) return sendResponse(response, refusal(404, "There is no such path."));
    staticFiles(request, response, () => void response.writeHead(404).end());
  };
  // Any web page can send requests here. A broken one must end nothing but itself.
  const server = createServer((request, response) => {
    request.on("error", () => response.destroy());
    response.on("error", () => response.destroy());
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(port, host);
  await once(server, "listening");
  const { address, family, port: boundPort } = server.address() as AddressInfo;
  const name = family === "IPv6" ? `[${address}]` : address;

  const close = async (): Promise<void> => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await Promise.all([closed, ...sections.map((section) => section.close())]);
  };
  return {
    url: `http://${name}:${boundPort}/#token=${access.token}`,
    token: access.token,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The URL of a request; undefined for a target that is no path, such as "//" or that of a proxy. */
function parseTarget(target = "/"): URL | undefined {
  return (target.startsWith("/") && URL.parse(`http://console${target}`)) || undefined;
}

function collectRoutes(sections: readonly Section[]): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>();
  routes.set("GET /api/sections", ({ mayChange }) => ({
    json: { sections: sections.map(({ name }) => name), mayChange },
  }));
  for (const section of sections) {
    for (const [name, route] of Object.entries(section.routes)) {
      const [method, path] = name.split(" ");
      routes.set(`${method} /api/${section.name}/${path}`, route);
    }
  }
  return routes;
}

async function runRoute(
  route: Route,
  query: URLSearchParams,
  access: Access,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = "GET", headers } = request;
  const asked = { method, host: headers.host, authorization: headers.authorization };
  const refused = findRefusal(asked, access);
  if (refused !== undefined) return sendResponse(response, refusals[refused]);
  const mayChange = findRefusal({ ...asked, method: "POST" }, access) === undefined;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  try {
    const read = method === "POST" ? await readJson(request) : { body: undefined };
    if ("problem" in read) return await sendResponse(response, refusal(read.status, read.problem));
    await sendResponse(response, await route({ query, body: read.body, mayChange, signal: gone.signal }));
  } catch (error) {
    if (response.headersSent) response.destroy();
    else await sendResponse(response, refusal(500, error instanceof Error ? error.message : String(error)));
  }
}

const refusals = {
  host: refusal(421, "The console answers to 127.0.0.1 and localhost only. Start it with --host to open it up."),
  token: refusal(401, "This needs the token. Open the address that the console printed when it started."),
};
