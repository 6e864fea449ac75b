import { type Action, frameworkNames, type Program } from "./program.ts";

/** A handler as the most are: what a test does not say. */
const plain: Program = {
  actions: [{ do: "effect", awaited: true }],
  ending: { status: 201, body: "text" },
  framework: "express",
  timeout: "behind",
  mounts: 1,
  processes: 1,
  duplicate: false,
  impatient: false,
};

/** Programs that were found by people before this test was there to find them. */
const known: readonly (readonly [title: string, actions: readonly Action[], rest?: Partial<Program>])[] = [
  ["one of two parallel branches fails", [{ do: "parallel", fails: true }]],
  [
    "a time-out answers, and the handler goes on",
    [{ do: "other-answers" }, { do: "linger" }, { do: "effect", awaited: true }],
  ],
  [
    "a time-out answers, and repeats come while the handler is at work",
    [{ do: "other-answers" }, { do: "linger" }, { do: "linger" }, { do: "effect", awaited: true }],
    { impatient: true },
  ],
  ["a write is not awaited", [{ do: "effect", awaited: false }]],
  [
    "the handler answers, and then writes",
    [{ do: "answer", status: 201 }, { do: "linger" }, { do: "effect", awaited: true }],
  ],
  [
    "an ORM opens a nested transaction",
    [
      { do: "nested", commits: true },
      { do: "nested", commits: false },
    ],
  ],
  ["the handler commits", [{ do: "effect", awaited: true }, { do: "commit" }, { do: "effect", awaited: true }]],
  [
    "the handler throws after it answered",
    [{ do: "effect", awaited: true }, { do: "answer", status: 201 }, { do: "throw" }],
  ],
  ["once-again is mounted twice", [{ do: "effect", awaited: true }], { mounts: 2 }],
  [
    "the caller leaves while the answer is a stream",
    [{ do: "effect", awaited: true }, { do: "caller-leaves" }],
    { ending: { status: 201, body: "stream" } },
  ],
];

/** Those programs, behind each framework, with a title that describes the handler. */
export const knownPrograms: readonly (readonly [title: string, program: Program])[] = known.flatMap(
  ([title, actions, rest]) =>
    frameworkNames.map((framework, index) => [
      `${title}, behind ${framework}`,
      { ...plain, actions, framework, timeout: index % 2 === 0 ? "in-front" : "behind", processes: 2, ...rest },
    ]),
);
