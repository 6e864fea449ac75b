import fc from "fast-check";

/** An action of a handler; they run in order. An effect writes one row: its place in the program is its name. */
export type Action =
  /** One effect; not awaited, it is left to itself, as a forgotten `await` leaves it. */
  | { readonly do: "effect"; readonly awaited: boolean }
  /** `Promise.all` of two effects, and of a branch that fails at once where `fails`. */
  | { readonly do: "parallel"; readonly fails: boolean }
  /** An ORM's own `transaction()`: BEGIN, an effect, COMMIT or ROLLBACK. */
  | { readonly do: "nested"; readonly commits: boolean }
  /** A COMMIT without a BEGIN. */
  | { readonly do: "commit" }
  /** Another party's time-out answers for the handler, which goes on. */
  | { readonly do: "other-answers" }
  /** The caller hangs up. */
  | { readonly do: "caller-leaves" }
  /** The handler answers, and goes on. */
  | { readonly do: "answer"; readonly status: number }
  /** Waits until the caller has its answer, or for a moment where no answer comes before the handler ends; and then on. */
  | { readonly do: "linger" }
  | { readonly do: "throw" };

/** How a handler ends that did not throw. */
export interface Ending {
  readonly status: number;
  readonly body: "text" | "stream" | "stream-that-breaks";
}

export const frameworkNames = ["node", "web", "express", "fastify", "hono", "koa", "nest"] as const;
export type FrameworkName = (typeof frameworkNames)[number];

/** A handler, and what is around it. */
export interface Program {
  readonly actions: readonly Action[];
  readonly ending: Ending;
  readonly framework: FrameworkName;
  /** Where another party's time-out is. */
  readonly timeout: "in-front" | "behind";
  /** Whether once-again is mounted twice, which it has to notice. */
  readonly mounts: 1 | 2;
  /** Whether a repeat goes to the other process. */
  readonly processes: 1 | 2;
  /** Whether a duplicate comes while the first one runs. */
  readonly duplicate: boolean;
  /** Whether repeats come while a handler is still at work after a time-out has answered for it. */
  readonly impatient: boolean;
}

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("effect" as const), awaited: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("parallel" as const), fails: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("nested" as const), commits: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: "commit" as const }) },
  { weight: 2, arbitrary: fc.constant({ do: "other-answers" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "caller-leaves" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("answer" as const), status: fc.constantFrom(200, 201, 402, 500) }),
  },
  { weight: 3, arbitrary: fc.constant({ do: "linger" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "throw" as const }) },
);

/** Programs at random. */
export const programs: fc.Arbitrary<Program> = fc.record({
  actions: fc.array(action, { maxLength: 6 }),
  ending: fc.record({
    status: fc.constantFrom(200, 201, 204, 404, 503),
    body: fc.oneof(
      { weight: 5, arbitrary: fc.constant("text" as const) },
      { weight: 2, arbitrary: fc.constant("stream" as const) },
      { weight: 1, arbitrary: fc.constant("stream-that-breaks" as const) },
    ),
  }),
  framework: fc.constantFrom(...frameworkNames),
  timeout: fc.constantFrom("in-front" as const, "behind" as const),
  mounts: fc.oneof(
    { weight: 12, arbitrary: fc.constant(1 as const) },
    { weight: 1, arbitrary: fc.constant(2 as const) },
  ),
  processes: fc.constantFrom(1 as const, 2 as const),
  duplicate: fc.boolean(),
  impatient: fc.boolean(),
});
