import { registerHooks } from "node:module";

// Prints the files that Node reads when one process imports all modules that its arguments name.

const read: string[] = [];
registerHooks({
  load(url, context, next) {
    read.push(url);
    return next(url, context);
  },
});

async function main(): Promise<void> {
  for (const specifier of process.argv.slice(2)) await import(specifier);
  process.stdout.write(JSON.stringify(read));
}

void main();
