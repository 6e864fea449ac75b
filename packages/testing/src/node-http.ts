import type * as nodeHttp from "node:http";

/**
 * Node's module of HTTP/1.1, when it is needed. An `import` of `node:http` also loads undici, HTTP/2 and workers: most of the
 * time and of the memory that the import of this package would take. `node:process` is not imported either, since that makes the
 * process's streams.
 */
export const http = (): typeof nodeHttp => globalThis.process.getBuiltinModule("node:http");
