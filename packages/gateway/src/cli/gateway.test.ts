import { type ChildProcess, execFileSync } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { get } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { runCli } from "../../../../test/support/cli.ts";
import { describeWithCertificates } from "../../../../test/support/describe-with-certificates.ts";
import { startGatewayCommand } from "../../../../test/support/gateway-command.ts";
import { posted, startHttpServer } from "../../../../test/support/http-server.ts";
import { describeWithServer } from "../../../../test/support/servers/describe-with-server.ts";
import { cutProxy } from "../../../../test/support/servers/cut-proxy.ts";
import { redisBinary, startRedis } from "../../../../test/support/servers/redis.ts";
import { serverPort } from "../../../../test/support/servers/server-port.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";

// Each command is a separate process, and some are three.
const acme = { headers: { "x-account": "acme" } };

/** Counts what it is asked to do. */
async function startUpstream(name = "order"): Promise<{ url: string; effects(): number }> {
  let effects = 0;
  const url = await startHttpServer((request, response) => {
    request.resume();
    if (request.method === "POST") effects += 1;
    response.writeHead(request.method === "POST" ? 201 : 200).end(`${name} ${effects}`);
  });
  return { url, effects: () => effects };
}

const storeFlags = (): string[] => ["--store", `sqlite:${join(temporaryFolder(), "keys.db")}`];

test("an operation happens once in front of a service that knows no keys, and a replay says so", async () => {
  const upstream = await startUpstream();
  const flags = ["--upstream", upstream.url, ...storeFlags(), "--scope", "header:x-account", "--port", "0"];
  const gateway = await startGatewayCommand(flags);
  const first = await posted(gateway.url, "k-1", acme);
  expect(first).toEqual({ status: 201, text: "order 1", replayed: false });
  expect(await posted(gateway.url, "k-1", acme)).toEqual({ ...first, replayed: true });
  expect((await posted(gateway.url, "k-1", { headers: { "x-account": "other" } })).text).toBe("order 2");
  expect((await posted(gateway.url, "k-1")).status).toBe(401);
  expect(await (await fetch(`${gateway.adminUrl}/-/health`)).json()).toMatchObject({
    store: { location: flags[3], isHealthy: true },
  });
  expect(await (await fetch(gateway.url)).text()).toBe("order 2");
  expect(await gateway.end()).toBe(0);
});

test("without a scope it does not start, and says which there are", async () => {
  const { code, stdout, stderr } = await runCli(["gateway", "--upstream", "http://127.0.0.1:1", ...storeFlags()]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^error: --scope: scope is missing.*header:NAME.*jwt:CLAIM.*auth:URL/);
});

test.for<[title: string, args: string[], expected: string]>([
  ["a store that does not answer", ["--store", "redis://127.0.0.1:1"], "REFUSED"],
  ["a store that does not answer workers", ["--store", "redis://127.0.0.1:1", "--workers", "2"], "REFUSED"],
  ["a jwt scope without its issuer's keys", ["--scope", "jwt:sub"], "--jwks: scope.jwks is missing"],
  ["a configuration that is not there", ["--config", "nowhere.yaml"], "nowhere.yaml: The file can't be read"],
])("%s ends it with exit code 2", async ([, args, expected]) => {
  const least = ["--upstream", "http://127.0.0.1:1", "--scope", "header:x-account", ...storeFlags()];
  const { code, stderr } = await runCli(["gateway", ...least, ...args]);
  expect(stderr).toMatch(/^error: /);
  expect(stderr).toContain(expected);
  expect(code).toBe(2);
});

test("a port that is taken ends it with exit code 2", async () => {
  const taken = new URL(await startHttpServer(() => undefined));
  const flags = ["--upstream", "http://127.0.0.1:1", "--scope", "header:x-account", ...storeFlags()];
  expect(await runCli(["gateway", ...flags, "--port", taken.port])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("EADDRINUSE"),
  });
});

const config = (upstream: string, folder: string, more = ""): string => `
upstream: ${upstream}
store: sqlite:${join(folder, "keys.db")}
scope: header:x-account
listen: { port: 0 }
${more}`;

