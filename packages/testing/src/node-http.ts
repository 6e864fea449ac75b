import type * as nodeHttp from "node:http";
import process from "node:process";

/**
 * Node's module of HTTP/1.1, when it is needed. An `import` of `node:http` also loads undici, HTTP/2 and workers: most of the
 * time and of the memory that the import of this package would take.
 */
export const http = (): typeof nodeHttp => process.getBuiltinModule("node:http");
