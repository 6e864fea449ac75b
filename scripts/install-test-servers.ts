/**
 * Before `npm test` where CI=true, on Debian as root: installs the servers that tests start for themselves. Elsewhere it
 * does nothing: a missing server's tests are skipped, and say what installs it.
 */
import { execSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { testedStores } from "../test/kits/stores/index.ts";
import { findBinary, type ServerBinary } from "../test/support/servers/binary.ts";
import { caddyBinary } from "../test/support/servers/caddy.ts";
import { chromiumBinary } from "../test/support/servers/chromium.ts";
import { firefoxBinary } from "../test/support/servers/firefox.ts";
import { haproxyBinary } from "../test/support/servers/haproxy.ts";
import { kafkaBinary } from "../test/support/servers/kafka.ts";
import { nginxBinary } from "../test/support/servers/nginx.ts";
import { pgbouncerBinary } from "../test/support/servers/pgbouncer.ts";
import { prometheusBinary } from "../test/support/servers/prometheus.ts";
import { rabbitmqBinary } from "../test/support/servers/rabbitmq.ts";
import { systemdBinary } from "../test/support/servers/systemd.ts";
import { openssl } from "../test/support/certificates.ts";
import { gccBinary, spinBinary } from "../test/support/servers/spin.ts";
import { erlangBinary, perlBinary, phpBinary, tclBinary } from "../test/support/servers/languages.ts";

/** The shell of examples/gateway is served by it. */
const busybox: ServerBinary = { name: "busybox", install: "apt-get install -y busybox" };

const binaries = [
  busybox,
  caddyBinary,
  chromiumBinary,
  erlangBinary,
  firefoxBinary,
  gccBinary,
  haproxyBinary,
  kafkaBinary,
  nginxBinary,
  openssl,
  perlBinary,
  pgbouncerBinary,
  phpBinary,
  prometheusBinary,
  rabbitmqBinary,
  spinBinary,
  systemdBinary,
  tclBinary,
  ...testedStores.flatMap(({ servers }) => servers.flatMap(({ binary }) => binary ?? [])),
];

const missing = binaries.filter((binary) => findBinary(binary) === undefined);
const mayInstall = process.env["CI"] === "true" && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");

if (mayInstall && missing.length > 0) {
  for (const command of ["apt-get update", ...missing.map(({ install }) => `${install} --no-install-recommends`)]) {
    execSync(command, { stdio: "inherit" });
  }
}
