import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";

const printed = `201 {"charge":1} first
201 {"charge":1} true
executed
done
charges: 2 messages: 1
`;

describeWithServer("examples/orms", postgresBinary, () => {
  test.for(["prisma.ts", "typeorm.ts", "sequelize.ts", "mikro-orm.ts"])(
    "%s charges once for a request that is sent twice, and starts a job once",
    async (program) => {
      await using server = await startPostgres();
      const options = { env: { ...process.env, DATABASE_URL: server.url } };
      const args = ["--conditions=@once-again/source", `examples/orms/${program}`];
      expect((await promisify(execFile)(process.execPath, args, options)).stdout).toBe(printed);
    },
  );
});
