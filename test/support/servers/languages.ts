import type { ServerBinary } from "./binary.ts";

/** Languages with HTTP servers of their own, which are verified. */
export const perlBinary: ServerBinary = { name: "perl", install: "apt-get install -y perl" };
export const tclBinary: ServerBinary = { name: "tclsh", install: "apt-get install -y tcl" };
export const erlangBinary: ServerBinary = { name: "escript", install: "apt-get install -y erlang-base" };
export const phpBinary: ServerBinary = { name: "php", install: "apt-get install -y php-cli" };
