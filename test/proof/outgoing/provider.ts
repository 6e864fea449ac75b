import type { KeyTreatment } from "../../../packages/once-again/src/engine/call-names.ts";

/** A request as it is on its way. */
export interface SentRequest {
  readonly service: KeyTreatment;
  readonly key: string | undefined;
  readonly target: string;
  readonly body: string;
  readonly amount: number;
}

/** The effect of a request, without the time in its body. */
export const effectOf = ({ service, target, amount }: Omit<SentRequest, "key" | "body">): string =>
  `${service} ${target} ${amount}`;

/** The services: one compares the requests of a key, one does not, and one does not know keys. */
export class Providers {
  readonly effects = new Map<string, number>();
  readonly #stored = new Map<string, SentRequest>();

  /** @returns the amount of its response, which is that of the key's first request; or that the key is refused. */
  receive(request: SentRequest): number | "refused" {
    const name = `${request.service} ${request.key}`;
    const first = request.service === "ignores" || request.key === undefined ? undefined : this.#stored.get(name);
    if (first === undefined) {
      this.#stored.set(name, request);
      const effect = effectOf(request);
      this.effects.set(effect, (this.effects.get(effect) ?? 0) + 1);
      return request.amount;
    }
    const isEqual = first.body === request.body && first.target.split("?")[0] === request.target.split("?")[0];
    return request.service === "compares" && !isEqual ? "refused" : first.amount;
  }
}
