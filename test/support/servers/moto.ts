import { fileURLToPath } from "node:url";
import { findBinary, type ServerBinary } from "./binary.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverFolder } from "./server-folder.ts";
import { serverPort } from "./server-port.ts";

/** Debian's own, and not one that a version manager of Python has put onto PATH. EventBridge needs `python3-jsonpath-ng`. */
export const motoBinary: ServerBinary = {
  name: "moto_server",
  folders: ["/usr/bin"],
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
  if (findBinary(motoBinary) === undefined) {
    throw new Error(`There is no moto_server on this machine: ${motoBinary.install}`);
  }
  const port = await serverPort();
  const program = fileURLToPath(new URL("moto-server.py", import.meta.url));
  return startServer({
    // That of the packages of Debian.
    command: "/usr/bin/python3",
    args: [program, "-H", "127.0.0.1", "-p", String(port)],
    port,
    url: `http://127.0.0.1:${port}`,
    folder: serverFolder("moto"),
    ready: /Running on http/,
  });
}
