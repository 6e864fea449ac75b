import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { formsOf, openerOf, schemeMeant, shownParameters, type Stored } from "./url-schemes.ts";

/** Where a store is: in a file of SQLite, or at the URL of a server. */
export type StoreLocation =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "server"; readonly url: URL };

/** The URLs that a store may have, for help texts. */
export const storeForms = formsOf("store");

/** The URLs that an outbox may have, for help texts. */
export const outboxForms = formsOf("outbox");

const forms: Readonly<Record<Stored, string>> = { store: storeForms, outbox: outboxForms };

/**
 * Reads where a store is. A text that can't be meant, as a variable that was not expanded, is refused: as the path of a
 * file, it would give each process a store that no other process sees, and one key would have an effect in each.
 *
 * @throws Error that says what to write instead. It has nothing of a URL, which may hold a password.
 */
export function readStoreLocation(text: string, stored: Stored = "store"): StoreLocation {
  const location = text.trim();
  if (location === "") throw new Error(`The ${stored} is empty: is a variable not set? Write ${forms[stored]}.`);
  refuseVariables(location, stored);
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]+):(.*)$/is.exec(location) ?? [];
  const name = scheme.toLowerCase();
  if (name === "sqlite") return { kind: "sqlite", path: readPath(rest.replace(/^\/\//, ""), stored) };
  if (name === "file" && rest.startsWith("//"))
    return { kind: "sqlite", path: readPath(fileURLToPath(location), stored) };
  if (openerOf(name, stored) !== undefined) {
    const url = rest.startsWith("//") ? URL.parse(location) : null;
    if (url === null) throw new Error(`The URL of the ${stored} can't be read: it must begin with ${name}://HOST.`);
    return { kind: "server", url };
  }
  if (rest.startsWith("//")) throw new Error(`There is no ${stored} for ${name}:// URLs. Write ${forms[stored]}.`);
  throw new Error(refuseBareText(location, stored));
}

/** Where a store is, for people: without user, password, and the options of a driver, which may hold one. */
export function formatStoreLocation(location: StoreLocation): string {
  if (location.kind === "sqlite") return `sqlite:${resolve(location.path)}`;
  const { protocol, host, pathname, searchParams } = location.url;
  const shown = shownParameters.filter((name) => searchParams.has(name));
  const query = shown.map((name) => [name, searchParams.get(name)].filter(Boolean).join("=")).join("&");
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}${query && `?${query}`}`;
}

/** `$NAME`, `${NAME}` and `$(NAME)`; a `$` within a user or a password is one that is meant. */
const variable = /(?:^|[:/=&?])\$\w+|\$\{[^}]*\}?|\$\([^)]*\)?/;

function refuseVariables(location: string, stored: Stored): void {
  const withoutUser = location.replace(/\/\/[^/?#{(]*@/, "//");
  const found = location.startsWith("$") ? location : variable.exec(withoutUser)?.[0];
  if (found === undefined) return;
  const name = /\w+/.exec(found)?.[0] ?? "";
  throw new Error(
    `The ${stored} has a variable in it that was not expanded${name.length > 0 && name.length <= 64 ? `, ${name}` : ""}. ` +
      'A shell expands "$NAME" in double quotes. The exec form of a Dockerfile\'s ENTRYPOINT expands nothing, Kubernetes ' +
      "only $(NAME), and a configuration file of the gateway only ${NAME}.",
  );
}

/** @throws Error for a file that would be in memory, and gone with its process, or that can't be meant. */
function readPath(path: string, stored: Stored): string {
  if (path === "") throw new Error(`The ${stored} names no file: write sqlite:PATH, as in sqlite:keys.db.`);
  if (/^:memory:|^file:/i.test(path)) {
    throw new Error(`The ${stored} must be the path of a file: a database in memory is lost with its process.`);
  }
  // oxlint-disable-next-line no-control-regex -- A line break is what a file with a secret ends with.
  if (/[\0-\x1f]/.test(path))
    throw new Error(`The path of the ${stored} has a control character in it, such as a line break.`);
  return path;
}

function refuseBareText(location: string, stored: Stored): string {
  const [word = ""] = /^\w+(?=$|[:/])/.exec(location.toLowerCase()) ?? [];
  const meant = word === "sqlite3" ? "sqlite" : schemeMeant(word);
  if (openerOf(meant, stored) !== undefined) {
    return `The ${stored} is not a URL: did you mean ${meant}://? Write ${forms[stored]}.`;
  }
  // An address with a user may have a password.
  const isPath = !location.includes("@") && location.length <= 200 && meant !== "sqlite";
  const advice = isPath ? `For a SQLite file write sqlite:${location}, for a server its URL` : `Write ${forms[stored]}`;
  return `The ${stored} has no scheme. ${advice}.`;
}
