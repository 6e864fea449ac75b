/**
 * Node's module of HTTP/1.1. An `import` of `node:http` reads every name that it exports, so it also loads undici, HTTP/2
 * and workers: 35 ms of processor time and 14 MB at start-up, for names that nothing here uses.
 */
export const http = process.getBuiltinModule("node:http");
