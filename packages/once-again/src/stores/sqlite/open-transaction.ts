import type { DatabaseSync } from "node:sqlite";
import { hasMethod } from "../../core/duck-typing.ts";
import { invalidOptionError } from "../../core/options.ts";

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no open transaction of the file; what a handler's says after its end. */
export function checkTransaction(transaction: DatabaseSync, location: string | null): void {
  const refuse = (is: string): never => {
    throw invalidOptionError("transaction", "a DatabaseSync of node:sqlite with an open transaction", is);
  };
  if (hasMethod(transaction, "transaction")) refuse("a database of another library");
  if (!hasMethod(transaction, "prepare") || !hasMethod(transaction, "location")) {
    refuse(transaction === null ? "null" : typeof transaction);
  }
  const other = transaction.location();
  if (other === null || other !== location) refuse(`of another file, ${other ?? "in memory"}`);
  if (!transaction.isTransaction) refuse("one on which no transaction is open: run BEGIN IMMEDIATE");
}
