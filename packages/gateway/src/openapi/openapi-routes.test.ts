import { expect, test } from "vitest";
import { formatProblem } from "../config/config-problem.ts";
import { scopeSchema } from "../config/scope-schema.ts";
import { readYaml } from "../config/yaml-source.ts";
import { openApiRoutes } from "./openapi-routes.ts";

function read(text: string) {
  const source = readYaml("api.yaml", text);
  if ("problems" in source) throw new Error(source.problems.map(formatProblem).join("\n"));
  const { routes, problems } = openApiRoutes(source, scopeSchema("."));
  return { routes, problems: problems.map(formatProblem) };
}

const shown = ({ routes }: ReturnType<typeof read>): string[] =>
  routes.map(({ methods, path, keyed }) => `${methods.join()} ${path} ${keyed}`);

test("an operation is keyed as its own, its path's or a referenced parameter says", () => {
  const document = read(`
openapi: 3.1.0
components:
  parameters:
    Key: { $ref: "#/components/parameters/Real~1Key" }
    Real/Key: { in: header, name: idempotency-KEY, required: true }
paths:
  /orders:
    get: {}
    post: { parameters: [{ $ref: "#/components/parameters/Key" }] }
  /orders/{id}:
    parameters: [{ in: header, name: Idempotency-Key }]
    patch: {}
    put: { parameters: [{ in: header, name: Idempotency-Key, required: true }] }
    delete: { x-once-again: false }
  /carts:
    post: { parameters: [{ in: query, name: Idempotency-Key, required: true }] }
`);
  expect(document.problems).toEqual([]);
  expect(shown(document)).toEqual([
    "GET /orders false",
    "POST /orders required",
    "PUT /orders/{id} required",
    "DELETE /orders/{id} false",
    "PATCH /orders/{id} optional",
    "POST /carts false",
  ]);
});

test("the more concrete path is asked first, also where it takes no key", () => {
  const keyed = "post: { x-once-again: {} }";
  const document = read(`
openapi: 3.0.3
paths:
  "/{tenant}/orders": { ${keyed} }
  "/shop/{id}": { ${keyed} }
  "/shop/{id}:cancel": { ${keyed} }
  "/shop/search": { post: {} }
`);
  expect(shown(document)).toEqual([
    "POST /shop/search false",
    "POST /shop/{id}:cancel required",
    "POST /shop/{id} required",
    "POST /{tenant}/orders required",
  ]);
});

test("servers say below which paths the operations are", () => {
  const document = read(`
openapi: 3.0.3
servers:
  - url: https://api.example/{version}/
    variables: { version: { default: v2 } }
  - url: https://staging.example/v2
  - url: /v1
paths:
  /orders: { post: { x-once-again: {} } }
  /login: { servers: [{ url: "https://id.example" }], post: { x-once-again: {} } }
`);
  expect(shown(document)).toEqual(["POST /v2/orders required", "POST /v1/orders required", "POST /login required"]);
});

test("x-once-again says the rest", () => {
  const { routes, problems } = read(`
openapi: 3.1.0
paths:
  /orders/{id}/pay:
    post:
      parameters: [{ in: header, name: X-Request-Id, required: true }]
      x-once-again:
        keyHeader: X-Request-Id
        retention: 7d
        onUnknown: { reconcile: "/payments/{id}/{key}" }
        scope: header:x-account
`);
  expect(problems).toEqual([]);
  expect(routes).toMatchObject([
    {
      path: "/orders/{id}/pay",
      keyed: "required",
      keyHeader: "X-Request-Id",
      retentionMs: 604_800_000,
      onUnknown: { policy: "reconcile", url: "/payments/{id}/{key}" },
      scope: { by: "header", name: "x-account" },
    },
  ]);
});

test("what is wrong has its line, and nothing else is lost for it", () => {
  const document = read(`openapi: 3.1.0
x-once-again: {}
paths:
  /a:
    x-once-again: {}
    post:
      x-once-again:
        retenion: 1h
        onUnknown: { reconcile: "/b/{id}" }
  /b:
    post: { parameters: [{ $ref: "common.yaml#/Key" }, { $ref: "#/a/b" }] }
  /c: { $ref: "#/paths/~1c" }
`);
  expect(document.problems).toEqual([
    "api.yaml:2:15: x-once-again is read at operations, such as under post.",
    "api.yaml:5:19: x-once-again is read at operations, such as under post.",
    'api.yaml:8:9: paths["/a"].post.x-once-again has no setting "retenion". Did you mean retention?',
    'api.yaml:9:33: paths["/a"].post.x-once-again.onUnknown.reconcile must be a path with no other names than {key}, {scope}, but it is "/b/{id}".',
    "api.yaml:11:25: The reference common.yaml#/Key leads nowhere in this file. Bundle the document into one.",
    "api.yaml:11:25: The reference #/a/b leads nowhere in this file. Bundle the document into one.",
    "api.yaml:12:7: The reference #/paths/~1c leads nowhere in this file. Bundle the document into one.",
  ]);
});

test.each(["swagger: '2.0'", "openapi: 2.0.0", "[]", "openapi: 3.1.0\npaths: 7"])("%s has no routes", (text) => {
  expect(read(text).routes).toEqual([]);
});
