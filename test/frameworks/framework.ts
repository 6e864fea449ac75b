import type { RequestListener } from "node:http";
import type { IdempotencyPolicy } from "../../packages/once-again/src/http/profile.ts";
import type { Route } from "./route.ts";

/** A route, served by a framework. */
export interface Served {
  listener: RequestListener;
  policy: IdempotencyPolicy;
  close: () => Promise<void>;
}

/** Abilities that some frameworks lack. */
export type Ability = keyof typeof abilities;

/** The abilities, as the guide names them. */
export const abilities = {
  rawEnd: "Raw `response.end()`",
  errorHandler: "The framework's own error handler responds, and that is stored",
  consumedBody: "A parser that keeps no bytes is refused",
  parser: "A body parser in front or behind",
  compression: "Compression in front or behind",
  repeatedKey: "A repeated key header differs from a comma in it",
} as const;

/** A framework, and what it can't do, with the reason. */
export interface Framework {
  name: string;
  serve: (route: Route) => Promise<Served>;
  cannot: Partial<Record<Ability, string>>;
}