test("--check shows the routes of a good configuration, and every fault of a bad one with its line", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "gateway.yaml");
  const check = (...flags: string[]) => runCli(["gateway", "--config", file, "--check", ...flags]);
  writeFileSync(file, config("http://127.0.0.1:1", folder, "routes: [{ path: /login, key: none }]"));
  const good = await check();
  expect(good).toMatchObject({ code: 0, stderr: "" });
  expect(good.stdout).toMatch(/POST,PATCH \/login {2}passes through\n {2}POST,PATCH \* +key required, .* hold\n/);
  expect(good.stdout).toContain(`\nstore     sqlite:${join(folder, "keys.db")}\n`);
  expect(JSON.parse((await check("--json")).stdout)).toMatchObject({
    valid: true,
    store: `sqlite:${join(folder, "keys.db")}`,
    routes: [{ path: "/login", keyed: false }, { path: "*" }],
  });
  writeFileSync(file, config("nonsense", folder, "workers: none\nroots: []"));
  const bad = await check();
  expect(bad).toMatchObject({ code: 2, stdout: "" });
  expect(bad.stderr.match(/gateway\.yaml:\d+:\d+/g)).toEqual([
    "gateway.yaml:2:11",
    "gateway.yaml:6:10",
    "gateway.yaml:7:1",
  ]);
  const document = await check("--json");
  expect(document.code).toBe(2);
  expect(JSON.parse(document.stdout)).toMatchObject({
    valid: false,
    problems: [{ line: 2 }, { line: 6 }, { line: 7 }],
  });
});

test("a changed configuration is taken while it runs, and one that is broken changes nothing", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "gateway.yaml");
  const [one, other] = [await startUpstream("one"), await startUpstream("other")];
  writeFileSync(file, config(one.url, folder));
  const gateway = await startGatewayCommand(["--config", file]);
  expect((await posted(gateway.url, "k-1", acme)).text).toBe("one 1");

  writeFileSync(join(folder, "new.yaml"), config(other.url, folder));
  renameSync(join(folder, "new.yaml"), file);
  expect(await gateway.said()).toMatch(/^20\d\d-\S+Z once-again gateway: The configuration was read again\.$/);
  expect((await posted(gateway.url, "k-2", acme)).text).toBe("other 1");
  expect(await posted(gateway.url, "k-1", acme)).toMatchObject({ text: "one 1", replayed: true });

  writeFileSync(file, `${config(one.url, folder)}scop: x`);
  expect(await gateway.said()).toContain("can't be used, and the one before holds");
  expect(await gateway.said()).toContain('gateway.yaml:6:1: It has no setting "scop". Did you mean scope?');
  gateway.signal("SIGHUP");
  expect(await gateway.said()).toContain("the one before holds");
  expect((await posted(gateway.url, "k-3", acme)).text).toBe("other 2");

  await gateway.said();
  writeFileSync(file, config(one.url, folder, "workers: 3"));
  expect(await gateway.said()).toContain("Restart it for workers.");
  expect((await posted(gateway.url, "k-4", acme)).text).toBe("one 2");
  expect(await gateway.end()).toBe(0);
});

test("workers share the port and the store; one that dies has a successor; they end in good order", async () => {
  const upstream = await startUpstream();
  const flags = ["--upstream", upstream.url, ...storeFlags(), "--scope", "header:x-account"];
  const gateway = await startGatewayCommand([...flags, "--port", "0", "--workers", "2"]);
  const [first] = childrenOf(gateway.pid);
  const keys = Array.from({ length: 20 }, (_, at) => `k-${at}`);
  const send = (...sent: string[]) => Promise.all(sent.map((key) => posted(gateway.url, key, acme)));
  for (const { status } of await send(...keys, ...keys)) expect([201, 409]).toContain(status);
  expect(upstream.effects()).toBe(20);
  process.kill(first!, "SIGKILL");
  expect(await gateway.said()).toMatch(
    new RegExp(`^20\\d\\d-\\S+Z once-again gateway: The worker ${first} died \\(SIGKILL\\), and has a successor\\.$`),
  );
  await expect.poll(() => childrenOf(gateway.pid).length).toBe(2);
  for (const response of await send(...keys)) expect(response).toMatchObject({ status: 201, replayed: true });
  expect(await gateway.end()).toBe(0);
  expect(upstream.effects()).toBe(20);
});

