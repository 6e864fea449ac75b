import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { findBinary, type ServerBinary } from "./binary.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverFolder } from "./server-folder.ts";
import { serverPort } from "./server-port.ts";

const server = fileURLToPath(new URL("moto-server.py", import.meta.url));

/**
 * A Python that can start moto. Debian's comes first, since a version manager may have put another one onto PATH, which finds none of
 * Debian's packages. EventBridge needs `python3-jsonpath-ng`.
 */
export const motoBinary: ServerBinary = {
  name: "python3",
  folders: ["/usr/bin"],
  attempt: (python) => void execFileSync(python, [server, "--help"], { stdio: "pipe" }),
  install: "apt-get install -y python3-moto python3-flask python3-flask-cors python3-jsonpath-ng",
};

/** How clients of the AWS SDK find an emulator: its address, and credentials that it takes. */
export function awsClientOptions({ url }: { readonly url: string }) {
  return {
    endpoint: url,
    region: "us-east-1",
    credentials: { accessKeyId: "none", secretAccessKey: "none" },
  };
}

/** The same as variables, for processes that make a client by themselves. */
export function awsEnvironment({ url }: { readonly url: string }) {
  return { AWS_ENDPOINT_URL_DYNAMODB: url, AWS_ACCESS_KEY_ID: "none", AWS_SECRET_ACCESS_KEY: "none" };
}

/**
 * Starts moto, which emulates DynamoDB, SQS, SNS and EventBridge in memory: a restart loses its data.
 *
 * @throws Error when the machine has none (see `describeWithServer`), or it does not start.
 */
export async function startMoto(): Promise<PrivateServer> {
  const command = findBinary(motoBinary);
  if (command === undefined) throw new Error(`There is no moto on this machine: ${motoBinary.install}`);
  const port = await serverPort();
  return startServer({
    command,
    args: [server, "-H", "127.0.0.1", "-p", String(port)],
    port,
    url: `http://127.0.0.1:${port}`,
    folder: serverFolder("moto"),
    ready: /Running on http/,
  });
}
