import { clearedHeaders, headerComment, oddPath, type SplitRule, type SplitRules } from "./split-rules.ts";

/** The configuration of nginx in front of a gateway: a file for `http`, as in /etc/nginx/conf.d. */
export function printNginx(split: SplitRules): string {
  const { gateway, upstream, accountHeader, bodyBytesMax, responseSeconds } = split;
  const base = upstream.pathname === "/" ? "" : `${upstream.pathname.replace(/\/$/, "")}$request_uri`;
  const isTls = upstream.protocol === "https:";
  const account = accountHeader === undefined ? [] : [`proxy_set_header ${accountHeader} $once_again_account;`];
  const cleared = [...clearedHeaders, "X-Forwarded-Prefix", "X-Forwarded-Ssl"].map(
    (name) => `proxy_set_header ${name} "";`,
  );
  const shared = [...way, ...account, ...cleared, "proxy_http_version 1.1;", "proxy_next_upstream off;"];
  return lines([
    ...headerComment("nginx", split).map((line) => `# ${line}`),
    "",
    ...routeMaps(split),
    'map $http_upgrade $once_again_connection { default ""; "~*^websocket$" upgrade; }',
    `upstream once_again_gateway { server ${gateway}; keepalive 32; }`,
    `upstream once_again_service { server ${upstream.hostname}:${upstream.port || (isTls ? 443 : 80)}; keepalive 32; }`,
    "",
    "server {",
    "  listen 80;",
    ...(accountHeader === undefined ? [] : ['  set $once_again_account "";']),
    "",
    "  location / {",
    "    if ($once_again_to = gateway) { rewrite ^ /.once-again last; }",
    `    proxy_pass ${upstream.protocol}//once_again_service${base};`,
    ...(isTls ? serviceTls(upstream.hostname) : []),
    ...shared.map((line) => `    ${line}`),
    "    proxy_set_header Connection $once_again_connection;",
    "    proxy_set_header Upgrade $http_upgrade;",
    "    proxy_buffering off;",
    "    proxy_request_buffering off;",
    "    client_max_body_size 0;",
    "  }",
    "",
    "  location = /.once-again {",
    "    internal;",
    "    proxy_pass http://once_again_gateway$request_uri;",
    ...shared.map((line) => `    ${line}`),
    '    proxy_set_header Connection "";',
    "    proxy_request_buffering on;",
    `    client_max_body_size ${bodyBytesMax};`,
    `    proxy_read_timeout ${responseSeconds}s;`,
    "  }",
    "}",
  ]);
}

/** Headers that describe a request's way to the service. Those of callers are replaced. */
const way = [
  "proxy_set_header Host $host;",
  "proxy_set_header X-Forwarded-For $remote_addr;",
  "proxy_set_header X-Forwarded-Host $host;",
  "proxy_set_header X-Forwarded-Port $server_port;",
  "proxy_set_header X-Forwarded-Proto $scheme;",
  "proxy_set_header X-Real-IP $remote_addr;",
];

function routeMaps({ methods, rules }: SplitRules): string[] {
  const keyMaps = [...new Set(rules.filter(({ to }) => to === "keyed").map(keyVariable))];
  return [
    ...keyMaps.flatMap((variable) => {
      const { keyHeaders } = rules.find((rule) => keyVariable(rule) === variable)!;
      const values = keyHeaders.map((name) => `$http_${name.replaceAll("-", "_")}`).join("");
      return [`map "${values}" $${variable} { "" service; default gateway; }`];
    }),
    'map "$request_method $request_uri" $once_again_to {',
    "  default service;",
    `  "~^(?:${methods.join("|")}) [^?]*(?:${oddPath.replaceAll("\\\\", "\\\\\\\\")})" gateway;`,
    ...rules.map((rule) => {
      const to = rule.to === "keyed" ? `$${keyVariable(rule)}` : rule.to;
      return `  "~*^(?:${rule.methods.join("|")}) ${rule.pattern}(?:\\?|$)" ${to}; # ${rule.path}`;
    }),
    "}",
  ];
}

const keyVariable = ({ keyHeaders }: SplitRule): string =>
  `once_again_key_${keyHeaders.at(-1)!.replaceAll(/[^a-z0-9]/g, "_")}`;

const serviceTls = (host: string): string[] => [
  "    proxy_ssl_server_name on;",
  `    proxy_ssl_name ${host};`,
  "    proxy_ssl_verify on;",
  "    proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;",
];

const lines = (all: readonly string[]): string => `${all.join("\n")}\n`;
