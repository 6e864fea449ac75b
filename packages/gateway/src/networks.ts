import { BlockList, isIP, isIPv6 } from "node:net";

/** Networks that have a name, as Express' `trust proxy` has them. */
const namedNetworks: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.1/8", "::1/128"],
  linklocal: ["169.254.0.0/16", "fe80::/10"],
  uniquelocal: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
};

/** An address, a network such as `10.0.0.0/8`, or a name of some; undefined for any other text. */
export function readNetwork(given: unknown): string | undefined {
  if (typeof given !== "string") return undefined;
  if (Object.hasOwn(namedNetworks, given)) return given;
  const [address = "", bits, ...rest] = given.split("/");
  if (isIP(address) === 0 || rest.length > 0) return undefined;
  if (bits === undefined) return address;
  try {
    new BlockList().addSubnet(address, /^\d{1,3}$/.test(bits) ? Number(bits) : -1, familyOf(address));
    return `${address}/${bits}`;
  } catch {
    return undefined;
  }
}

/** Whether an address is in one of some networks, each as `readNetwork` reads it. */
export function addressesIn(networks: readonly string[]): (address: string | undefined) => boolean {
  const list = new BlockList();
  for (const network of networks.flatMap((name) => namedNetworks[name] ?? [name])) {
    const [address = "", bits] = network.split("/");
    if (bits === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(bits), familyOf(address));
  }
  return (address = "") => list.check(address, familyOf(address));
}

const familyOf = (address: string): "ipv4" | "ipv6" => (isIPv6(address) ? "ipv6" : "ipv4");
