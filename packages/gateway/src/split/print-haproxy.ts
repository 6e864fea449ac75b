import { clearedHeaders, headerComment, oddPath, type SplitRule, type SplitRules } from "./split-rules.ts";

/** The configuration of HAProxy in front of a gateway: sections for haproxy.cfg. */
export function printHaproxy(split: SplitRules): string {
  const { gateway, upstream, accountHeader, bodyBytesMax, responseSeconds } = split;
  const isTls = upstream.protocol === "https:";
  const base = upstream.pathname.replace(/\/$/, "");
  const tls = isTls ? ` ssl verify required ca-file @system-ca sni str(${upstream.hostname})` : "";
  const all = [
    ...headerComment("haproxy", split).map((line) => `# ${line}`),
    "",
    "defaults once_again",
    "  mode http",
    "  timeout connect 5s",
    "  timeout client 60s",
    "  timeout http-request 30s",
    `  timeout server ${responseSeconds}s`,
    "  timeout tunnel 1h",
    "  retries 0",
    "",
    "frontend once_again from once_again",
    "  bind :80",
    ...(accountHeader === undefined ? [] : ['  http-request set-var(txn.account) str("")']),
    ...splitLines(split),
    ...clearedHeaders.map((name) => `  http-request del-header ${name}`),
    "  # As nginx does: CGI, WSGI and Rack take x_account for x-account.",
    "  http-request del-header _ -m sub",
    "  http-request del-header x-forwarded- -m beg",
    "  http-request set-header X-Forwarded-For %[src]",
    "  http-request set-header X-Forwarded-Host %[req.hdr(host)]",
    "  http-request set-header X-Forwarded-Port %[dst_port]",
    "  http-request set-header X-Forwarded-Proto https if { ssl_fc }",
    "  http-request set-header X-Forwarded-Proto http unless { ssl_fc }",
    "  http-request set-header X-Real-IP %[src]",
    ...(accountHeader === undefined ? [] : [`  http-request set-header ${accountHeader} %[var(txn.account)]`]),
    "  http-request del-header Connection unless { req.hdr(upgrade) -i websocket }",
    "  http-request del-header Upgrade unless { req.hdr(upgrade) -i websocket }",
    "  use_backend once_again_gateway if { var(txn.once_again) -m str gateway }",
    "  default_backend once_again_service",
    "",
    "backend once_again_gateway from once_again",
    `  http-request deny status 413 if { req.body_size gt ${bodyBytesMax} }`,
    "  http-request del-header Connection",
    "  http-request del-header Upgrade",
    "  option http-buffer-request",
    `  server gateway ${gateway}`,
    "",
    "backend once_again_service from once_again",
    ...(base === "" ? [] : [`  http-request set-path ${base}%[path]`]),
    `  server service ${upstream.hostname}:${upstream.port || (isTls ? 443 : 80)}${tls}`,
  ];
  return `${all.join("\n")}\n`;
}

function splitLines({ methods, rules }: SplitRules): string[] {
  const set = (to: string, condition: string): string =>
    `  http-request set-var(txn.once_again) str(${to}) if !{ var(txn.once_again) -m found } ${condition}`;
  const ruleLines = (rule: SplitRule): string[] => {
    const matches = `{ method ${rule.methods.join(" ")} } { path -i -m reg '^${rule.pattern}$' }`;
    if (rule.to !== "keyed") return [`  # ${rule.path}`, set(rule.to, matches)];
    const keyed = rule.keyHeaders.map((name) => set("gateway", `${matches} { req.hdr(${name}) -m found }`));
    return [`  # ${rule.path}`, ...keyed, set("service", matches)];
  };
  return [set("gateway", `{ method ${methods.join(" ")} } { path -m reg '${oddPath}' }`), ...rules.flatMap(ruleLines)];
}
