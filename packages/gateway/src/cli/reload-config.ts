import type { Store } from "once-again/stores";
import { type OpenConfig, openConfig } from "../config/open-config.ts";
import { type GatewayConfig, type GivenConfig, readConfig } from "../config/read-config.ts";
import { watchFiles } from "../config/watch-files.ts";
import type { GatewayOptions } from "../gateway-options.ts";

/** The configuration by which a gateway runs. It is read again when one of its files changes, or at a request. */
export class ReloadableConfig {
  readonly #given: GivenConfig;
  readonly #store: Store;
  #current: GatewayConfig;
  #open: OpenConfig;
  #endWatch = (): void => undefined;

  constructor(given: GivenConfig, first: GatewayConfig, store: Store) {
    this.#given = given;
    this.#store = store;
    this.#current = first;
    this.#open = openConfig(first, store);
  }

  get current(): GatewayConfig {
    return this.#current;
  }

  get options(): GatewayOptions {
    return this.#open.options;
  }

  /**
   * Watches its files from now on. A configuration that can't be used changes nothing.
   *
   * @param apply has the gateway take another configuration. It may throw.
   * @param report gets the outcome of each reload, for people.
   * @returns a function that reads it again at once.
   */
  beginReloads(
    apply: (options: GatewayOptions, config: GatewayConfig) => void,
    report: (message: string) => void,
  ): () => void {
    const reload = (): void => {
      let opened: OpenConfig | undefined;
      try {
        const next = readConfig(this.#given);
        opened = openConfig(next, this.#store);
        apply(opened.options, next);
        void this.#open.close();
        this.#open = opened;
        report(reloadMessage(this.#current, next));
        this.#current = next;
        this.#watch(reload);
      } catch (error) {
        void opened?.close();
        report(`The configuration can't be used, and the one before holds:\n${(error as Error).message}`);
      }
    };
    this.#watch(reload);
    return reload;
  }

  #watch(reload: () => void): void {
    this.#endWatch();
    this.#endWatch = watchFiles(this.#current.files, reload);
  }

  endWatch(): void {
    this.#endWatch();
  }

  async close(): Promise<void> {
    this.#endWatch();
    await this.#open.close();
  }
}

/** Settings that only a new process takes. */
const startSettings: Readonly<Record<string, (config: GatewayConfig) => unknown>> = {
  store: ({ store }) => store,
  workers: ({ workers }) => workers,
  http2: ({ http2 }) => http2,
  "another address": ({ listen, admin }) => JSON.stringify([listen.tls === undefined, listen.host, listen.port, admin]),
};

function reloadMessage(before: GatewayConfig, next: GatewayConfig): string {
  const changed = Object.keys(startSettings).filter(
    (name) => startSettings[name]!(before) !== startSettings[name]!(next),
  );
  const restart = changed.length === 0 ? "" : ` Restart it for ${changed.join(" and ")}.`;
  return `The configuration was read again.${restart}`;
}
