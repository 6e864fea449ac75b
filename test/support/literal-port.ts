/**
 * Flags of Node for a program that names port 3000, as those of readers do: it listens on another port, and calls that one.
 * Programs that it starts with its own `process.execArgv` do so, too.
 */
export function insteadOfPort3000(port: number): string[] {
  const preloaded = `import net from "node:net";
    const { listen } = net.Server.prototype;
    net.Server.prototype.listen = function (port, ...rest) {
      return listen.call(this, port === 3000 ? ${port} : port, ...rest).on("listening", () => console.log("listening"));
    };
    const { fetch } = globalThis;
    globalThis.fetch = (url, init) => fetch(String(url).replace(":3000", ":${port}"), init);`;
  return ["--import", `data:text/javascript,${encodeURIComponent(preloaded)}`];
}
