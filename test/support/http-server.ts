import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Serves requests on a free port until the running test ends, and returns the base URL. */
export async function startHttpServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Sends a POST with a key. */
export function post(url: string, key = "order-7", init: RequestInit = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    body: '{"item":"tea"}',
    ...init,
    headers: { "idempotency-key": key, ...init.headers },
  });
}

/** An answer in a form that is easily compared. */
export async function read(response: Response): Promise<{ status: number; text: string; replayed: boolean }> {
  const replayed = response.headers.get("idempotent-replayed") === "true";
  return { status: response.status, text: await response.text(), replayed };
}

/** Sends a POST with a key, and reads its answer. */
export const posted = async (...args: Parameters<typeof post>): Promise<Awaited<ReturnType<typeof read>>> =>
  read(await post(...args));
