import type { z } from "zod";
import type { ConfigProblem } from "../config/config-problem.ts";
import { configProblems } from "../config/config-problems.ts";
import { type KeyedRule, operationSchema, type RouteRule } from "../config/route-schema.ts";
import type { Path, YamlSource } from "../config/yaml-source.ts";
import type { ScopeRule } from "../scope/scope-rule.ts";
import { basePaths } from "./base-paths.ts";
import { bySpecificity } from "./specificity.ts";

/** The routes of a document, and what is wrong with it. */
export interface OpenApiRoutes {
  readonly routes: readonly RouteRule[];
  readonly problems: readonly ConfigProblem[];
}

/** The names of operations in OpenAPI, in the specification's order. */
const operationNames = ["get", "put", "post", "delete", "options", "head", "patch", "trace"] as const;

const keyHeaderName = "idempotency-key";

/** The name of our own extension. */
const extension = "x-once-again";

/** So many references lead from one to the next. */
const refsMax = 10;

type Mapping = Readonly<Record<string, unknown>>;

const isMapping = (value: unknown): value is Mapping =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * A route for each operation of an OpenAPI document, 3.0 or 3.1, the more concrete path first. One that has the header
 * `Idempotency-Key` as a parameter is keyed, and `x-once-again` says the rest.
 */
export function openApiRoutes(source: YamlSource, scope: z.ZodType<ScopeRule>): OpenApiRoutes {
  const problems: ConfigProblem[] = [];
  const routes: RouteRule[] = [];
  const report = (path: Path, message: string): void => void problems.push(source.problemAt(path, message));
  const document = isMapping(source.value) ? source.value : {};
  if (!/^3\.[01]\./.test(String(document["openapi"]))) {
    report(["openapi"], "It must be an OpenAPI document of version 3.0 or 3.1, with openapi: 3.1.0 or similar.");
    return { routes, problems };
  }
  const resolve = (node: unknown, path: Path): unknown => {
    let at = node;
    for (let refs = 0; isMapping(at) && typeof at["$ref"] === "string"; refs += 1) {
      const ref = at["$ref"];
      at = ref.startsWith("#/") && refs < refsMax ? follow(document, ref) : undefined;
      if (at === undefined)
        report(path, `The reference ${ref} leads nowhere in this file. Bundle the document into one.`);
    }
    return at;
  };
  if (extension in document) report([extension], misplaced);
  const paths = isMapping(document["paths"]) ? document["paths"] : {};
  for (const [template, pathNode] of Object.entries(paths)) {
    const pathItem = resolve(pathNode, ["paths", template]);
    if (!template.startsWith("/") || !isMapping(pathItem)) continue;
    if (extension in pathItem) report(["paths", template, extension], misplaced);
    for (const name of operationNames) {
      const operation = pathItem[name];
      if (!isMapping(operation)) continue;
      const place = ["paths", template, name];
      const parameters = [pathItem, operation].flatMap(({ parameters: nodes }) => {
        return (Array.isArray(nodes) ? nodes : []).map((node) => resolve(node, [...place, "parameters"]));
      });
      const rule = operationRule(operation, parameters, template, scope);
      if ("issues" in rule) {
        problems.push(...configProblems(source, rule.issues, [...place, extension]));
        continue;
      }
      const servers = operation["servers"] ?? pathItem["servers"] ?? document["servers"];
      for (const base of basePaths(servers)) {
        routes.push({ ...rule, methods: [name.toUpperCase()], path: `${base}${template}` });
      }
    }
  }
  return { routes: routes.sort((one, other) => bySpecificity(one.path, other.path)), problems };
}

const misplaced = `${extension} is read at operations, such as under post.`;

/** The rule of one operation: whether its parameters ask for a key, and what its extension says. */
function operationRule(
  operation: Mapping,
  parameters: readonly unknown[],
  template: string,
  scope: z.ZodType<ScopeRule>,
): KeyedRule | { readonly issues: readonly z.core.$ZodIssue[] } {
  const given = operation[extension];
  const name = (
    isMapping(given) && typeof given["keyHeader"] === "string" ? given["keyHeader"] : keyHeaderName
  ).toLowerCase();
  // An operation's own parameter stands in the place of its path's.
  const key = parameters.filter(isMapping).findLast((parameter) => {
    return parameter["in"] === "header" && String(parameter["name"]).toLowerCase() === name;
  });
  const keyed = key === undefined ? false : key["required"] === true ? "required" : "optional";
  if (given === undefined) return { keyed, onUnknown: { policy: "hold" } };
  const result = operationSchema(scope, keyed, template).safeParse(given, { reportInput: true });
  return result.success ? result.data : { issues: result.error.issues };
}

/** The value that a JSON pointer in a URL's fragment leads to (RFC 6901, section 6). */
function follow(document: Mapping, ref: string): unknown {
  const names = ref
    .slice(2)
    .split("/")
    .map((name) => decode(name).replaceAll("~1", "/").replaceAll("~0", "~"));
  return names.reduce<unknown>(
    (at, name) =>
      typeof at === "object" && at !== null && Object.hasOwn(at, name) ? (at as Mapping)[name] : undefined,
    document,
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
