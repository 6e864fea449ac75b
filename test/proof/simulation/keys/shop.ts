import type { HttpResponse } from "../../../../packages/once-again/src/http/index.ts";
import type { Scene } from "../scene.ts";
import type { OrderRequest, Serve } from "../server.ts";
import type { SimulatedProcess } from "../simulated-process.ts";

/** Where an order is sent: only the first honours keys, and says so. The third redirects to the second. */
export const places = ["/orders", "/refunds", "/moved"] as const;
export type Path = (typeof places)[number];

/** The shared state of several servers. */
export interface Shop {
  /** How often each order had its effect. */
  readonly effects: Map<string, number>;
  serveOn(process: SimulatedProcess): Serve;
}

/** Reads a request: its body is its path and the name of its order. */
export function readOrder({ body }: Pick<OrderRequest, "body">): { path: Path; name: string } {
  const [path, name] = new TextDecoder().decode(body).split(" ") as [Path, string];
  return { path, name };
}

export function shopOf(scene: Scene): Shop {
  const { random } = scene;
  const effects = new Map<string, number>();
  const stored = new Map<string, HttpResponse>();
  const response = (status: number, ...headers: [string, string][]): HttpResponse => ({
    status,
    headers,
    body: new Uint8Array(),
  });
  const policy: [string, string] = ["idempotency-key-policy", "required, retention=86400, key-length=255"];

  /** An operation without any protection: it is refused, has its effect, or fails on either side of it. */
  const work = (name: string): HttpResponse => {
    const draw = random();
    if (draw < 0.1) return response(429);
    if (draw < 0.2) return response(503);
    effects.set(name, (effects.get(name) ?? 0) + 1);
    return response(draw < 0.3 ? 500 : 201);
  };
  return {
    effects,
    serveOn: (process) => (request) =>
      new Promise((resolve) => {
        process.after(scene.delay(), () => {
          const { path, name } = readOrder(request);
          if (path !== "/orders") return resolve(work(name));
          const before = stored.get(request.key);
          if (before !== undefined) {
            return resolve({ ...before, headers: [policy, ["idempotent-replayed", "true"]] });
          }
          const made = work(name);
          // A refusal leaves the key free.
          if (made.status !== 429 && made.status !== 503) stored.set(request.key, made);
          resolve({ ...made, headers: [policy] });
        });
      }),
  };
}
