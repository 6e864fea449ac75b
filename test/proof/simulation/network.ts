import type { HttpResponse } from "../../../packages/once-again/src/http/index.ts";
import type { Scene } from "./scene.ts";
import type { OrderRequest, Serve } from "./server.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** One place where requests are served. */
export interface Place {
  readonly process: SimulatedProcess;
  serve: Serve;
  /** Called with each answer that goes out. */
  onAnswer: () => void;
}

/**
 * A `fetch` for one caller, over a network that loses, delays, repeats and reorders.
 *
 * @param onRepeated is called when a request is sent twice, of which one answer comes back.
 */
export function simulatedFetch(
  scene: Scene,
  caller: SimulatedProcess,
  places: readonly Place[],
  onRepeated: () => void,
): typeof fetch {
  const { diary, plan, random, time, unlucky, delay } = scene;
  const broken = (code: string): TypeError =>
    new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });

  return (_url, init) =>
    new Promise((resolve, reject) => {
      const after = caller.thisLife();
      const headers = new Headers(init?.headers);
      const key = headers.get("idempotency-key") ?? "";
      const sent = init?.body as string | ArrayBuffer;
      const body = typeof sent === "string" ? new TextEncoder().encode(sent) : new Uint8Array(sent);
      const request: OrderRequest = { scope: headers.get("x-account") ?? "", key, body };
      const fail = (code: string): void => {
        // A silent loss ends with the caller's own time-out.
        if (random() < 0.8) after(delay(), () => reject(broken(code)));
      };
      const answer = ({ status, headers, body }: HttpResponse): void => {
        if (unlucky(plan.networkFaults)) {
          diary.fault("answer lost");
          if (status === 201) diary.window("success answered, answer lost");
          return fail("ECONNRESET");
        }
        const pairs = headers.map(([name, value]): [string, string] => [name, value]);
        after(delay(), () => resolve(new Response(Uint8Array.from(body), { status, headers: pairs })));
      };
      const arrive = (): void => {
        const place = places[Math.floor(random() * places.length)]!;
        const { process, serve } = place;
        if (!process.isAlive) {
          diary.fault("connection refused");
          return void after(delay(), () => reject(broken("ECONNREFUSED")));
        }
        const { life } = process;
        process.after(0, () => {
          diary.note(`${process.name}: request ${request.scope} ${key}`);
          void serve(request).then((given) => {
            if (!process.isAlive || process.life !== life) return;
            answer(given);
            place.onAnswer();
          });
        });
      };
      if (unlucky(plan.networkFaults)) {
        diary.fault("request lost");
        return fail("ECONNRESET");
      }
      time.after(delay(), arrive);
      if (unlucky(plan.networkFaults / 3)) {
        onRepeated();
        diary.fault("request duplicated");
        diary.window("request came twice");
        time.after(delay() + delay(), arrive);
      }
    });
}
