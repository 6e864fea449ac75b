import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { databases, pgPool } from "../postgres/databases.ts";
import { startHttpServer } from "../support/http-server.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary } from "../support/servers/postgres.ts";

const program = new URL("../../examples/guides/outbox.ts", import.meta.url).href;

describeWithServer("the guide's program", postgresBinary, () => {
  const { create } = databases();

  test("announces an order that it saved, and none that it did not", async () => {
    const url = await create();
    const pool = pgPool(url);
    await pool.query("CREATE TABLE orders (id text PRIMARY KEY, item text NOT NULL)");
    const announced: string[] = [];
    const shipping = await startHttpServer(async (request, response) => {
      announced.push(`${request.url} ${Buffer.concat(await request.toArray()).toString()}`);
      response.end();
    });
    const lines = `
      const { placeOrder, relay } = await import(${JSON.stringify(program)});
      await placeOrder("7", "tea");
      await placeOrder("7", "coffee").catch(({ code }) => console.log(code));
      await relay.idle();
      await relay.close();
      process.exit();`;
    const args = ["--conditions=@once-again/source", "--input-type=module", "--eval", lines];
    const env = { ...process.env, DATABASE_URL: url, SHIPPING_URL: shipping };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    expect(stdout).toBe("23505\n");
    expect(announced).toEqual(['/order.placed {"id":"7","item":"tea"}']);
  });
});
