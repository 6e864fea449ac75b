import type { ServerBinary } from "./binary.ts";

/** It checks the unit of a service, and is not started. */
export const systemdBinary: ServerBinary = { name: "systemd-analyze", install: "apt-get install -y systemd" };
