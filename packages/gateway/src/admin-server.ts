import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { plainProblem, sendResponse } from "./gateway-response.ts";
import type { AdminEndpoints } from "./admin-endpoints.ts";
import { withoutQuery } from "./path-pattern.ts";

/** The port for operators: health, metrics and routes. */
export interface AdminServer extends AsyncDisposable {
  readonly url: string;
}

/** How many connections it has at a time: probes, a scraper, a console. */
const connectionsMax = 256;

/**
 * Serves a gateway's own endpoints on a port that callers don't reach.
 *
 * @param endpoints those in force now.
 * @throws what listening throws.
 */
export async function startAdminServer(
  { host, port }: { readonly host: string; readonly port: number },
  endpoints: () => AdminEndpoints,
): Promise<AdminServer> {
  const server = createServer((request, response) => {
    response.on("error", () => response.destroy());
    request.on("error", () => response.destroy()).resume();
    const path = withoutQuery(request.url ?? "");
    if (request.method !== "GET" && request.method !== "HEAD") {
      return sendResponse(response, plainProblem(405, "This port answers GET and HEAD."));
    }
    const answer = endpoints().answer(path);
    if (answer === undefined) {
      return sendResponse(
        response,
        plainProblem(404, "This port has /-/health, /-/alive, /-/ready, /-/metrics and /-/routes."),
      );
    }
    answer.then(
      (whole) => sendResponse(response, whole),
      () => response.destroy(),
    );
  });
  server.maxConnections = connectionsMax;
  server.listen(port, host);
  await once(server, "listening");
  const { address, family, port: boundPort } = server.address() as AddressInfo;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${boundPort}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
