import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Redis } from "ioredis";

/** A door of HTTP to a Redis, as Upstash documents its REST API: texts are UTF-8. */
export interface RedisRest extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  /** How many of the next commands are executed and not answered. */
  losses: number;
}

export async function startRedisRest(port: number): Promise<RedisRest> {
  const redis = new Redis(port, "127.0.0.1");
  const token = "secret";
  const server = createServer((request, response) => {
    void (async () => {
      const chunks = (await Array.fromAsync(request)) as Buffer[];
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      };
      if (request.headers.authorization !== `Bearer ${token}`) return answer(401, { error: "Unauthorized" });
      const [command = "", ...rest] = JSON.parse(Buffer.concat(chunks).toString()) as string[];
      const executed = redis.call(command, ...rest).then(
        (result) => ({ status: 200, body: { result } }),
        (error: Error) => ({ status: 400, body: { error: error.message } }),
      );
      const { status, body } = await executed;
      if (door.losses > 0) {
        door.losses -= 1;
        request.socket.destroy();
      } else answer(status, body);
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const door: RedisRest = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    losses: 0,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
      redis.disconnect();
    },
  };
  return door;
}
