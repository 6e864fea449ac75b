import { clearedHeaders, headerComment, oddPath, type SplitRule, type SplitRules } from "./split-rules.ts";

/**
 * The configuration of Caddy in front of a gateway: a Caddyfile. Bodies that are too large are left to the gateway, since
 * Caddy's own bound answers 502.
 */
export function printCaddy(split: SplitRules): string {
  const { gateway, upstream, accountHeader, methods, rules } = split;
  const base = upstream.pathname.replace(/\/$/, "");
  const account = accountHeader === undefined ? [] : [`    header_up ${accountHeader} {vars.once_again_account}`];
  const headers = [
    ...clearedHeaders.map((name) => `    header_up -${name}`),
    "    # As nginx does: CGI, WSGI and Rack take x_account for x-account.",
    "    header_up -*_*",
    "    header_up X-Real-IP {http.request.remote.host}",
    ...account,
  ];
  const all = [
    ...headerComment("caddy", split).map((line) => `# ${line}`),
    "(once_again_gateway) {",
    `  reverse_proxy ${gateway} {`,
    ...headers,
    "    header_up -Connection",
    "    header_up -Upgrade",
    "  }",
    "}",
    "(once_again_service) {",
    ...(base === "" ? [] : [`  rewrite * ${base}{http.request.uri}`]),
    `  reverse_proxy ${upstream.origin} {`,
    ...headers,
    "  }",
    "}",
    "",
    ":80 {",
    ...(accountHeader === undefined ? [] : ['  vars once_again_account ""']),
    "  route {",
    ...handle("odd", "gateway", [`method ${methods.join(" ")}`, matches(`^[^?]*(?:${oddPath})`)]),
    ...rules.flatMap(ruleLines),
    "    handle {",
    "      import once_again_service",
    "    }",
    "  }",
    "}",
  ];
  return `${all.join("\n")}\n`;
}

function ruleLines(rule: SplitRule, at: number): string[] {
  const conditions = [`method ${rule.methods.join(" ")}`, matches(`(?i)^${rule.pattern}(?:\\?|$)`)];
  const comment = `    # ${rule.path}`;
  if (rule.to !== "keyed") return [comment, ...handle(`route${at}`, rule.to, conditions)];
  const keyed = rule.keyHeaders.flatMap((name, index) =>
    handle(`route${at}_key${index}`, "gateway", [...conditions, `header ${name} *`]),
  );
  return [comment, ...keyed, ...handle(`route${at}`, "service", conditions)];
}

const handle = (name: string, to: "gateway" | "service", conditions: readonly string[]): string[] => [
  `    @${name} {`,
  ...conditions.map((condition) => `      ${condition}`),
  "    }",
  `    handle @${name} {`,
  `      import once_again_${to}`,
  "    }",
];

/** Of the path as it was sent, with its query: Caddy's own matchers see a decoded one. */
const matches = (pattern: string): string => `expression \`{http.request.uri}.matches(r"${pattern}")\``;