test("workers tell their metrics together, and each request is a line of the log", async () => {
  const upstream = await startUpstream();
  const flags = ["--upstream", upstream.url, ...storeFlags(), "--scope", "header:x-account", "--access-log"];
  const gateway = await startGatewayCommand([...flags, "--port", "0", "--workers", "2"]);
  const keys = Array.from({ length: 20 }, (_, at) => `k-${at}`);
  const agents = keys.map((key) => posted(`${gateway.url}/orders?secret=1`, key, acme));
  for (const { status } of await Promise.all(agents)) expect(status).toBe(201);
  for (let line = 0; line < keys.length; line += 1) {
    const record = JSON.parse(await gateway.printed()) as object;
    expect(record).toMatchObject({ method: "POST", path: "/orders", route: "*", status: 201 });
    expect(JSON.stringify(record)).not.toContain("secret");
  }
  for (let look = 0; look < 4; look += 1) {
    const shown = await (await fetch(`${gateway.adminUrl}/-/metrics`, { headers: { connection: "close" } })).text();
    expect(shown).toContain('once_again_gateway_requests_total{route="*",status="201"} 20');
    expect(shown).toContain('once_again_gateway_operations_total{route="*",event="executed"} 20');
  }
  expect(await gateway.end()).toBe(0);
});

test("callers get nothing of the operators' port, unless it is theirs, and it says what a shutdown waits for", async () => {
  const [go, isRunning] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const upstream = await startHttpServer(async (request, response) => {
    request.resume();
    if (request.method === "POST") {
      isRunning.resolve();
      await go.promise;
    }
    response.end("of the service");
  });
  const flags = ["--upstream", upstream, ...storeFlags(), "--scope", "header:x-account"];
  const gateway = await startGatewayCommand([...flags, "--port", "0"]);
  for (const path of ["health", "metrics", "routes"]) {
    expect(await (await fetch(`${gateway.url}/-/${path}`)).text()).toBe("of the service");
    expect((await fetch(`${gateway.adminUrl}/-/${path}?x=1`)).status).toBe(200);
  }
  expect(new URL(gateway.adminUrl).hostname).toBe("127.0.0.1");
  expect((await fetch(gateway.adminUrl)).status).toBe(404);
  expect((await fetch(`${gateway.adminUrl}/-/health`, { method: "POST" })).status).toBe(405);

  const running = posted(gateway.url, "k-1", acme);
  await isRunning.promise;
  const ended = gateway.end();
  await expect.poll(async () => (await fetch(`${gateway.adminUrl}/-/health`)).status).toBe(503);
  go.resolve();
  expect((await running).text).toBe("of the service");
  expect(await ended).toBe(0);
  await expect(fetch(`${gateway.adminUrl}/-/health`)).rejects.toThrow();

  const port = String(await serverPort());
  const shared = await startGatewayCommand([...flags, "--port", port, "--admin-port", port]);
  expect(shared.adminUrl).toBe(shared.url);
  expect(await (await fetch(`${shared.url}/-/health`)).json()).toMatchObject({ status: "up" });
  expect((await startGatewayCommand([...flags, "--port", "0", "--no-admin"])).adminUrl).toBe("");
});

/** A gateway that is reading a pipe as its configuration; what is written into it is what it reads. */
async function startReading(folder: string) {
  const file = join(folder, "gateway.yaml");
  execFileSync("mkfifo", [file]);
  let child: ChildProcess | undefined;
  const started = startGatewayCommand(["--config", file], {}, (spawned) => (child = spawned));
  // Opens when the other side does.
  const pipe = await open(file, "w");
  return {
    started,
    signal: (name: NodeJS.Signals) => child!.kill(name),
    /** Puts a file in the place of the pipe. */
    replace(content: string): void {
      writeFileSync(join(folder, "new.yaml"), content);
      renameSync(join(folder, "new.yaml"), file);
    },
    async write(content: string): Promise<void> {
      await pipe.writeFile(content);
      await pipe.close();
    },
  };
}

