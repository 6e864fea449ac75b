/** An emulator of SQS and SNS in memory, on loopback alone. Its argument is its port. */
import process from "node:process";
import { buildApp } from "fauxqs";

const port = Number(process.argv[2]);
await buildApp({ logger: false, host: `127.0.0.1:${port}` }).listen({ port, host: "127.0.0.1" });
process.stdout.write("listening\n");
