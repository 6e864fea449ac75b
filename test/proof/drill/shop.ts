import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The variables that the shop reads. */
export interface ShopVariables {
  readonly DATABASE_URL: string;
  readonly RABBITMQ_URL: string;
  readonly PORT: string;
  readonly METRICS_PORT: string;
  /** The file that stands for the bank: a line for each charge, with its order. */
  readonly BANK: string;
  readonly LEASE_MS: string;
  /** `new`: its charges have another fingerprint than those of the release before. */
  readonly FINGERPRINT?: string;
}

export interface Charge {
  readonly order: string;
  /** It is charged, and never answered. */
  readonly slow?: boolean;
}

export interface Order {
  readonly id: string;
  readonly item: string;
  /** The queue of its message; default `shipping`. */
  readonly topic?: string;
}

/** The shop's process, which is killed and deployed. */
export interface Shop extends AsyncDisposable {
  readonly url: string;
  /** Kills it (SIGKILL), if it runs. */
  kill(): Promise<void>;
  /** Kills it and starts it again, with these variables beside its own; resolves when it is open. */
  deploy(more?: Partial<ShopVariables>): Promise<void>;
  /** Sends a request with a key for the account `acme`; the status is 0 where the connection broke. */
  post(path: string, key: string, body: Charge | Order): Promise<{ readonly status: number; readonly text: string }>;
}

/** How long a request may take, milliseconds: a database that is away is waited for. */
const requestMsMax = 20_000;

/** @param variables of each of its lives. */
export function shopOf(variables: ShopVariables): Shop {
  const program = fileURLToPath(new URL("shop-child.ts", import.meta.url));
  const url = `http://127.0.0.1:${variables.PORT}`;
  let child: ChildProcess | undefined;
  process.once("exit", () => child?.kill("SIGKILL"));

  const kill = async (): Promise<void> => {
    const dying = child;
    if (dying === undefined) return;
    child = undefined;
    if (dying.exitCode !== null || dying.signalCode !== null) return;
    dying.kill("SIGKILL");
    await once(dying, "exit");
  };
  return {
    url,
    kill,
    async deploy(more = {}) {
      await kill();
      const born = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program], {
        env: { ...process.env, ...variables, ...more },
        stdio: ["ignore", "pipe", "inherit"],
      });
      child = born;
      const [said] = (await Promise.race([once(born.stdout, "data"), once(born, "exit")])) as [unknown];
      if (String(said) !== "open\n") throw new Error(`The shop did not open: ${String(said)}`);
    },
    async post(path, key, body) {
      try {
        const response = await fetch(url + path, {
          method: "POST",
          headers: { "idempotency-key": key, "content-type": "application/json", "x-account": "acme" },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(requestMsMax),
        });
        return { status: response.status, text: await response.text() };
      } catch {
        return { status: 0, text: "" };
      }
    },
    [Symbol.asyncDispose]: kill,
  };
}