test("a configuration that changes while the first one is read is taken", async () => {
  const folder = temporaryFolder();
  const [one, other] = [await startUpstream("one"), await startUpstream("other")];
  const reading = await startReading(folder);
  reading.replace(config(other.url, folder));
  await reading.write(config(one.url, folder));
  const gateway = await reading.started;
  expect(await gateway.said()).toContain("read again");
  expect((await posted(gateway.url, "k-1", acme)).text).toBe("other 1");
  expect(await gateway.end()).toBe(0);
});

test("SIGHUP while it starts has it read again, and is not its end", async () => {
  const folder = temporaryFolder();
  const upstream = await startUpstream();
  const reading = await startReading(folder);
  reading.signal("SIGHUP");
  reading.replace(config(upstream.url, folder));
  await reading.write(config(upstream.url, folder));
  const gateway = await reading.started;
  expect(await gateway.said()).toContain("read again");
  expect((await posted(gateway.url, "k-1", acme)).text).toBe("order 1");
  expect(await gateway.end()).toBe(0);
});

describeWithServer("workers over a store that may be away", redisBinary, () => {
  async function startWorkers() {
    const redis = await startRedis();
    const proxy = await cutProxy(redis.port);
    onTestFinished(async () => {
      await proxy[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    });
    const folder = temporaryFolder();
    const upstream = await startUpstream();
    const file = join(folder, "gateway.yaml");
    writeFileSync(
      file,
      config(upstream.url, folder, "workers: 2").replace(/sqlite:.*/, `redis://127.0.0.1:${proxy.port}`),
    );
    return { redis, proxy, gateway: await startGatewayCommand(["--config", file]) };
  }

  test("SIGHUP while a worker starts reaches that worker", async () => {
    const { redis, proxy, gateway } = await startWorkers();
    // A store that is silent keeps a worker from listening.
    process.kill(redis.pid!, "SIGSTOP");
    const isStarting = new Promise((resolve) => proxy.onNextQuestion("", resolve));
    process.kill(childrenOf(gateway.pid)[0]!, "SIGKILL");
    expect(await gateway.said()).toContain("has a successor");
    await isStarting;
    gateway.signal("SIGHUP");
    expect(await gateway.said()).toContain("read again");
    process.kill(redis.pid!, "SIGCONT");
    expect(await gateway.said()).toContain("read again");
    expect(await gateway.end()).toBe(0);
  });

  test("a successor that can't start is tried again, and the others serve", async () => {
    const { redis, gateway } = await startWorkers();
    await redis.kill();
    process.kill(childrenOf(gateway.pid)[0]!, "SIGKILL");
    expect(await gateway.said()).toContain("died (SIGKILL), and has a successor");
    await expect.poll(() => gateway.said()).toContain("could not start (exit code 2), and has a successor");
    expect(await (await fetch(gateway.url)).text()).toBe("order 0");
    await redis.restart();
    await expect.poll(() => childrenOf(gateway.pid).length).toBe(2);
    await expect.poll(async () => (await posted(gateway.url, "k-1", acme)).status).toBe(201);
    expect(await gateway.end()).toBe(0);
  });
});

/** The processes that a process has started. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

describeWithCertificates("HTTPS", (given) => {
  test("it speaks HTTPS with its own certificate, and takes a new one without a restart", async () => {
    const certificates = given();
    const folder = temporaryFolder();
    const upstream = await startUpstream();
    const install = (cert: string, key: string): void => {
      writeFileSync(join(folder, "key.pem"), key);
      writeFileSync(join(folder, "cert.pem"), cert);
    };
    install(certificates.good.cert, certificates.good.key);
    writeFileSync(
      join(folder, "gateway.yaml"),
      config(upstream.url, folder).replace("{ port: 0 }", "{ port: 0, cert: cert.pem, key: key.pem }"),
    );
    const gateway = await startGatewayCommand(["--config", join(folder, "gateway.yaml")]);
    const read = (): Promise<string> =>
      new Promise((resolve, reject) => {
        get(gateway.url, { ca: certificates.ca, agent: false }, (response) => resolve(text(response))).on(
          "error",
          reject,
        );
      });
    expect(await read()).toBe("order 0");
    install(certificates.selfSigned.cert, certificates.selfSigned.key);
    expect(await gateway.said()).toContain("read again");
    await expect(read()).rejects.toThrow("self-signed");
    expect(await gateway.end()).toBe(0);
  });
});
